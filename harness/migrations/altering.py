"""The safe way of an ALTER TABLE, command by command: what the statement means, in steps that block nobody for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import parse_sql
from pglast.enums import AlterTableType, ConstrType
from pglast.parser import ParseError
from pglast.stream import RawStream

from harness.migrations.actions import Name, quoted
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement

__all__ = ["OUTSIDE", "QUIET", "altered_safely", "beside", "index_below", "is_partitioned", "label_of", "partitions_of"]

BATCH = 5000  # rows of one backfill
OUTSIDE = "-- outside a transaction, no lock_timeout (it waits for old transactions by design)\n"
QUIET = "-- nothing does this without the lock: in a quiet moment, with a short lock_timeout and retries"
_SERIALS = {
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "serial2": "smallint",
}


@dataclass(frozen=True, slots=True)
class _Part:
    """One command of an ALTER TABLE. `rewrites`: every row was seen to be written anew."""

    tree: Any
    command: Any
    schema: Schema
    rewrites: bool

    @property
    def table(self) -> Name:
        return Name(self.tree.relation.relname, self.tree.relation.schemaname or "")

    @property
    def label(self) -> str:
        return label_of(self.table)

    @property
    def text(self) -> str:
        """The command as a statement of its own."""
        return _altered(self.tree, self.command)

    def name(self, *words: str) -> str:
        """A name for a constraint that was given none, and that no other has."""
        name = "_".join((self.table.name, *words))[:60]
        taken = {str(entry["name"]) for entry in self.schema.constraints.values() if entry["table"] == self.label}
        return next(n for n in (name, *(f"{name}{number}" for number in range(1, 99))) if n not in taken)


def altered_safely(statement: Statement, schema: Schema, rewrites: bool) -> str:
    """The steps of each command; a command that needs none stays as it is. Empty when none needs any."""
    try:
        tree = _tree(statement.text)
    except ParseError:
        return ""
    parts = [_Part(tree, command, schema, rewrites) for command in tree.cmds]
    steps = [_steps(part) for part in parts]
    if not any(steps):
        return QUIET
    return "\n".join(step or f"{part.text};" for part, step in zip(parts, steps, strict=True))


def _steps(part: _Part) -> str:
    maker = _COMMANDS.get(part.command.subtype)
    return "\n".join(maker(part)) if maker else ""


def _not_null(part: _Part) -> Iterator[str]:
    yield from _proved(part, [part.command.name], f"{part.text};")


def _proved(part: _Part, columns: Sequence[str], last: str) -> Iterator[str]:
    """NOT NULL proved by a constraint that is validated without blocking anybody."""
    table, name = part.table.sql, quoted(part.name(*columns, "not_null"))
    condition = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    yield "-- prove it first with a constraint that is validated without blocking anybody; each step commits"
    yield from _behind_a_check(table, name, condition, last)


def _behind_a_check(table: str, name: str, condition: str, last: str) -> Iterator[str]:
    """`last` after a CHECK that says what it would otherwise look for in every row."""
    yield f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID;"
    yield f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};  -- reads and writes go on"
    yield f"{last}  -- now without a scan"
    yield f"ALTER TABLE {table} DROP CONSTRAINT {name};"


def _added(part: _Part) -> Iterator[str]:
    yield from _constraint(part, part.command.def_, "")


def _constraint(part: _Part, constraint: Any, column: str) -> Iterator[str]:
    """A constraint of the table, or of a column that is there by now."""
    if getattr(constraint, "indexname", None):
        return
    kind = constraint.contype
    if kind in _VALIDATED:
        yield from _validated(part, constraint, column)
    elif kind in _INDEXED and not constraint.without_overlaps:
        yield from _indexed(part, constraint, column)
    elif kind == ConstrType.CONSTR_NOTNULL:
        columns = [key.sval for key in constraint.keys or ()]
        yield from _proved(part, columns, f"{part.text};")
    elif kind in {ConstrType.CONSTR_EXCLUSION, *_INDEXED}:
        yield (
            "-- no index can be built beforehand for this constraint: add it in a quiet moment, with a short lock_timeout, "
            "or to a new table that is filled in batches and swapped in"
        )


_VALIDATED = {ConstrType.CONSTR_CHECK: "check", ConstrType.CONSTR_FOREIGN: "fkey"}
_INDEXED = {ConstrType.CONSTR_UNIQUE: "UNIQUE", ConstrType.CONSTR_PRIMARY: "PRIMARY KEY"}


def _validated(part: _Part, constraint: Any, column: str) -> Iterator[str]:
    if constraint.skip_validation:
        yield f"{part.text};"
        return
    foreign = constraint.contype == ConstrType.CONSTR_FOREIGN
    if foreign and column:
        constraint.fk_attrs = _keys(column)
    columns = [key.sval for key in constraint.fk_attrs or ()] if foreign else [column] if column else []
    constraint.conname = constraint.conname or part.name(*columns, _VALIDATED[constraint.contype])
    constraint.skip_validation, constraint.initially_valid = True, False
    table = part.table.sql
    yield "-- two steps, each commits: the constraint first, the check of existing rows without blocking anybody after"
    if foreign and is_partitioned(part.schema, part.label):
        yield "-- (NOT VALID on a partitioned table: from PostgreSQL 18; before, on each partition)"
    yield f"ALTER TABLE {table} ADD {RawStream()(constraint)};"
    yield f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(constraint.conname)};"


def _indexed(part: _Part, constraint: Any, column: str) -> Iterator[str]:
    """UNIQUE and PRIMARY KEY: the index concurrently, then the constraint on it."""
    columns = [key.sval for key in constraint.keys or ()] or [column]
    kind = _INDEXED[constraint.contype]
    name = constraint.conname or part.name(*(("pkey",) if kind == "PRIMARY KEY" else (*columns, "key")))
    known = [part.schema.columns.get((part.label, each)) for each in columns]
    nullable = [entry.name for entry in known if entry and not entry.not_null]
    if kind == "PRIMARY KEY" and nullable:
        sets = ", ".join(f"ALTER COLUMN {quoted(each)} SET NOT NULL" for each in nullable)
        yield from _proved(part, nullable, f"ALTER TABLE {part.table.sql} {sets};")
    rest = f"({', '.join(map(quoted, columns))})"
    if constraint.including:
        rest += f" INCLUDE ({', '.join(quoted(each.sval) for each in constraint.including)})"
    rest += " NULLS NOT DISTINCT" if constraint.nulls_not_distinct else ""
    if constraint.options:
        rest += f" WITH ({', '.join(f'{each.defname} = {RawStream()(each.arg)}' for each in constraint.options)})"
    rest += f" TABLESPACE {quoted(constraint.indexspace)}" if constraint.indexspace else ""
    late = " DEFERRABLE" * bool(constraint.deferrable) + " INITIALLY DEFERRED" * bool(constraint.initdeferred)
    if is_partitioned(part.schema, part.label):
        constraint.conname, constraint.keys = name, constraint.keys or _keys(column)
        yield "-- the parent's own constraint first, which builds nothing; then each partition's, outside a transaction"
        yield f"ALTER TABLE ONLY {part.table.sql} ADD {RawStream()(constraint)};"
        yield from _constraint_tree(part, part.table, name, (kind, rest, late))
        return
    yield OUTSIDE.rstrip("\n")
    yield f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(name)} ON {part.table.sql} {rest};"
    yield f"ALTER TABLE {part.table.sql} ADD CONSTRAINT {quoted(name)} {kind} USING INDEX {quoted(name)}{late};"


def _keys(column: str) -> Any:
    return _tree(f"ALTER TABLE t ADD UNIQUE ({quoted(column)})").cmds[0].def_.keys


def _constraint_tree(part: _Part, table: Name, name: str, made_of: tuple[str, str, str]) -> Iterator[str]:
    kind, rest, late = made_of
    for child in partitions_of(part.schema, label_of(table)):
        below = index_below(child.name, name)
        if is_partitioned(part.schema, label_of(child)):
            yield f"ALTER TABLE ONLY {child.sql} ADD CONSTRAINT {quoted(below)} {kind} {rest}{late};"
            yield from _constraint_tree(part, child, below, made_of)
        else:
            yield f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(below)} ON {child.sql} {rest};"
            yield f"ALTER TABLE {child.sql} ADD CONSTRAINT {quoted(below)} {kind} USING INDEX {quoted(below)}{late};"
        yield f"ALTER INDEX {beside(table, name)} ATTACH PARTITION {beside(child, below)};"


def _validate(part: _Part) -> Iterator[str]:
    yield "-- in a migration of its own, after the statements before it have committed: then reads and writes go on"
    yield f"{part.text};"


def _enforced(part: _Part) -> Iterator[str]:
    """Enforcing a key reads every row under ACCESS EXCLUSIVE; one beside it can be validated while reads and writes go on."""
    change = part.command.def_
    old = part.schema.constraints.get(f"{part.label}.{change.conname}")
    if not (change.alterEnforceability and change.is_enforced) or old is None:
        return
    table, name, new = part.table.sql, quoted(change.conname), quoted(part.name(change.conname, "enforced"))
    definition = str(old["definition"]).removesuffix(" NOT ENFORCED")
    yield "-- another one beside it, which is validated without blocking anybody; each step commits"
    yield f"ALTER TABLE {table} ADD CONSTRAINT {new} {definition} NOT VALID;"
    yield f"ALTER TABLE {table} VALIDATE CONSTRAINT {new};"
    yield f"ALTER TABLE {table} DROP CONSTRAINT {name};"
    yield f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {name};"


def _attach(part: _Part) -> Iterator[str]:
    child = part.command.def_.name
    table = Name(child.relname, child.schemaname or "")
    name = quoted(f"{table.name}_bounds")
    yield f"-- first: on {table.sql}, CONCURRENTLY, the indexes that {part.table.sql} has; ATTACH takes them over"
    yield "-- and a CHECK that says what the bounds say, with IS NOT NULL for the columns of the key; ATTACH then skips the scan"
    yield from _behind_a_check(table.sql, name, "…", f"{part.text};")


def _new_column(part: _Part) -> Iterator[str]:
    """Bare first; then the default, the rows that are there, and what is asked of them."""
    column = part.command.def_
    name, given = quoted(column.colname), _with_attributes(column.constraints or ())
    kinds = {entry.contype for entry in given}
    if ConstrType.CONSTR_GENERATED in kinds:
        if part.rewrites:
            yield (
                "-- a stored generated column cannot be filled in later: a plain column, kept by a trigger and filled in "
                "batches, does the same; so does VIRTUAL (from PostgreSQL 18), a view, or an index on the expression"
            )
        return
    words = [each.sval for each in column.typeName.names]
    serial = _SERIALS.get(words[-1], "") if len(words) == 1 else ""
    counted = bool(serial) or ConstrType.CONSTR_IDENTITY in kinds
    default = next((entry for entry in given if entry.contype == ConstrType.CONSTR_DEFAULT), None)
    required = counted or bool(kinds & {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY})
    kept = [e for e in given if e.contype == ConstrType.CONSTR_DEFAULT and not part.rewrites]
    kept += [e for e in given if e.contype == ConstrType.CONSTR_NOTNULL and kept]
    later = [e for e in given if e.contype in _VALIDATED or e.contype in _INDEXED]
    if not (later or part.rewrites or (required and not kept)):
        return
    if serial:
        column.typeName = _tree(f"SELECT NULL::{serial}").targetList[0].val.typeName
    identity = next((entry for entry in given if entry.contype == ConstrType.CONSTR_IDENTITY), None)
    column.constraints = tuple(kept) or None
    table = part.table.sql
    yield "-- each step commits"
    yield f"{part.text};"
    sequence = Name(part.name(column.colname, "seq" if serial else "numbers"), part.table.schema).sql
    if counted:
        yield f"CREATE SEQUENCE {sequence}{f' OWNED BY {table}.{name}' if serial else ''};"
    value = f"nextval('{sequence}')" if counted else RawStream()(default.raw_expr) if default and not kept else ""
    if value:
        yield f"ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {value};"
    if value or (required and not kept):
        yield _batch(part, f"{name} = {'DEFAULT' if value else '…'}", f"{name} IS NULL")
    if required and not kept:
        yield from _proved(part, [column.colname], f"ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL;")
    if identity is not None:
        always = identity.generated_when == "a"
        yield "-- the numbers go on where they are"
        yield f"BEGIN;\nALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT;"
        yield f"ALTER TABLE {table} ALTER COLUMN {name} ADD GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY;"
        literal = table + "', '" + column.colname.replace("'", "''")
        yield f"SELECT setval(pg_get_serial_sequence('{literal}'), nextval('{sequence}'));"
        yield f"DROP SEQUENCE {sequence};\nCOMMIT;"
    for constraint in later:
        yield from _constraint(part, constraint, column.colname)


def _with_attributes(given: Sequence[Any]) -> list[Any]:
    """The constraints of a column; DEFERRABLE and the like, which stand behind theirs, are put into it."""
    found: list[Any] = []
    for entry in given:
        if entry.contype in {ConstrType.CONSTR_ATTR_DEFERRABLE, ConstrType.CONSTR_ATTR_DEFERRED} and found:
            found[-1].deferrable = True
            found[-1].initdeferred |= entry.contype == ConstrType.CONSTR_ATTR_DEFERRED
        elif entry.contype not in _ATTRIBUTES:
            found.append(entry)
    return found


_ATTRIBUTES = {ConstrType.CONSTR_ATTR_NOT_DEFERRABLE, ConstrType.CONSTR_ATTR_IMMEDIATE}


def _batch(part: _Part, change: str, left: str) -> str:
    """Some thousand rows that are still to be written; to be run until there are none."""
    table = part.table.sql
    key = [quoted(column) for column in part.schema.primary_key(part.label)] or ["ctid"]
    names = ", ".join(key)
    return (
        f"UPDATE {table} SET {change} WHERE ({names}) IN (SELECT {names} FROM {table} WHERE {left} LIMIT {BATCH});"
        "  -- again until it says UPDATE 0"
    )


def _new_type(part: _Part) -> Iterator[str]:
    if not part.rewrites:
        return
    column, definition = part.command.name, part.command.def_
    old, new = quoted(column), quoted(f"{column}_new")
    table, kind = part.table.sql, RawStream()(definition.typeName)
    using = RawStream()(definition.raw_default) if definition.raw_default else f"{old}::{kind}"
    yield "-- expand and contract: a new column, kept by a trigger and filled in batches, swapped in at the end"
    yield "-- defaults, indexes and constraints of the old column are made on the new one before the swap"
    yield f"ALTER TABLE {table} ADD COLUMN {new} {kind};"
    yield _batch(part, f"{new} = {using}", f"{new} IS NULL AND {old} IS NOT NULL")
    yield f"BEGIN;\nALTER TABLE {table} RENAME COLUMN {old} TO {quoted(f'{column}_old')};"
    yield f"ALTER TABLE {table} RENAME COLUMN {new} TO {old};\nCOMMIT;"


_COMMANDS: dict[AlterTableType, Callable[[_Part], Iterator[str]]] = {
    AlterTableType.AT_AddColumn: _new_column,
    AlterTableType.AT_SetNotNull: _not_null,
    AlterTableType.AT_AddConstraint: _added,
    AlterTableType.AT_ValidateConstraint: _validate,
    AlterTableType.AT_AttachPartition: _attach,
    AlterTableType.AT_AlterConstraint: _enforced,
    AlterTableType.AT_AlterColumnType: _new_type,
}


def _tree(sql: str) -> Any:
    return parse_sql(sql)[0].stmt


def _altered(tree: Any, command: Any) -> str:
    every = tree.cmds
    tree.cmds = (command,)
    try:
        return str(RawStream()(tree))
    finally:
        tree.cmds = every


def label_of(table: Name) -> str:
    return table.name if table.schema in {"", "public"} else f"{table.schema}.{table.name}"


def _named(label: str) -> Name:
    schema, _, name = label.rpartition(".")
    return Name(name, schema)


def is_partitioned(schema: Schema, label: str) -> bool:
    return bool(schema.tables.get(label, {}).get("kind") == "p")


def partitions_of(schema: Schema, label: str) -> list[Name]:
    return [_named(child) for child, parent in sorted(schema.partitions.items()) if parent == label]


def index_below(partition: str, name: str) -> str:
    return f"{partition}_{name}"[:63]


def beside(table: Name, name: str) -> str:
    """The name of an index, in the schema of its table."""
    return Name(name, table.schema).sql
