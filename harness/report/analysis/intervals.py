"""Intervals for medians: by resampling, with a fixed seed, so that the same data gives the same interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Interval", "median_interval"]

_RESAMPLES = 1000


class Interval(NamedTuple):
    """A median and the bounds of its interval; both None below five values, where it would say nothing."""

    median: float
    low: float | None
    high: float | None
    size: int


def median_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """The median of `values` with a percentile-bootstrap interval. ValueError when there are none."""
    import numpy as np

    if not len(values):
        raise ValueError("There is no median of nothing.")
    data = np.asarray(values, dtype=float)
    if len(data) < 5:
        return Interval(float(np.median(data)), None, None, len(data))
    resampled = np.random.default_rng(0).choice(data[:5000], size=(_RESAMPLES, min(len(data), 5000)))
    low, high = np.quantile(np.median(resampled, axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(np.median(data)), float(low), float(high), len(data))
