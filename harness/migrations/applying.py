"""`harness migrate apply`: to the database named by DATABASE_URL, dry by default (DOMAIN.md R02).

Refuses when the target is not what the check saw; takes Prisma's advisory lock, so that no two run at once; gets its
locks with a short timeout and retries; verifies the outcome in the catalogue, and that no row was written that should
not be; leaves a record. Whatever goes wrong is a non-zero exit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from harness.errors import InputError
from harness.migrations import bookkeeping
from harness.migrations.batches import Unit, runner_for, units
from harness.migrations.datawork import data_work
from harness.migrations.guard import refuse_reaching_out
from harness.migrations.identity import Identity, described
from harness.migrations.patience import Attempt, Patience, Progress, run_patiently
from harness.migrations.reading import Script
from harness.migrations.schema import Schema, snapshot
from harness.migrations.targets import ADVISORY_KEY, TargetDatabase, identifier, invalid_indexes, open_target, situation

__all__ = ["Applied", "ApplyOptions", "apply", "identity_from_document"]

_WRITES = {
    "UpdateStmt",
    "DeleteStmt",
    "InsertStmt",
    "MergeStmt",
    "DoStmt",
    "CallStmt",
    "SelectStmt",
    "CreateTableAsStmt",
    "CopyStmt",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """`identity` None: the target is not compared with a check (asked for by `--unchecked`)."""

    execute: bool = False
    runner: str = "auto"
    patience: Patience = field(default_factory=Patience)
    identity: Identity | None = None
    records: Path | None = Path("reports/migrations")
    allow: tuple[str, ...] = ()
    wait_for_other: float = 10.0


@dataclass(slots=True)
class Applied:
    """What happened. `outcome`: dry run, applied, already applied, refused, failed, not verified; in the record also
    begun (nothing came after: it was killed) and interrupted."""

    target: str
    outcome: str
    lines: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)  # SQL that removes what a failure left
    record: Path | None = None
    database: str = ""  # tells this database from a later one of the same name

    @property
    def good(self) -> bool:
        """Whether the migration is there, or would be."""
        return self.outcome in {"dry run", "applied", "already applied"}


def identity_from_document(path: Path) -> Identity:
    """What `migration.json` says of the check; raises InputError when it cannot be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"{path} cannot be read: {problem}", "Give the migration.json of a check.") from problem
    return Identity.from_json(document.get("identity") or {})


def apply(
    url: str, scripts: Sequence[Script], options: ApplyOptions, tell: Callable[[str], None] | None = None
) -> Applied:
    """Apply `scripts` to the database at `url`. Raises InputError (bad address, other file than checked), MachineError."""
    refuse_reaching_out(scripts, options.allow)
    _same_files(scripts, options.identity)
    target = open_target(url, read_only=not options.execute)
    result = Applied(target.name, "dry run", database=identifier(target.connection))
    started = datetime.now(UTC)

    def say(line: str) -> None:
        result.lines.append(line)
        if tell is not None:
            tell(line)

    if options.execute:  # a kill leaves this behind: it began, and how it ended is not known
        result.outcome = "begun"
        _record(options, scripts, result, started)
        result.outcome = "failed"
    try:
        with target.connection:
            _Run(target, scripts, options, result, say).run()
    except psycopg.OperationalError as problem:
        result.outcome = "failed"
        say(f"the connection was lost: {str(problem).splitlines()[0]}")
    except KeyboardInterrupt:
        result.outcome = "interrupted"
        say("interrupted: what was open is rolled back")
        raise
    finally:
        _record(options, scripts, result, started)
    return result


def _record(options: ApplyOptions, scripts: Sequence[Script], result: Applied, started: datetime) -> None:
    if options.records is not None:
        result.record = _write_record(options.records, scripts, result, started)


def _same_files(scripts: Sequence[Script], identity: Identity | None) -> None:
    if identity is None:
        return
    for script in scripts:
        if (
            identity.checksums.get(script.name, script.checksum) != script.checksum
            or script.name not in identity.checksums
        ):
            raise InputError(
                f"{script.display} is not the file that was checked.", "Check it again: its bytes are others."
            )


