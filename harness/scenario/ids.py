"""Ids and randomness of a scenario: they follow from the seed and from nothing else."""

from __future__ import annotations

import random
import threading

from harness.provider.ids import random_uuid

__all__ = ["SeededIds"]


class SeededIds:
    """Version 4 UUIDs in an order that the seed decides. One object lives as long as the application; each scenario reseeds it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(0)

    def reseed(self, seed: int, case_id: str) -> None:
        """Begin the sequence of one scenario."""
        with self._lock:
            self._random = random.Random(f"{seed} {case_id}")

    def __call__(self) -> str:
        """The next id, as text."""
        with self._lock:
            return random_uuid(self._random)
