"""`harness migrate apply`: to the database named by DATABASE_URL, dry by default (DOMAIN.md R02).

Refuses when the target is not what the check saw; takes Prisma's advisory lock, so that no two run at once; gets its
locks with a short timeout and retries; verifies the outcome in the catalogue, and that no row was written that should
not be; leaves a record. Whatever goes wrong is a non-zero exit.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg

from harness.errors import InputError
from harness.migrations import bookkeeping
from harness.migrations.batches import Unit, runner_for, units
from harness.migrations.datawork import data_work
from harness.migrations.followed import Checked
from harness.migrations.guard import refuse_reaching_out
from harness.migrations.identity import Identity, described
from harness.migrations.obstacles import obstacles
from harness.migrations.patience import Attempt, Patience, Progress, run_patiently
from harness.migrations.reading import Script
from harness.migrations.records import Applied, recorded, write_record
from harness.migrations.schema import Schema, snapshot
from harness.migrations.targets import ADVISORY_KEY, TargetDatabase, identifier, invalid_indexes, open_target, situation

__all__ = ["Applied", "ApplyOptions", "apply"]

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
    """`checked` None: the target is not compared with a check (asked for by `--unchecked`)."""

    execute: bool = False
    runner: str = "auto"
    patience: Patience = field(default_factory=Patience)
    checked: Checked | None = None
    records: Path | None = Path("reports/migrations")
    allow: tuple[str, ...] = ()
    wait_for_other: float = 10.0

    @property
    def identity(self) -> Identity | None:
        """What the check saw of the touched tables."""
        return self.checked.identity if self.checked is not None else None


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
        result.record = write_record(options.records, scripts, result, started)


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
            told = f" ({progress.failure.detail})" * bool(progress.failure.detail)
            self.say(f"{progress.failed_at} failed: {progress.failure}{told}; {_committed(progress.committed)}")
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
        if other := self._other_version(now["version"]):
            self.say(other)
        for entry in now["tables"]:
            rows = entry["rows_estimated"]
            counted = "rows never counted" if rows is None else f"about {rows:,} rows"
            self.say(f"  {entry['table']}: {counted}, {entry['bytes'] / 1e6:.1f} MB")
        for entry in now["old_transactions"]:
            self.say(
                f"  in the way: process {entry['pid']} ({entry['state']}), its transaction is {entry['seconds']} s old"
            )

    def _other_version(self, here: str) -> str:
        """Another major version takes other locks, and knows other statements."""
        checked = _MAJOR.search(self.options.checked.server) if self.options.checked is not None else None
        mine = here.partition(".")[0]
        if checked is None or checked[1] == mine:
            return ""
        return (
            f"  it was checked on PostgreSQL {checked[1]} and this is {mine}, which may lock and rewrite otherwise: check on that "
            f"version too, such as with `--database embedded:/usr/lib/postgresql/{mine}/bin` (a folder with its postgres and initdb)"
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
        standing = obstacles(self.connection, self.scripts)
        if identity is None:
            self.say("not compared with a check (--unchecked)")
            for obstacle in standing:
                self.say(f"  in the way: {obstacle}")
            return True
        if (identity.made or identity.ended) and not identity.unmet(before):
            return self._there(identity, known.keys())
        self._tell_findings()
        for obstacle in standing:
            if not obstacle.certain:
                self.say(f"  may be in the way: {obstacle}")
        if other := identity.elsewhere(before):
            where = "about which the migration says nothing"
            if identity.unseen:
                where = (
                    f"and whether the migration goes there is not known ({identity.unseen} runs SQL that no text tells)"
                )
            self.say(f"otherwise than checked, {where}: {described(other)}")
        missing = identity.missing(before)
        reasons = [f"the target is not what the check saw: it lacks {described(missing)}"] if missing else []
        reasons += self._unaccepted()
        reasons += [f"it would fail here: {obstacle}" for obstacle in standing if obstacle.certain]
        for why in reasons:
            self._refuse(why)
        return not reasons

    def _tell_findings(self) -> None:
        """What the check found and nobody accepted, and where it did not look."""
        checked = self.options.checked or Checked(None)
        for told in checked.grave:
            self.say(f"  found by the check: {told}")
        if checked.unlooked:
            self.say(f"  not looked at by the check: {', '.join(checked.unlooked)}")

    def _unaccepted(self) -> list[str]:
        blockers = self.options.checked.blockers if self.options.checked is not None else ()
        if not blockers:
            return []
        told = ", ".join(dict.fromkeys(f"{blocker.id} ({blocker.place})" for blocker in blockers))
        return [
            f"the check found what nobody accepted: {told}. Mend the migration; or, where it is meant, write "
            f"`-- harness: allow {blockers[0].id} because …` on the line before the statement and check again"
        ]

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
            if work and script.name not in known and not recorded(self.options.records, script, self.result):
                return (
                    f"what {script.display} brings about in the schema is there, but it may do more than a schema tells, such as to rows ("
                    f"{work[0].position.place}: {work[0].short}), and no record says that this very file was applied to "
                    "this database. Look at it. If that work is done, nothing is left to do; if not, put these "
                    "statements into a file of their own and apply that"
                )
        return ""

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
            self.say(
                f"{attempt.file}:{attempt.line}, attempt {attempt.number}: {outcome} after {attempt.seconds * 1000:.0f} ms"
            )

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


_MAJOR = re.compile(r"PostgreSQL (\d+)")
_OWN: tuple[LiteralString, ...] = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL")


def _committed(number: int) -> str:
    if number == 0:
        return "nothing of it is committed"
    return f"{number} transaction{'s' * (number > 1)} before it {'are' if number > 1 else 'is'} committed"
