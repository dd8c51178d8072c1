"""What a check saw of the tables that a migration touches, as lines that a target can be compared with."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.migrations.reach import Reach
from harness.migrations.schema import TABLE_MARKS, Schema, granted, shapes
from harness.migrations.statements import without_passwords

__all__ = ["Identity", "identify", "lines_of"]


@dataclass(frozen=True, slots=True)
class Identity:
    """`before` and `after` describe the touched tables, one fact a line; `checksums` are those of the scripts. `named`: facts
    about columns that its text names or its rehearsal wrote; `unseen`: the place of SQL whose tables no text tells."""

    tables: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    checksums: Mapping[str, str]
    named: tuple[str, ...] = ()
    unseen: str = ""

    @property
    def made(self) -> tuple[str, ...]:
        """Facts that the migration brings about."""
        return tuple(line for line in self.after if line not in self.before)

    @property
    def ended(self) -> tuple[str, ...]:
        """Facts that it ends."""
        return tuple(line for line in self.before if line not in self.after)

    @property
    def needed(self) -> tuple[str, ...]:
        """Facts of `before` that the migration rests on: its tables, everything about the columns it changes, and the columns
        that it reads or writes."""
        changed = [line.split(": ", 1)[1] for line in (*self.made, *self.ended)]
        names = {match[1] for line in self.before if (match := _COLUMN.match(line))}
        touched = {name for name in names if any(_names(line, name) for line in changed)}
        return tuple(
            line
            for line in self.before
            if ": there is a" in line or line in self.named or any(_names(line, name) for name in touched)
        )

    def missing(self, schema: Schema) -> list[str]:
        """Needed facts that do not hold in `schema`: the target is not what the check saw."""
        there = set(lines_of(schema, self.tables, owners=True))
        return [line for line in self.needed if line not in there]

    def elsewhere(self, schema: Schema) -> list[str]:
        """Facts about its tables that the migration does not rest on and that do not hold."""
        there = set(lines_of(schema, self.tables, owners=True))
        return [line for line in self.before if line not in there and line not in self.needed]

    def unmet(self, schema: Schema) -> list[str]:
        """What of the outcome does not hold in `schema`: empty when the migration is there as a whole."""
        there = set(lines_of(schema, self.tables, owners=True))
        wanting = [f"missing: {line}" for line in self.made if line not in there]
        return wanting + [f"still there: {line}" for line in self.ended if line in there]

    def as_json(self) -> dict[str, Any]:
        """For `migration.json`."""
        return {
            "tables": list(self.tables),
            "before": list(self.before),
            "after": list(self.after),
            "checksums": dict(self.checksums),
            "named": list(self.named),
            "unseen": self.unseen,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Identity:
        """Raises InputError when the document is not one of `harness migrate check`."""
        try:
            tables, before, after = (tuple(value[name]) for name in ("tables", "before", "after"))
            named, unseen = tuple(value.get("named", ())), str(value.get("unseen", ""))
            return cls(tables, before, after, dict(value["checksums"]), named, unseen)
        except (KeyError, TypeError) as problem:
            raise InputError(
                "this document does not say what a check saw.", "Make one with `harness migrate check … --report DIR`."
            ) from problem


_NOWHERE = Reach()


def identify(before: Schema, after: Schema, checksums: Mapping[str, str], goes: Reach = _NOWHERE) -> Identity:
    """The identity of a migration: every table on which the two schemas differ or to which it goes, and enums."""
    given = {f"{name}: grant EXECUTE to PUBLIC" for name in after.functions if name not in before.functions}
    old, new = (
        set(lines_of(before, None)),
        set(lines_of(after, None)) - given,
    )  # by default: the target's may be another
    tables = sorted({_table(line) for line in old ^ new} | goes.tables | goes.written)
    mine = tuple(line for line in lines_of(after, tables) if line not in given)
    first = lines_of(before, tables)
    named = tuple(line for line in first if (match := _COLUMN.match(line)) and goes.rests_on(_table(line), match[1]))
    return Identity(tuple(tables), first, mine, checksums, named, goes.unseen)


def lines_of(schema: Schema, tables: Collection[str] | None, *, owners: bool = False) -> tuple[str, ...]:
    """`table: fact` for tables in `tables` (None: all), sorted. Names of types, functions and the like count as tables.

    With `owners` also what an owner may do: on a target the owner may be the role to which the migration grants.
    """
    lines: list[str] = []
    for label, entry in schema.tables.items():
        lines.append(f"{label}: there is a {_KINDS.get(entry['kind'], 'relation')}")
    for column in schema.columns.values():
        default = f" default {column.default}" if column.default else ""
        default += f" collate {column.collation}" if column.collation else ""
        required = " not null" if column.not_null else ""
        lines.append(
            f"{column.table}: column {column.name} {column.type}{required}{default}{column.identity and ' identity'}"
        )
    for fed in schema.numbering.values():
        ends = "and begins again" if fed["cycles"] else "and ends"
        lines.append(
            f"{fed['table']}: numbers {fed['column']} from {fed['sequence']}, which goes to {fed['last']} {ends}"
        )
    for key in schema.constraints.values():
        lines.append(f"{key['table']}: constraint {key['name']} {key['definition']}")
    for index in schema.indexes.values():
        lines.append(f"{index['table']}: index {index['definition']}{'' if index['valid'] else ' (invalid)'}")
    lines += [f"{name}: enum {', '.join(labels)}" for name, labels in schema.enums.items()]
    lines += [f"{name}: composite type {text}" for name, text in shapes(schema).items()]
    lines += [f"{name}: view {text}" for name, text in schema.views.items()]
    lines += [f"{name}: function {digest}" for name, digest in schema.functions.items()]
    lines += [f"{name}: sequence" for name in schema.sequences]
    lines += [f"{name}: extension" for name in schema.extensions]
    lines += [
        f"{name}: domain {'; '.join([str(kind['base']), *(kind['checks'] or ())])}"
        for name, kind in schema.types.items()
        if kind["kind"] == "d"
    ]
    lines += [
        f"{label}: {words}"
        for label, kind in schema.tables.items()
        for mark, words in TABLE_MARKS.items()
        if kind[mark]
    ]
    lines += [f"{name.rsplit('.', 1)[0]}: rule {text}" for name, text in schema.rules.items()]
    lines += [f"{policy['table']}: policy {_policy(name, policy)}" for name, policy in schema.policies.items()]
    lines += schema.grants if owners else granted(schema)
    lines += [f"{name.rsplit('.', 1)[0]}: trigger {text}" for name, text in schema.triggers.items()]
    mine = (line for line in lines if tables is None or _table(line) in tables)
    return tuple(sorted(without_passwords(line) for line in mine))  # a report holds them


def _policy(name: str, policy: Mapping[str, Any]) -> str:
    told = {
        "for": policy["command"],
        "to": ", ".join(policy["roles"]),
        "using": policy["using"],
        "check": policy["check"],
    }
    kind = "" if policy["permissive"] else " restrictive"
    return name.rsplit(".", maxsplit=1)[-1] + kind + "".join(f" {word} {text}" for word, text in told.items() if text)


_COLUMN = re.compile(r"^[^:]+: column (\S+) ")


def _names(line: str, column: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(column)}(?![\w])", line.split(": ", 1)[-1]) is not None


_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}


def _table(line: str) -> str:
    return line.split(": ", 1)[0]


def described(lines: Sequence[str], most: int = 5) -> str:
    """The first few, whole tables before their columns, and how many more."""
    lines = sorted(lines, key=lambda line: ": there is a" not in line)
    more = f" and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more
