"""Every defect there is, by id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    at_calendly,
    booking_ids,
    changing,
    embed,
    failing,
    handling,
    history,
    limits,
    money,
    moves,
    page,
    proofs,
    rows,
    sessions,
    signatures,
    times,
    traces,
    visitors,
    webhooks,
)
from .defect import Defect

__all__ = ["CATALOGUE"]

_SUBJECTS = (
    visitors,
    proofs,
    booking_ids,
    sessions,
    times,
    rows,
    moves,
    traces,
    limits,
    failing,
    signatures,
    webhooks,
    handling,
    at_calendly,
    money,
    changing,
    page,
    embed,
    history,
)

CATALOGUE: Mapping[str, Defect] = MappingProxyType(
    {id_: defect for subject in _SUBJECTS for id_, defect in subject.BOOK.defects.items()}
)
"""The defects by id; those of DOMAIN.md 8 keep the ids that they have there."""
