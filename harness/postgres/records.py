"""What this room tells others: which server it is, which rows changed, what a reset did."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

__all__ = ["Operation", "ResetReport", "RowOperation", "ServerInfo", "ServerKind"]

ServerKind = Literal["embedded", "testcontainers", "existing"]
Operation = Literal["insert", "update", "delete", "truncate"]


class ServerInfo(Struct, frozen=True):
    """Which database a run used: printed, and recorded in its manifest. No password in any field."""

    kind: ServerKind
    version: str
    image: str | None
    image_digest: str | None
    choice: str


class RowOperation(Struct, frozen=True):
    """One row that one committed transaction changed.

    `position` numbers the operations of a scenario from 1, `transaction` its transactions from 1 in the order in
    which they were first seen. `key` is the primary key (else a unique key of columns that are not null, else the
    whole row). `before` and `after` are whole rows as PostgreSQL's JSON in the table's column order: numbers as int
    or Decimal with their scale kept (45.00), times as ISO text, `timestamptz` in UTC. TRUNCATE gives one operation
    for each row that it removed. A row of a partition is told under the name of the partitioned table.
    """

    position: int
    transaction: int
    table: str
    operation: Operation
    key: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ResetReport(Struct, frozen=True):
    """What Sandbox.reset() had to undo. A report in which nothing is set means that nothing had been changed."""

    tables: tuple[str, ...] = ()  # whose rows were put back
    sequences: tuple[str, ...] = ()  # that were set back
    schema_changes: tuple[str, ...] = ()  # DDL, like "CREATE TABLE public.extra"; the database was replaced
    shared_changes: tuple[str, ...] = ()  # roles, settings, databases, put back one by one
    left_alone: tuple[str, ...] = ()  # the same on a server that others use: noticed, not touched
    terminated: tuple[str, ...] = ()  # connections that held a transaction or a lock
    replaced: bool = False  # the database is a new clone; `Sandbox.database` is a new object
