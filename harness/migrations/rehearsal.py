"""The ground of a check: the baseline as templates of several sizes, cloned for every phase."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import psycopg

from harness.errors import InputError
from harness.migrations.actions import Name, actions, bounded_parents, lasting, subjects
from harness.migrations.batches import Unit, runner_for, units
from harness.migrations.confinement import add_extensions, install_watch, login_for, refuse_lacking_extension
from harness.migrations.generator import Generated, fill, fill_awkward
from harness.migrations.given import insert_given, read_given
from harness.migrations.literals import Literals, bounds_in, literals_in, sought_empty
from harness.migrations.partitions import domains_to_be, key_columns, parts_to_be
from harness.migrations.reading import Plan, Script
from harness.migrations.roles import become_in, hand_over, let_own, roles_in
from harness.migrations.running import run_units
from harness.migrations.schema import Schema, quoted_label, snapshot
from harness.migrations.statements import Statement
from harness.migrations.tracing import execute_any
from harness.migrations.unproved import unproved

if TYPE_CHECKING:
    from harness.postgres import Database, Server, Template
    from harness.postgres.logins import Login

__all__ = ["Options", "Rehearsal"]

_OWNERS = re.compile(r"^\s*(?:ALTER\b.*\bOWNER TO|GRANT|REVOKE|ALTER DEFAULT PRIVILEGES)\b", re.IGNORECASE | re.DOTALL)
_SUPERUSERS = re.compile(
    r"(?i)^\s*(?:COMMENT ON (?:EXTENSION|EVENT TRIGGER)|DROP EXTENSION|(?:CREATE|ALTER) (?:EVENT TRIGGER|PUBLICATION))\b"
)
_SUSPECTS = {"RenameStmt": 0, "DropStmt": 0, "AlterTableStmt": 1}
_PREPARES = {"VariableSetStmt", "TransactionStmt"}
_MADE_BEFORE = {"CreateExtensionStmt", "CreateSchemaStmt"}
SMALL = 2_000  # up to this many rows every table gets them, so that checks on one server share their templates
_SNAPSHOTS: WeakKeyDictionary[Template, Schema] = WeakKeyDictionary()  # clones keep their OIDs: one look is enough
FITTED = 10  # rows that show whether any can be made
AWKWARD_BASE = 200  # plain rows under the awkward ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a check is told. Rows are per table that the migration touches; `max_wait` is seconds."""

    runner: str = "auto"
    rows: int = 10_000
    production_rows: int = 1_000_000
    max_wait: float = 1.0
    allow: tuple[str, ...] = ()
    data: Path | None = None
    down: Path | None = None
    models: str | None = None
    prisma_schema: Path | None = None
    phases: tuple[str, ...] = ()
    traffic_seconds: float = 1.5
    lock_timeout_set_by_runner: bool = False
    longest: float = 300.0  # seconds that one statement may take before it is taken for endless