class _Run:
    """One application of one plan to one target."""

    def __init__(
        self,
        target: TargetDatabase,
        scripts: Sequence[Script],
        options: ApplyOptions,
        result: Applied,
        say: Callable[[str], None],
    ) -> None:
        self.target, self.scripts, self.options, self.result, self.say = target, scripts, options, result, say
        self.connection = target.connection

    def run(self) -> None:
        if self.options.execute and not self._alone():
            return
        before = snapshot(self.connection)
        self._tell_situation()
        entries = bookkeeping.applied(self.connection)
        if not self._may(before, entries):
            return
        if not self.options.execute:
            self._dry()
            return
        invalid = invalid_indexes(self.connection)
        try:
            progress = self._execute()
        except KeyboardInterrupt:
            self._tell_left(invalid)
            raise
        self.result.attempts = progress.attempts
        if progress.failure is not None:
            self.result.outcome = "failed"
            self.say(f"line {progress.failed_line} failed: {progress.failure}; {_committed(progress.committed)}")
            self._tell_left(invalid)
            return
        for what in _OWN:  # whatever the migration made of it: what is left to do is ours
            self.connection.execute(what)
        if self._verify(before, progress):
            self._enter(entries)
            self.result.outcome = "applied"
            self.say(
                "applied and verified" if self.options.identity else "applied; its outcome was compared with no check"
            )

    def _tell_left(self, before: Mapping[int, str]) -> None:
        """Say which invalid indexes stay: what is built CONCURRENTLY is not rolled back when it fails."""
        try:
            now = invalid_indexes(self.connection)
        except psycopg.Error:
            self.say("whether an invalid index stays is not known: the connection is gone")
            return
        for number, name in now.items():
            if number not in before:
                remedy = f"DROP INDEX CONCURRENTLY {name};"
                self.result.left_behind.append(remedy)
                self.say(f"but the index {name} stays, invalid; remove it before the next attempt: {remedy}")

    def _alone(self) -> bool:
        """Take the advisory lock, for as long as this session lives."""
        deadline = time.monotonic() + self.options.wait_for_other
        while True:
            row = self.connection.execute("SELECT pg_try_advisory_lock(%s)", (ADVISORY_KEY,)).fetchone()
            if row and row[0]:
                return True
            if time.monotonic() > deadline:
                self.result.outcome = "refused"
                self.say("another migration is running (advisory lock 72707369 is held): nothing was done")
                return False
            time.sleep(0.1)

    def _tell_situation(self) -> None:
        tables = self.options.identity.tables if self.options.identity else ()
        now = situation(self.connection, tables)
        self.say(f"target {self.target.name}, PostgreSQL {now['version']}")
        for entry in now["tables"]:
            rows = entry["rows_estimated"]
            counted = "rows never counted" if rows is None else f"about {rows:,} rows"
            self.say(f"  {entry['table']}: {counted}, {entry['bytes'] / 1e6:.1f} MB")
        for entry in now["old_transactions"]:
            self.say(
                f"  in the way: process {entry['pid']} ({entry['state']}), its transaction is {entry['seconds']} s old"
            )

    def _may(self, before: Schema, entries: Sequence[bookkeeping.Entry]) -> bool:
        """Whether there is something to do and the target is the one that was checked."""
        identity = self.options.identity
        if halted := bookkeeping.stuck(entries):
            return self._refuse(f"Prisma's migration {halted.name} began and never finished (P3009): resolve it first")
        known = {entry.name: entry for entry in entries if entry.finished and not entry.rolled_back}
        for script in self.scripts:
            if script.name in known and known[script.name].checksum != script.checksum:
                return self._refuse(f"{script.name} was applied with another content")
        if identity is None:
            self.say("not compared with a check (--unchecked)")
            return True
        if (identity.made or identity.ended) and not identity.unmet(before):
            return self._there(identity, known.keys())
        missing = identity.missing(before)
        if missing:
            return self._refuse(f"the target is not what the check saw: it lacks {described(missing)}")
        if other := identity.elsewhere(before):
            self.say(f"otherwise than checked, where the migration does not go: {described(other)}")
        return True

    def _there(self, identity: Identity, known: Collection[str]) -> bool:
        """Never anything to do; already applied only where that can be known."""
        if unknown := self._unrecorded(known):
            return self._refuse(unknown)
        self.result.outcome = "already applied"
        self.result.verified = [f"holds: {line}" for line in identity.made]
        self.say("already applied: everything that it brings about is there; nothing was done")
        return False

    def _unrecorded(self, known: Collection[str]) -> str:
        """Why nobody can know that it is applied as a whole: it changes rows, which the schema does not tell."""
        for script in self.scripts:
            work = data_work(script)
            if work and script.name not in known and not self._recorded(script):
                return (
                    f"what {script.display} brings about in the schema is there, but it may do more than a schema tells, such as to rows (line "
                    f"{work[0].position.line}: {work[0].short}), and no record says that this very file was applied to "
                    "this database. Look at it. If that work is done, nothing is left to do; if not, put these "
                    "statements into a file of their own and apply that"
                )
        return ""

    def _recorded(self, script: Script) -> bool:
        """Whether a record of an earlier application says that this very file was applied to this very database."""
        folder = self.options.records
        for path in sorted(folder.glob("apply-*.json")) if folder is not None else ():
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
                same = {"name": script.name, "checksum": script.checksum} in told["scripts"]
                here = (told["target"], told["database"]) == (self.result.target, self.result.database)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # an older record, or none
            if same and here and told["outcome"] == "applied":
                return True
        return False

    def _refuse(self, why: str) -> bool:
        self.result.outcome = "refused"
        self.say(f"refused: {why}")
        return False

    def _units(self) -> list[Unit]:
        found: list[Unit] = []
        for script in self.scripts:
            start = max((unit.transaction or 0 for unit in found), default=0)
            for unit in units(script, runner_for(script, self.options.runner)):
                found.append(
                    Unit(unit.statement, None if unit.transaction is None else unit.transaction + start, unit.explicit)
                )
        return found

    def _dry(self) -> None:
        patience = self.options.patience
        wait = "without a limit" if patience.lock_timeout is None else f"at most {patience.lock_timeout * 1000:.0f} ms"
        self.say(
            f"dry run: nothing is changed. With --execute, waiting {wait} for each lock, {patience.attempts} attempts:"
        )
        for unit in self._units():
            self.say(f"  {unit.statement.position}  {unit.statement.short}")
        if self.options.identity:
            for line in self.options.identity.made:
                self.say(f"  then it must hold that {line}")
            for line in self.options.identity.ended:
                self.say(f"  and no longer that {line}")

    def _execute(self) -> Progress:
        def tell(attempt: Attempt) -> None:
            outcome = "done" if attempt.failure is None else str(attempt.failure)
            self.say(f"line {attempt.line}, attempt {attempt.number}: {outcome} after {attempt.seconds * 1000:.0f} ms")

        return run_patiently(self.connection, self._units(), self.options.patience, tell=tell)

    def _verify(self, before: Schema, progress: Progress) -> bool:
        after = snapshot(self.connection)
        problems: list[str] = []
        identity = self.options.identity
        if identity is not None:
            problems += identity.unmet(after)
            self.result.verified += [f"holds: {line}" for line in identity.made]
        writes = any(statement.kind in _WRITES for script in self.scripts for statement in script.source.statements)
        if progress.written and not writes:
            problems += [
                f"{count} rows of {table} were written by a migration that writes none"
                for table, count in progress.written.items()
            ]
        elif not progress.written:
            self.result.verified.append("its transactions wrote no row")
        problems += [
            f"index {index['name']} is invalid"
            for key, index in after.indexes.items()
            if not index["valid"] and key not in before.indexes
        ]
        if problems:
            self.result.outcome = "not verified"
            self.say(f"not verified: {described(problems)}")
        return not problems

    def _enter(self, entries: Sequence[bookkeeping.Entry]) -> None:
        if not entries:
            return
        for script in self.scripts:
            if script.prisma and script.name not in {entry.name for entry in entries}:
                bookkeeping.record(self.connection, script)
                self.say(f"entered {script.name} in _prisma_migrations")


_OWN: tuple[LiteralString, ...] = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")


def _committed(number: int) -> str:
    if number == 0:
        return "nothing of it is committed"
    return f"{number} transaction{'s' * (number > 1)} before it {'are' if number > 1 else 'is'} committed"


def _write_record(folder: Path, scripts: Sequence[Script], result: Applied, started: datetime) -> Path:
    """One JSON file an application; never a password in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"apply-{started:%Y%m%dT%H%M%S%f}.json"
    content: dict[str, Any] = {
        "target": result.target,
        "database": result.database,
        "outcome": result.outcome,
        "started": started.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
        "scripts": [{"name": script.name, "checksum": script.checksum} for script in scripts],
        "attempts": [asdict(attempt) for attempt in result.attempts],
        "verified": result.verified,
        "left_behind": result.left_behind,
        "lines": result.lines,
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
