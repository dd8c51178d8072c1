"""Pairing rows with columns, as many as possible."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pair"]


def pair(fits: Sequence[Sequence[bool]], width: int) -> dict[int, int]:
    """Row → its column, no column twice; `fits[row][column]` says which may go together (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column in range(width):
            if fits[row][column] and column not in seen:
                seen.add(column)
                if column not in owner or place(owner[column], seen):
                    owner[column] = row
                    return True
        return False

    for row in range(len(fits)):
        place(row, set())
    return {row: column for column, row in owner.items()}
