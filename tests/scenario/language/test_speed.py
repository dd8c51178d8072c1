"""Loading costs little: compared with libyaml's own loader on the same text, in one process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from harness.scenario.model import Suite

TEXT = Path(__file__).with_name("examples.txt").read_text(encoding="utf-8")
AT_MOST = 5  # measured 1.7 to 3.8 as busy as the machine was: parsed, checked, compiled; the plain loader only parses


def costs(*acts: Callable[[], object]) -> list[float]:
    """The least processor time of several tries of each, taken in turn, so that a noisy machine matters little."""
    gc.collect()
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(40):
        for act, spent in zip(acts, times, strict=True):
            start = time.process_time()
            act()
            spent.append(time.process_time() - start)
    return [min(spent) for spent in times]


def test_loading_costs_at_most_a_few_times_a_plain_yaml_loader(load: Callable[[str], Suite]) -> None:
    ours, plain = costs(lambda: load(TEXT).cases, lambda: yaml.load(TEXT, Loader=yaml.CSafeLoader))
    assert ours / plain <= AT_MOST
