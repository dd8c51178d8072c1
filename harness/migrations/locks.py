"""PostgreSQL's table locks: their strength, what each blocks, and who holds them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from harness.migrations.schema import Schema

__all__ = ["MODES", "Lock", "Relations", "blocks_reads", "blocks_writes", "held_by", "mode_words", "strongest"]

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
_STRENGTH = {mode: number for number, mode in enumerate(MODES)}
_WORDS = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """The strongest mode held on one relation that was there before the migration.

    `table` is the label of the table (of an index: its table; of a partition: itself), `on` says which kind it is.
    """

    table: str
    mode: str
    on: str = "table"  # table, index, view, partition

    def __str__(self) -> str:
        place = f" ({self.on})" if self.on != "table" else ""
        return f"{mode_words(self.mode)} on {self.table}{place}"


@dataclass(frozen=True, slots=True)
class Relations:
    """Relations of the baseline by OID: what a migration creates itself is in nobody's way."""

    by_oid: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, schema: Schema) -> Relations:
        """From a snapshot taken before the migration."""
        known: dict[int, tuple[str, str]] = {}
        for label, entry in schema.tables.items():
            kind = "view" if entry["kind"] in {"v", "m"} else "partition" if label in schema.partitions else "table"
            known[int(entry["oid"])] = (label, kind)
        for index in schema.indexes.values():
            known[int(index["oid"])] = (str(index["table"]), "index")
        return cls(known)


def mode_words(mode: str) -> str:
    """As the documentation writes it: `ACCESS EXCLUSIVE`."""
    return _WORDS.get(mode, mode)


def blocks_reads(lock: Lock) -> bool:
    """Only ACCESS EXCLUSIVE stops a SELECT (on an index too: planning a query locks every index of its table)."""
    return lock.mode == "AccessExclusiveLock"


def blocks_writes(lock: Lock) -> bool:
    """SHARE and above stop INSERT, UPDATE and DELETE. On an index or a view only ACCESS EXCLUSIVE does."""
    if lock.on in {"index", "view"}:
        return blocks_reads(lock)
    return _STRENGTH[lock.mode] >= _STRENGTH["ShareLock"]


def held_by(
    connection: psycopg.Connection[Any], pid: int, relations: Relations, *, wanted: bool = False
) -> frozenset[Lock]:
    """Locks that backend `pid` holds now on relations of the baseline, seen from another connection.

    `wanted` adds those that it waits for: it would hold them the moment nobody is in its way.
    """
    rows = connection.execute(
        "SELECT relation::int8, mode FROM pg_locks WHERE pid = %s AND (granted OR %s) AND locktype = 'relation' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (pid, wanted),
    ).fetchall()
    named = (
        Lock(relations.by_oid[oid][0], mode, relations.by_oid[oid][1]) for oid, mode in rows if oid in relations.by_oid
    )
    return strongest(named)


def strongest(locks: Iterable[Lock]) -> frozenset[Lock]:
    """One lock a relation: the strongest."""
    best: dict[tuple[str, str], Lock] = {}
    for lock in locks:
        key = (lock.table, lock.on)
        if key not in best or _STRENGTH[lock.mode] > _STRENGTH[best[key].mode]:
            best[key] = lock
    return frozenset(best.values())
