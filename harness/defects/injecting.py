"""A reference with defects: parts, page and schema, each with what the named defects change in it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.booking.flow import Flow
from harness.booking.parts import Parts

from .catalogue import CATALOGUE
from .defect import Defect
from .swapping import mixed
from .variants import VARIANTS

__all__ = ["flow_of", "inject", "migrated", "schema_key"]


def _known(id_: str) -> Defect:
    return CATALOGUE[id_] if id_ in CATALOGUE else VARIANTS[id_]


def inject(parts: Parts, ids: Sequence[str]) -> Parts:
    """`parts` with the defects (or correct variants) `ids` in them, in that order. Raises KeyError for an unknown id."""
    for each in ids:
        for change in _known(each).changes:
            parts = change(parts)
    return parts


def flow_of(ids: Sequence[str]) -> type[Flow]:
    """The class of the visitor's page with the defects `ids`. Raises KeyError for an unknown id."""
    page: type[Flow] = Flow
    for each in ids:
        for kind in _known(each).page:
            page = mixed(kind, page)
    return page


def migrated(ids: Sequence[str], file: str, sql: str) -> str:
    """The SQL that is applied for `file` (its path within the history) in a schema with the defects `ids`."""
    for each in ids:
        for change in _known(each).sql:
            sql = change(file, sql)
    return sql


def schema_key(ids: Sequence[str]) -> str:
    """Empty where the schema is the reference's, else what names this one."""
    return "+".join(each for each in ids if _known(each).sql)
