"""No false alarm: a sample passes on the reference in any order, with any seed, and on variants; `make soak` runs all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.defects import VARIANTS
from harness.scenario.targets import parse_target
from harness.session import Bench
from harness.session.plan import suite_of
from tests.soak.runs import failures

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


SAMPLE = SUITE.cases[::40]


@pytest.mark.parametrize("seed", [11, 222, 3333])
def test_a_sample_passes_in_any_order_and_with_any_seed(reference: Bench, seed: int) -> None:
    assert failures(reference, SAMPLE, seed) == []


def test_a_sample_passes_on_correct_variants(variant: Bench) -> None:
    assert failures(variant, SAMPLE, 5) == []
