"""How a runner sends a file: that decides what is one transaction (MIGRATIONS.md 1.3, 2).

A multi-statement simple query is one implicit transaction. `psql` sends statement by statement; Prisma up to 7.3 sends
the file as one; from about 7.4 it sends statement by statement whatever its own parser can parse, else one batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.migrations.actions import bodies
from harness.migrations.lexing import code
from harness.migrations.reading import Script
from harness.migrations.statements import Statement

__all__ = ["RUNNERS", "Message", "Unit", "may_commit", "messages", "runner_for", "uncommitted", "units"]

RUNNERS = ("psql", "one-transaction", "prisma@6", "prisma@7.4")

_ENDS = re.compile(r"\b(?:commit|rollback)\b", re.IGNORECASE)
_NEVER_IN_TRANSACTION = frozenset({"CreatedbStmt", "DropdbStmt", "AlterSystemStmt", "CreateTableSpaceStmt"})


@dataclass(frozen=True, slots=True)
class Message:
    """Statements that go to the server as one simple query."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """One statement and the transaction it runs in: `transaction` None means on its own, and then it commits at once.

    `opens` and `closes` are True for the first and last statement of a transaction, whoever opened it.
    """

    statement: Statement
    transaction: int | None
    explicit: bool = False
    longest: float = 0.0  # seconds after which a rehearsal takes it for endless; 0 for no bound


def runner_for(script: Script, choice: str) -> str:
    """The runner's name; `auto` takes Prisma's for a Prisma folder (version from package.json), that of a file's sections
    (goose and its like wrap each in a transaction unless it says otherwise), and psql's for any other file."""
    if choice != "auto":
        if choice not in RUNNERS:
            raise InputError(f"runner {choice!r} is not known.", f"Use one of auto, {', '.join(RUNNERS)}.")
        return choice
    if script.prisma:
        return _prisma_version(script.path)
    return "one-transaction" if script.in_transaction else "psql"


def messages(script: Script, runner: str) -> list[Message]:
    """The simple queries that `runner` sends for `script`, in order."""
    statements = script.source.statements
    if not statements:
        return []
    whole = [Message(statements)]
    single = [Message((statement,)) for statement in statements]
    if runner == "psql":
        return single
    if runner == "prisma@7.4":
        return single if _sqlparser_understands(script.text) else whole
    if runner == "one-transaction":
        return whole
    return whole


def units(script: Script, runner: str) -> list[Unit]:
    """Every statement with the transaction it runs in, after BEGIN and COMMIT in the file itself."""
    found: list[Unit] = []
    number = 0
    open_now: int | None = None
    explicit = False
    for message in messages(script, runner):
        wrapped = runner == "one-transaction" or len(message.statements) > 1
        for statement in message.statements:
            control = transaction_control(statement)
            if (
                control == "begin" and runner != "one-transaction"
            ):  # there it is one already: a warning, and its end commits
                number, open_now, explicit = number + (open_now is None), open_now or number + 1, True
            elif wrapped and open_now is None:
                number += 1
                open_now, explicit = number, False
            found.append(Unit(statement, open_now, explicit))
            if control == "end":
                open_now, explicit = None, False
        if not explicit:
            open_now = None
    return found


def uncommitted(found: Sequence[Unit]) -> Iterator[tuple[Unit, bool]]:
    """The first unit of each transaction of a file whose work does not stay, and whether it is left open at the end."""
    for number, group in groupby(found, key=lambda unit: unit.transaction):
        inside = list(group)
        last = inside[-1]
        works = any(unit.statement.kind != "TransactionStmt" for unit in inside)
        undone = last.statement.node.get("kind") == "TRANS_STMT_ROLLBACK"
        left_open = last.explicit and last is found[-1] and transaction_control(last.statement) != "end"
        if number is not None and works and (undone or left_open):
            yield inside[0], left_open


def transaction_control(statement: Statement) -> str:
    """`begin`, `end` (commit or rollback), or an empty string."""
    if statement.kind != "TransactionStmt":
        return ""
    kind = statement.node.get("kind", "")
    if kind in {"TRANS_STMT_BEGIN", "TRANS_STMT_START"}:
        return "begin"
    return "end" if kind in {"TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE"} else ""


def refuses_transaction(statement: Statement) -> bool:
    """Whether PostgreSQL refuses this statement inside a transaction block (25001)."""
    kind = statement.kind
    return kind in _NEVER_IN_TRANSACTION or (kind in _ALONE_WHERE and bool(_ALONE_WHERE[kind](statement.node)))


def _reindexes_alone(node: Mapping[str, Any]) -> bool:
    params = json.dumps(node.get("params", ()))
    return "concurrently" in params or node.get("kind") in {"REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_DATABASE"}


def _detaches_concurrently(node: Mapping[str, Any]) -> bool:
    return any(
        command["AlterTableCmd"].get("subtype") == "AT_DetachPartition"
        and command["AlterTableCmd"].get("def", {}).get("PartitionCmd", {}).get("concurrent")
        for command in node.get("cmds", ())
    )


_ALONE_WHERE: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "VacuumStmt": lambda node: node.get("is_vacuumcmd"),
    "ReindexStmt": _reindexes_alone,
    "AlterTableStmt": _detaches_concurrently,
    "ClusterStmt": lambda node: "relation" not in node,
    "IndexStmt": lambda node: node.get("concurrent"),
    "DropStmt": lambda node: node.get("concurrent"),
    "DiscardStmt": lambda node: node.get("target") == "DISCARD_ALL",
    "TransactionStmt": lambda node: node.get("kind") in {"TRANS_STMT_COMMIT_PREPARED", "TRANS_STMT_ROLLBACK_PREPARED"},
}


def may_commit(statement: Statement) -> bool:
    """Whether it may end transactions itself, which is refused where one is open (2D000): a DO block that says COMMIT
    or ROLLBACK, or the call of a procedure, whose text is elsewhere."""
    if statement.kind == "DoStmt":
        return any(_ENDS.search(code(body)) for body in bodies(statement))
    return statement.kind == "CallStmt"


def sets_out(statement: Statement) -> bool:
    """Whether it is one with which a transaction begins (BEGIN, SET): it reads nothing, and a mode is said before any query."""
    return statement.kind == "VariableSetStmt" or transaction_control(statement) == "begin"


def needs_transaction(statement: Statement) -> bool:
    """Whether PostgreSQL refuses it outside a transaction block (25P01)."""
    if statement.kind == "TransactionStmt":
        return statement.node.get("kind") in {"TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"}
    return statement.kind == "LockStmt"


def _sqlparser_understands(text: str) -> bool:
    import sqloxide

    try:
        sqloxide.parse_sql(sql=text, dialect="postgres")
    except ValueError:
        return False
    return True


def _prisma_version(path: Path) -> str:
    """`prisma@6` when a package.json above names a version before 7.4, else `prisma@7.4`."""
    for folder in list(path.resolve().parents)[:5]:
        package = folder / "package.json"
        if package.is_file():
            content = json.loads(package.read_text())
            wanted: Sequence[str] = [
                content.get(group, {}).get("prisma", "") for group in ("dependencies", "devDependencies")
            ]
            match = re.search(r"(\d+)(?:\.(\d+))?", next((text for text in wanted if text), ""))
            if match and (int(match[1]), int(match[2] or 0)) < (7, 4):
                return "prisma@6"
            break
    return "prisma@7.4"
