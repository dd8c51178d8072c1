"""No false alarm: the suite passes on the reference in any order and with any seed, and on correct variants of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.defects import VARIANTS
from harness.scenario.model import Case
from harness.scenario.targets import parse_target
from harness.session import Bench
from harness.session.plan import suite_of

ROOT = Path(__file__).resolve().parents[2]
SUITE = suite_of((str(ROOT / "scenarios"),), ROOT)


def bench(target: str) -> Iterator[Bench]:
    opened = Bench.over(SUITE, root=ROOT, target=parse_target(target), database="embedded", seed=1)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def reference() -> Iterator[Bench]:
    yield from bench("reference")


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from bench(f"variant:{request.param}")


def failures(on: Bench, cases: Sequence[Case], seed: int) -> list[str]:
    """What does not pass, in an order that `seed` decides."""
    order = list(cases)
    random.Random(seed).shuffle(order)
    on.stage.seed = seed
    ended = [on.run(case) for case in order]
    return [f"seed {seed}: {each.scenario_id}: {each.failure}" for each in ended if each.outcome not in _FINE]


_FINE = {"passed", "skipped"}
SAMPLE = SUITE.cases[::40]


@pytest.mark.parametrize("seed", [11, 222, 3333])
def test_a_sample_passes_in_any_order_and_with_any_seed(reference: Bench, seed: int) -> None:
    assert failures(reference, SAMPLE, seed) == []


def test_a_sample_passes_on_correct_variants(variant: Bench) -> None:
    assert failures(variant, SAMPLE, 5) == []


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_two_hundred_runs_pass_in_any_order_and_with_any_seed(reference: Bench) -> None:
    for _ in range(200):
        assert failures(reference, SUITE.cases, random.SystemRandom().randrange(1, 10**6)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_whole_suite_passes_on_correct_variants(variant: Bench) -> None:
    assert failures(variant, SUITE.cases, random.SystemRandom().randrange(1, 10**6)) == []
