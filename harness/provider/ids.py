"""Identifiers and randomness from one seed, so that two runs with the same seed agree byte for byte."""

from __future__ import annotations

import random
import string
import uuid

__all__ = ["Ids"]


class Ids:
    """A seeded source of identifiers. `shuffle_source` is separate: shuffling must not move the ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"ids/{seed}")
        self.chance = random.Random(f"chance/{seed}")

    def uuid(self) -> str:
        """A lower-case dashed UUID (version 4)."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def text(self, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)
