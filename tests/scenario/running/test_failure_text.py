"""What a failure says when the product answers something odd."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.errors import Position
from harness.records import Exchange
from harness.scenario.failure import Failure, render
from harness.scenario.matching import Comparison

ODD = "hello\n::stop-commands::x\n  ::error::y"


def exchange(body: str) -> Exchange:
    return Exchange(
        scenario_id="s", attempt=1, step=1, exchange=1, actor="visitor", method="GET", path="/", request_headers="{}",
        request_body=None, status=500, response_headers="{}", response_body=body, error=None, clock=datetime.now(UTC),
        duration_us=1,
    )  # fmt: skip


def test_what_a_product_answers_is_no_command_of_the_service_that_runs_this() -> None:
    """GitHub Actions reads `::stop-commands::` at the start of any line, and shows no annotation from then on."""
    place = Position("a.yaml", 5)
    mismatch = Comparison(path="$.body", matcher="equals", expected="x", actual=ODD, passed=False, position=place)
    failure = Failure(1, "http", place, [mismatch], exchanges=[exchange("b")], bodies={"b": ODD})
    text = render(failure, outcome="failed", place="a.yaml:4", title="t", seed=1, rerun="again")
    assert text.count("::stop-commands::x") == 2
    assert not [line for line in text.splitlines() if line.strip().startswith("::")]
    assert failure.first() == "step 1 http: $.body   expected x   got hello\\n::stop-commands::x\\n  ::error::y"
