"""Identifiers and randomness from one seed, so that two runs with the same seed agree byte for byte."""

from __future__ import annotations

import random
import string

__all__ = ["Ids", "random_uuid"]

_VARIANT = "89ab"


def random_uuid(source: random.Random) -> str:
    """A lower-case dashed UUID of version 4 (RFC 9562 section 5.4), as `uuid.UUID` makes it of the same bits."""
    digits = f"{source.getrandbits(128):032x}"
    variant = _VARIANT[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Ids:
    """A seeded source of identifiers. `shuffle_source` is separate: shuffling must not move the ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"ids/{seed}")
        self.chance = random.Random(f"chance/{seed}")

    def uuid(self) -> str:
        """A lower-case dashed UUID (version 4)."""
        return random_uuid(self._random)

    def text(self, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)
