"""The matrix and the order that follows from it."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Sequence

import pytest

from harness.errors import HarnessFault, InputError, MachineError
from harness.migrations.checking import check
from harness.migrations.findings import Finding
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options
from harness.migrations.rollout import SuiteOutcome, as_document, as_text, rollout
from harness.postgres import Server
from harness.progress import Steps
from harness.session import RunResult
from tests.migrations.places import ROOT, UPDATE


class FakeSuite:
    """Outcomes by cell: what is listed fails, the rest passes."""

    def __init__(
        self, failing: dict[tuple[str, str], set[str]], names: Sequence[str] = ("signed-in", "anonymous", "paid")
    ) -> None:
        self.failing, self.names = failing, names

    def __call__(self, profile: str, schema: str) -> list[SuiteOutcome]:
        bad = self.failing.get((profile, schema), set())
        return [
            SuiteOutcome(
                name,
                f"scenario {name}",
                (f"R-{name}",),
                name,
                "failed" if name in bad else "passed",
                "got 500" if name in bad else "",
            )
            for name in self.names
        ]


EXPAND = FakeSuite(
    {("legacy", "before"): {"anonymous"}, ("legacy", "after"): {"anonymous"}, ("reference", "before"): {"anonymous"}}
)
CONTRACT = FakeSuite({("legacy", "after"): {"paid", "anonymous"}, ("legacy", "before"): {"anonymous"}})


@pytest.fixture(scope="module")
def findings(server: Server) -> list[Finding]:
    return check(server, plan(UPDATE), Options(rows=100, phases=("observe", "compatibility", "way back"))).findings


def test_a_migration_that_the_old_code_survives_goes_first(findings: list[Finding]) -> None:
    result = rollout(EXPAND, findings)
    assert result.clear
    texts = [step.text for step in result.order]
    assert texts[0].startswith("Migrate, with the running release in place")
    assert texts[1] == "Do not release the new code before that."
    assert "anonymous visitors" in result.order[1].because
    assert result.order[1].proof == ("reference on before",)
    assert texts[2].startswith("Release the new code")
    assert "the old release is at risk" in texts[3]
    assert "returned NULL in Booking.clientId" in result.order[3].because
    assert "way back ends there" in texts[4]


def test_a_migration_that_breaks_the_old_code_goes_after_the_release() -> None:
    result = rollout(CONTRACT, ())
    assert result.clear
    assert [step.text for step in result.order] == [
        "Release the new code first: it copes with the old schema.",
        "Then migrate.",
    ]


def test_one_scenario_is_told_as_one() -> None:
    because = rollout(
        FakeSuite({("legacy", "before"): {"anonymous"}, ("reference", "before"): {"anonymous"}}), ()
    ).order
    assert because[1].because.startswith("on the old schema it fails 1 scenario (")
    assert because[2].because == "1 scenario passes that failed before"
    alone = rollout(FakeSuite({}, names=("paid",)), ()).order[0].because
    assert alone == "the one scenario that passes today passes on the new schema with the old code too"


def test_when_neither_order_keeps_what_works_it_says_so() -> None:
    result = rollout(FakeSuite({("legacy", "after"): {"paid"}, ("reference", "before"): {"paid"}}), ())
    assert not result.clear


def test_a_cell_in_which_nothing_ran_proves_nothing() -> None:
    with pytest.raises(InputError, match="no scenario ran in the cell legacy on before"):
        rollout(FakeSuite({}, names=()), ())


def test_the_table_shows_rules_that_differ(findings: list[Finding]) -> None:
    text = as_text(rollout(EXPAND, findings))
    assert "2 of 3 pass" in text
    assert "R-anonymous  failed  failed  failed  passed" in " ".join(text.split()).replace(
        "R-anonymous failed failed failed passed", "R-anonymous  failed  failed  failed  passed"
    )
    assert "R-paid" not in text


def test_the_document_has_cells_and_order() -> None:
    document = as_document(rollout(EXPAND, ()))
    assert [(cell["profile"], cell["schema"]) for cell in document["cells"]] == [
        ("legacy", "before"),
        ("legacy", "after"),
        ("reference", "before"),
        ("reference", "after"),
    ]
    assert document["order"][0]["proof"] == ["legacy on before", "legacy on after"]


def test_the_motivating_case_with_the_real_suite(findings: list[Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating first is right; new code first fails for anonymous visitors; going back is at risk."""
    from harness.cli.cells import SuiteInCells

    monkeypatch.chdir(ROOT)
    told = io.StringIO()
    paths = ("scenarios/anonymous/booking.yaml", "scenarios/authenticated/booking.yaml")
    result = rollout(SuiteInCells(paths, (), 1, 1, "embedded", Steps(stream=told)), findings)
    assert re.findall(r"cell (\d of 4)", told.getvalue()) == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    assert len(re.findall(r"  \d+ of \d+ cases passed, \d+:\d\d\n", told.getvalue())) == 4
    before, after = result.cell("legacy", "before"), result.cell("legacy", "after")
    assert before.passed == after.passed != frozenset()
    assert result.cell("reference", "before").rules["R04"] == "failed"
    assert result.cell("reference", "after").rules["R04"] == "passed"
    assert all(outcome.outcome == "passed" for outcome in result.cell("reference", "after").outcomes)
    assert result.order[0].text.startswith("Migrate")
    assert "anonymous visitors" in result.order[1].because


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cell_that_was_interrupted_is_no_ground_for_an_order(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did not run looked like what the old code loses: a wrong order, said with exit code 0."""
    from harness.cli.cells import SuiteInCells

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("harness.session.running._Course.run", lambda *_: os.kill(os.getpid(), number))
    told = io.StringIO()
    with (
        pytest.raises(KeyboardInterrupt),
        SuiteInCells(("scenarios/anonymous/booking.yaml",), (), 1, 1, "embedded", Steps(stream=told)) as suite,
    ):
        suite("legacy", "before")
    assert told.getvalue().splitlines() == [
        "cell 1 of 4: legacy on before",
        "finished cells: none, of 4; no order follows from them, and nothing is left",
    ]


@pytest.mark.parametrize(
    ("result", "raised"),
    [
        (RunResult("r", "reference", 1, planned=2, broken_machine="No space left on device."), MachineError),
        (RunResult("r", "reference", 1, planned=2), HarnessFault),
    ],
)
def test_nor_is_a_run_that_did_not_come_to_its_end(result: RunResult, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        result.require_whole()
