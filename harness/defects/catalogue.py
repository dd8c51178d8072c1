"""Every defect there is, by id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    booking_ids,
    failing,
    history,
    limits,
    money,
    moves,
    page,
    rows,
    sessions,
    signatures,
    times,
    visitors,
    webhooks,
)
from .defect import Defect

__all__ = ["CATALOGUE"]

_SUBJECTS = (
    visitors,
    booking_ids,
    sessions,
    times,
    rows,
    moves,
    limits,
    failing,
    signatures,
    webhooks,
    money,
    page,
    history,
)

CATALOGUE: Mapping[str, Defect] = MappingProxyType(
    {id_: defect for subject in _SUBJECTS for id_, defect in subject.BOOK.defects.items()}
)
"""The defects by id; those of DOMAIN.md 8 keep the ids that they have there."""