@dataclass(frozen=True)
class Rehearsal:
    """One plan on one server. Databases are clones; nothing here touches a database that it did not make."""

    server: Server
    plan: Plan
    options: Options
    notes: list[str] = field(default_factory=list)
    _after: list[Schema | None] = field(default_factory=list)
    _widest: list[Template] = field(default_factory=list)
    _added: list[str] = field(default_factory=list)
    _fitted: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Every statement of the target, file after file."""
        return tuple(statement for script in self.plan.target for statement in script.source.statements)

    @cached_property
    def lasting(self) -> tuple[Statement, ...]:
        """Those that are about more than temporary tables, which may hide one of the same name."""
        return tuple(filter(lasting, self.statements))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Statements with their transactions, numbered on from file to file."""
        found: list[Unit] = []
        for script in self.plan.target:
            start = max((unit.transaction or 0 for unit in found), default=0)
            for unit in units(script, self.runner(script)):
                number = None if unit.transaction is None else unit.transaction + start
                found.append(Unit(unit.statement, number, unit.explicit, self.options.longest))
        return tuple(found)

    def runner(self, script: Script) -> str:
        """The runner that this script is checked for."""
        return runner_for(script, self.options.runner)

    def script_of(self, statement: Statement) -> Script:
        """The file that a statement stands in."""
        return next(s for s in self.plan.target if any(each is statement for each in s.source.statements))

    def after_failure(self, statement: Statement) -> str:
        """What the runner makes of a failure at `statement`, whether or not anything of it stays: Prisma's book says so."""
        script = self.script_of(statement)
        if not self.runner(script).startswith("prisma"):
            return ""
        return f"; Prisma refuses every later deploy with P3009 until `migrate resolve --rolled-back {script.name}`"

    @cached_property
    def base(self) -> Template:
        """The baseline's schema, with no rows but what its scripts inserted themselves."""
        parts = [*(script.checksum for script in self.plan.baseline), *self._roles, "as", *self._becomes]
        key = hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
        return self.server.template(f"migrations-{key}", self._apply_baseline, owner=self.login, prepare=self._prepare)

    @cached_property
    def login(self) -> Login | None:
        """Whose rights the rehearsed SQL has; None for those of the server's own login."""
        return login_for(self.server, self.options.allow)

    @cached_property
    def before(self) -> Schema:
        """The schema before the migration."""
        if self.base not in _SNAPSHOTS:
            with self.clone(self.base) as database, database.connect() as connection:
                _SNAPSHOTS[self.base] = snapshot(connection)
        return _SNAPSHOTS[self.base]

    @property
    def after(self) -> Schema | None:
        """The schema after it, without rows; None when it is refused there."""
        if not self._after:
            with self.clone(self.base) as database, database.connect() as connection:
                complete = run_units(connection, self.units).complete
                self._after.append(snapshot(connection) if complete else None)
        return self._after[0]

    def remember(self, after: Schema | None) -> None:
        """A phase that ran the migration anyway hands on the schema that it left."""
        if after is not None and not self._after:
            self._after.append(after)

    @cached_property
    def touched(self) -> frozenset[str]:
        """Tables that get the full number of rows: those named, their parents, or all when a statement names none."""
        named: set[str] = set()
        for statement in self.statements:
            names = [
                *subjects(statement),
                *bounded_parents(statement),
                *(a.parent for a in actions(statement) if a.parent),
            ]
            if statement.kind in {"DoStmt", "SelectStmt", "CallStmt"} or statement.tree is None:
                return frozenset(self.before.tables)
            named |= {label for name in names for label in self.labels(name)}
            named |= {
                self.before.indexes[key]["table"]
                for key in self.before.indexes
                for n in names
                if key.endswith(f".{n.name}")
            }
        return frozenset(named)

    def speaks_of(self, text: str = "") -> Statement:
        """The statement that names `text` (rather one that renames, drops or alters something), else the first about a
        table that was there, else the first of all."""
        if text:
            word = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
            naming = [statement for statement in self.lasting if word.search(statement.text)]
            if naming:
                return min(naming, key=lambda statement: _SUSPECTS.get(statement.kind, 2))
        for statement in self.statements:
            if any(self.label(name.name, name.schema) for name in subjects(statement)):
                return statement
        return next((s for s in self.lasting if s.kind not in _PREPARES), self.statements[0])

    def altering(self, table: str, *words: str) -> Statement:
        """The last statement that names the table and one of the words (small), else one that speaks of the table."""
        texts = [(statement, " ".join(statement.text.lower().split())) for statement in self.lasting]
        naming = [s for s, text in texts if table.lower() in text and any(word in text for word in words)]
        return naming[-1] if naming else self.speaks_of(table)

    def labels(self, name: Name) -> list[str]:
        """Every table that may be meant: of a name without its schema, `search_path` decides when it runs."""
        if name.schema:
            return [label] if (label := self.label(name.name, name.schema)) else []
        return [label for label in self.before.tables if name.name in {label, label.partition(".")[2]}]

    def label(self, name: str, schema: str = "") -> str:
        """The label under which the baseline knows a relation; empty when it does not."""
        label = name if schema in {"", "public"} and "." not in name else f"{schema or 'public'}.{name}"
        return label if label in self.before.tables else ""

    def sized(self, rows: int) -> Template:
        """The baseline with `rows` plain rows in each touched table, and up to a tenth of them elsewhere."""
        few = min(rows, max(200, rows // 100)) if rows > SMALL else rows
        sizes = {table: rows if table in self.touched else few for table in self.before.tables}
        fitted = sorted((name, entry["definition"]) for name, entry in self._fitted.items())
        told = (sorted(sizes.items()), sorted(self.sparse.items()), fitted)
        digest = hashlib.sha256(repr(told).encode()).hexdigest()[:12]
        schema = replace(self.before, constraints={**self.before.constraints, **self._fitted})
        return self.base.derive(
            f"plain-{digest}",
            lambda connection: self._note(fill(connection, schema, sizes, sparse=self.sparse)),
        )

    def fit_new_checks(self) -> bool:
        """Make the plain rows anew so that they fit the checks that the migration adds, as production's must; False when
        it adds none, or no such rows can be made. Awkward rows still show that the check can fail."""
        after = self.after
        if after is None:
            return False
        coming = (*parts_to_be(self.before, after), *domains_to_be(self.before, after))
        for name, entry in (*after.constraints.items(), *coming):
            known = all((entry["table"], column) in self.before.columns for column in entry["columns"] or ())
            if entry["kind"] == "c" and name not in self.before.constraints and known:
                self._fitted[name] = entry
        tables = {
            entry["table"] for entry in self._fitted.values()
        } - self.before.partitions.keys()  # theirs come with the whole
        noted = len(self.notes)
        if not self._fitted or not all(self.row_counts(self.sized(FITTED))[table] for table in tables):
            self._fitted.clear()
            del self.notes[noted:]
            return False
        self.notes.append(f"plain rows were made to fit {ordered_labels(sorted(self._fitted))}, which is new")
        return True

    @cached_property
    def sparse(self) -> dict[str, tuple[str, ...]]:
        """By table the columns that a backfill of the migration fills: production has many rows without a value there."""
        found: dict[str, tuple[str, ...]] = {}
        for name, columns in sought_empty(self.statements).items():
            label = self.label(name.name, name.schema)
            nullable = (
                {column.name for column in self.before.columns_of(label) if not column.not_null} if label else set()
            )
            if columns & nullable:
                found[label] = tuple(sorted(columns & nullable))
        return found

    @cached_property
    def awkward(self) -> Template:
        """Some plain rows, the given rows, and every kind of row that the schema still allows."""
        literals = self._literals
        said = (sorted(literals.by_column.items()), literals.together, sorted(literals.brought))
        bounds = [(parent.sql, values) for parent, values in bounds_in(self.statements)]
        digest = hashlib.sha256(f"{said} {bounds} {self._given_digest}".encode()).hexdigest()[:12]
        return self.base.derive(f"awkward-{digest}", self._make_awkward)

    @property
    def widest(self) -> Template:
        """The awkward rows when the migration runs on them, else tidy ones."""
        if not self._widest:
            with self.clone(self.awkward) as database, database.connect() as connection:
                self.remember_widest(complete=run_units(connection, self.units).complete)
        return self._widest[0]

    def remember_widest(self, *, complete: bool) -> None:
        """Whether the migration ran on the awkward rows."""
        if not self._widest:
            self._widest.append(self.awkward if complete else self.sized(min(self.options.rows, 1000)))

    def _make_awkward(self, connection: psycopg.Connection[Any]) -> None:
        self._insert_given(connection)
        self._note(fill(connection, self.before, dict.fromkeys(self.before.tables, AWKWARD_BASE)))
        literals = copy.deepcopy(self._literals)
        for parent, values in bounds_in(self.statements):
            for label in self.labels(parent):
                literals.add(zip(key_columns(connection, label), values, strict=False))
        with unproved(connection, self.before) as schema:
            fill_awkward(connection, schema, literals)

    @cached_property
    def _literals(self) -> Literals:
        return literals_in(self.statements)

    @property
    def _given_digest(self) -> str:
        data = self.options.data
        return hashlib.sha256(data.read_bytes()).hexdigest()[:12] if data is not None and data.is_file() else str(data)

    @cached_property
    def given(self) -> Template | None:
        """The rows given with --data (or that the baseline inserted); None without any."""
        if self.options.data is None:
            return None
        return self.base.derive(f"given-{self._given_digest}", self._insert_given)

    @contextmanager
    def clone(self, template: Template) -> Iterator[Database]:
        """A database for one experiment, dropped afterwards."""
        database = template.clone()
        for role in self._becomes if self.login is not None and self.server.owned else ():
            self.server.let_create(database, role)  # a copy has not the privileges of the database that it copies
        try:
            yield database
        finally:
            database.drop()

    def row_counts(self, template: Template) -> Mapping[str, int]:
        """Exact number of rows by table."""
        with self.clone(template) as database, database.connect() as connection:
            return {table: _count(connection, table) for table in self.before.tables if self.before.is_table(table)}

    def _insert_given(self, connection: psycopg.Connection[Any]) -> None:
        if self.options.data is not None:
            insert_given(connection, self.before, read_given(self.options.data))

    def _note(self, made: Generated) -> None:
        for table, why in made.failures.items():
            note = f"no rows could be made for {table}: {why}"
            if note not in self.notes:  # the same in every size
                self.notes.append(note)

    @cached_property
    def _becomes(self) -> list[str]:
        return become_in(self.statements)

    @cached_property
    def _roles(self) -> list[str]:
        return roles_in([*self._baseline_statements, *self.statements])

    @cached_property
    def _baseline_statements(self) -> list[Statement]:
        return [statement for script in self.plan.baseline for statement in script.source.statements]

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        if not install_watch(connection):
            self.notes.append("this login may not watch for rewrites inside functions; those of statements are seen")
        owner = self.login.name if self.login is not None else connection.info.user
        self._added.extend(role for role in self._roles if self.server.add_role(role, self.login))
        for role in self._added:
            let_own(connection, role, owner)
        if self.login is not None:
            for role in self._owners[1:]:  # they may do what the first may
                self.server.add_member(self._owners[0], role)
            add_extensions(connection, self._baseline_statements)

    @property
    def _owners(self) -> list[str]:
        """Roles that the migration becomes and that were made for it."""
        return [role for role in self._becomes if role in self._added]

    def _apply_baseline(self, connection: psycopg.Connection[Any]) -> None:
        left_out = [s for s in self._baseline_statements if not self._apply_one(connection, s)]
        if left_out:
            self.notes.append(
                f"{len(left_out)} statements of the baseline were left out, since only a superuser may run them, "
                f"for example {left_out[0].position}: {left_out[0].short}"
            )
        if self.login is not None:
            hand_over(connection, self._owners)

    def _apply_one(self, connection: psycopg.Connection[Any], statement: Statement) -> bool:
        """Run a statement of the baseline; False when it is left out, since a superuser's does not matter here."""
        try:
            execute_any(connection, statement)
        except psycopg.Error as problem:
            if problem.sqlstate in {"42704", "42501"} and _OWNERS.match(statement.text):
                return True  # owners and grants of production: they do not matter here
            if problem.sqlstate in {"42710", "42P06"} and statement.kind in _MADE_BEFORE:
                return True  # an extension that was made beforehand, or its schema
            refuse_lacking_extension(statement, problem.sqlstate)
            if problem.sqlstate == "42501" and _SUPERUSERS.match(statement.text):
                return False
            raise InputError(
                f"the baseline fails here: {str(problem.diag.message_primary or problem).rstrip('.')}.",
                _remedy(problem.sqlstate),
                statement.position,
            ) from problem
        return True


def _remedy(sqlstate: str | None) -> str:
    if sqlstate == "42501":
        return "It runs as the owner of its database, who may not do that: `--allow superuser` runs it as a superuser."
    return "The baseline must build the schema as it is before the migration; check the order and what is missing."


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {quoted_label(table)}").fetchone()
    return int(row[0]) if row else 0


def ordered_labels(labels: Sequence[str]) -> str:
    """`a, b and c`."""
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}" if labels else "nothing"
