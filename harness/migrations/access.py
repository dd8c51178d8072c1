"""What row level security asks of a row, by command and role, and whether one condition lets through what another did not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import BoolExprType, SubLinkType
from pglast.stream import RawStream
from pglast.visitors import Visitor

from harness.migrations.schema import Schema

__all__ = ["ACCESSES", "OWNER", "Access", "Asked", "asked_of", "functions_in", "roles_of", "wider"]

OWNER = "its owner"
EVERYBODY = "PUBLIC"
_EVERY_ROW, _NO_ROW = "true", "false"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that policies permit: its letter in `pg_policy`, and whether rows as they are or as they become are asked."""

    command: str
    words: str
    becoming: bool = False


ACCESSES = (
    Access("r", "SELECT"),
    Access("w", "UPDATE"),
    Access("d", "DELETE"),
    Access("a", "INSERT", becoming=True),
    Access("w", "UPDATE", becoming=True),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Conditions of policies: one of `permitting` must hold, and all of `restricting`."""

    permitting: frozenset[str]
    restricting: frozenset[str] = frozenset()

    @property
    def sql(self) -> str:
        if not self.permitting:
            return _NO_ROW
        parts = [] if _EVERY_ROW in self.permitting else [" OR ".join(sorted(self.permitting))]
        parts += sorted(self.restricting)
        return " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts) or _EVERY_ROW

    def narrower(self, then: Asked) -> bool:
        """Whether it may keep back what was let through."""
        wide = _EVERY_ROW in self.permitting or self.permitting >= then.permitting
        return bool(then.permitting) and not (wide and self.restricting <= then.restricting)

    def renamed(self, columns: Mapping[str, str]) -> Asked:
        """The same where columns have other names."""
        if not columns:
            return self
        return Asked(
            *(frozenset(_renamed(each, columns) for each in part) for part in (self.permitting, self.restricting))
        )


def _renamed(condition: str, columns: Mapping[str, str]) -> str:
    """Written as PostgreSQL writes conditions, so far as only names differ."""
    name = re.compile(r"'(?:[^']|'')*'|\b(?<![\"'])[a-z_][a-z0-9_$]*\b(?!\s*\()(?!\.)")
    return name.sub(lambda found: columns.get(found[0], found[0]), condition)


EVERYTHING = Asked(frozenset({_EVERY_ROW}))


def roles_of(table: str, *schemas: Schema) -> list[str]:
    """Whom policies of a table are for: everybody first, then the owner, who is held to them where that is forced."""
    named = {role for schema in schemas for policy in _policies(schema, table) for role in policy["roles"] or ()}
    return [EVERYBODY, OWNER, *sorted(named - {EVERYBODY})]


def asked_of(schema: Schema, table: str, access: Access, role: str) -> Asked:
    """What is asked of the role."""
    entry = schema.tables.get(table, {})
    if not entry.get("row_security") or (role == OWNER and not entry["forced"]):
        return EVERYTHING
    mine = [
        policy
        for policy in _policies(schema, table)
        if policy["command"] in {"*", access.command} and {role, EVERYBODY} & set(policy["roles"] or ())
    ]
    permitting = frozenset(_condition(p, access) for p in mine if p["permissive"])
    restricting = frozenset(_condition(p, access) for p in mine if not p["permissive"]) - {_EVERY_ROW}
    return Asked(permitting, restricting)


def functions_in(schema: Schema, table: str, functions: Iterable[str]) -> list[str]:
    """Those functions (as the schema calls them) which policies of a table ask."""
    asked = " ".join(f"{p['using'] or ''} {p['check'] or ''}" for p in _policies(schema, table))
    names = {each: each.partition("(")[0].rpartition(".")[2] for each in functions}
    return sorted(each for each, name in names.items() if f"{name}(" in asked)


def _policies(schema: Schema, table: str) -> Iterable[Mapping[str, Any]]:
    return (policy for policy in schema.policies.values() if policy["table"] == table)


def _condition(policy: Mapping[str, Any], access: Access) -> str:
    """Without a WITH CHECK what is written is held to USING."""
    asked = (policy["check"] or policy["using"]) if access.becoming else policy["using"]
    return _plain(asked) if asked else _EVERY_ROW


def _plain(condition: str) -> str:
    """A condition without what makes it faster and changes no answer: `(SELECT auth.uid())` is asked once, not for each row."""
    if "SELECT" not in condition.upper():
        return condition
    tree = _condition_tree(condition)
    _Unwrapped()(tree)
    return RawStream()(tree.whereClause)


class _Unwrapped(Visitor):
    def visit_SubLink(self, _: object, link: ast.SubLink) -> Any:  # noqa: N802 - the visitor goes by the node's name
        inner: Any = link.subselect
        plain = link.subLinkType == SubLinkType.EXPR_SUBLINK and not (
            inner.fromClause or inner.whereClause or inner.groupClause or inner.valuesLists or inner.limitCount
        )
        return inner.targetList[0].val if plain and len(inner.targetList or ()) == 1 else None


def _condition_tree(condition: str) -> Any:
    return parse_sql(f"SELECT WHERE {condition}")[0].stmt


def wider(then: str, now: str) -> bool:
    """Whether its words alone say that a condition keeps nothing more back: alternatives were added, or demands left out."""
    if then == _NO_ROW or now == _EVERY_ROW:
        return True
    any_of, all_of = BoolExprType.OR_EXPR, BoolExprType.AND_EXPR
    return _parts(then, any_of) <= _parts(now, any_of) or _parts(now, all_of) <= _parts(then, all_of)


def _parts(condition: str, kind: BoolExprType) -> set[str]:
    """What AND or OR joins at the top of a condition."""
    pending: list[Any] = [_condition_tree(condition).whereClause]
    parts: set[str] = set()
    while pending:
        each = pending.pop()
        if isinstance(each, ast.BoolExpr) and each.boolop == kind:
            pending += each.args or ()
        else:
            parts.add(RawStream()(each))
    return parts
