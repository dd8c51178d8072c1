"""Rows of older schemas brought to the current one, one version at a time, when they are read.

A file on disk is never changed. Version 0 (the first draft) kept durations as milliseconds in `duration_ms`,
tags and rules as one comma-separated text, and knew neither `flaky` nor `attempt`. Version 1 had no `case_id`,
`notes` and `fault`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from harness.errors import InputError
from harness.records import SCHEMA_VERSION
from harness.report.lines import Row

__all__ = ["UPGRADES", "check_version", "upgrade"]

Upgrade = Callable[[str, Row], Row]
"""(table, row of one version) → the row of the next version."""


def check_version(version: object, of: object = "This run") -> int:
    """The version if it can be read. InputError for one that nothing here knows, which tells what it is the version `of`."""
    if type(version) is int and (version == SCHEMA_VERSION or version in UPGRADES):
        return version
    known = ", ".join(str(number) for number in sorted({*UPGRADES, SCHEMA_VERSION}))
    raise InputError(
        f"{of} has schema version {version!r}; known are {known}.",
        "Read it with the harness that wrote it, or a newer one.",
    )


def upgrade(table: str, row: Row, version: int) -> Row:
    """`row` as the current schema has it."""
    for number in range(version, SCHEMA_VERSION):
        row = UPGRADES[number](table, row)
    return row


def _from_draft(table: str, row: Row) -> Row:
    new = {name: value for name, value in row.items() if name != "duration_ms"}
    new.setdefault("attempt", 1)
    if "duration_ms" in row:
        new["duration_us"] = round(row["duration_ms"] * 1000)
    if table == "scenarios":
        new.setdefault("flaky", False)
        for name in ("tags", "covers"):
            new[name] = [word for word in str(row[name]).split(",") if word]
    return new


def _without_rounds(table: str, row: Row) -> Row:
    if table != "scenarios":
        return row
    fault = row["outcome"] == "error" and "A fault of the harness" in (row.get("failure") or "")
    return {**row, "case_id": row["scenario_id"], "notes": [], "fault": fault}


UPGRADES: Mapping[int, Upgrade] = MappingProxyType({0: _from_draft, 1: _without_rounds})
