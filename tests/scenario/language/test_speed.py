"""Loading costs little: compared with libyaml's own loader on the same text, in one process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from harness.scenario.model import Suite

TEXT = Path(__file__).with_name("examples.txt").read_text(encoding="utf-8")
AT_MOST = 3.5  # measured 1.9: parsed, checked, compiled; the plain loader only parses
ROUNDS, TRIES = 5, 12


def costs(*acts: Callable[[], object]) -> list[float]:
    """The least processor time of several tries of each, taken in turn, so that a noisy machine matters little."""
    gc.collect()
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(TRIES):
        for act, spent in zip(acts, times, strict=True):
            start = time.process_time()
            act()
            spent.append(time.process_time() - start)
    return [min(spent) for spent in times]


def test_loading_costs_at_most_a_few_times_a_plain_yaml_loader(load: Callable[[str], Suite]) -> None:
    assert min(_ratios(load)) <= AT_MOST


def _ratios(load: Callable[[str], Suite]) -> Iterator[float]:
    """How many times the plain loader's cost ours is, in several rounds: what else the machine does meanwhile slows one or the other."""
    for _ in range(ROUNDS):
        ours, plain = costs(lambda: load(TEXT).cases, lambda: yaml.load(TEXT, Loader=yaml.CSafeLoader))
        yield ours / plain
