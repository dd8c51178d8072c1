"""No check of the suite passes vacuously: changed in any leaf, it fails."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from msgspec.structs import replace

from harness.scenario.model import Case
from harness.scenario.targets import parse_target
from harness.session.bench import Bench
from harness.session.plan import suite_of
from tests.scenario.running.conftest import Play
from tests.support.commands import ROOT
from tests.support.vacuity import Watch, watching

SEED = 1
SAMPLE = 150


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    suite = suite_of(("scenarios",), ROOT)
    bench = Bench.over(suite, root=ROOT, target=parse_target("reference"), database="embedded", seed=SEED)
    yield bench
    bench.close()


def put_to_the_test(bench: Bench, cases: Sequence[Case]) -> Watch:
    watch, silent = Watch(), []
    with watching(watch):
        for case in cases:
            before = watch.mutants
            record = bench.run(case)
            assert record.outcome in {"passed", "skipped"}, record.failure_text
            if record.outcome == "passed" and watch.mutants == before:
                silent.append(case.scenario_id)
    assert not silent, "these compare nothing that can be changed"
    assert not watch.survivors, "\n".join(map(str, watch.survivors))
    assert len(watch.over_nothing) <= watch.checks // 100, "\n".join(map(str, watch.over_nothing))
    return watch


@pytest.mark.timeout(200)
def test_a_sample_of_the_suite_looks_at_what_it_says(bench: Bench) -> None:
    scenarios = {case.scenario.stem: case for case in bench.stage.suite.cases}
    chosen = random.Random(SEED).sample(sorted(scenarios), min(SAMPLE, len(scenarios)))
    watch = put_to_the_test(bench, [scenarios[stem] for stem in chosen])
    assert watch.mutants > 3 * len(chosen)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_check_of_every_case_looks_at_what_it_says(bench: Bench) -> None:
    watch = put_to_the_test(bench, bench.stage.suite.cases)
    assert watch.mutants > len(bench.stage.suite.cases)


VACUOUS = """
when:
  - http: {GET: /api/scheduling/session-types}
    expect: 200
then:
  - rows: {Booking: {count: 0}, SessionType: {every: {currency: GBP}, some: [{title: Office hours, price: <gte 0>}]}}
  - calls: {none: {provider: stripe}}
"""


def test_a_check_that_looks_at_nothing_survives_its_changes(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.scenario.registry import Registry, builtin_registry

    honest, blind = Watch(), Watch()
    with watching(honest):
        assert play(VACUOUS).outcome == "passed"
    assert not honest.survivors
    assert [each.where for each in honest.over_nothing] == [".none"]
    assert (honest.checks, honest.mutants) == (3, 6)
    made = Registry(builtin_registry())
    made.checks["rows"] = replace(made.checks["rows"], run=lambda world, pattern, within_step: [])
    monkeypatch.setattr("harness.scenario.loader.builtin_registry", lambda: made)
    with watching(blind):
        assert play(VACUOUS).outcome == "passed"
    assert {each.where for each in blind.survivors} == {
        ".Booking.count", ".SessionType.every.currency", ".SessionType.some[0].title", ".SessionType.some[0].price",
    }  # fmt: skip
