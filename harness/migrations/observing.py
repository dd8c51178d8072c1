"""Phase 2: what each statement does, at two sizes, and which of it hurts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.migrations.actions import bounded_parents, quoted, subjects
from harness.migrations.advice import half_detached, safe_way
from harness.migrations.findings import Finding, Severity
from harness.migrations.locks import Lock, blocks_reads, blocks_writes, mode_words
from harness.migrations.refusals import depends_on_rows, refused
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.statements import Statement
from harness.migrations.telling import finding
from harness.migrations.tracing import Observation, trace

__all__ = ["Cost", "Observed", "observe"]

PHASE = "observe"
_LONG_WAIT = 60_000  # milliseconds; whoever queues that long has given up
_CHECK_REFUSED = "23514"
_MOST_NOT_RUN = 20  # statements that are told one by one


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of one statement at two sizes; `estimate` is the extrapolation to production size, in seconds.

    It is `at_most` that where the two times do not tell how it grows (the larger size was no slower).
    """

    statement: Statement
    rows: tuple[int, int]
    seconds: tuple[float, float]
    estimate: float
    at_most: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """The phase's outcome: observations at the larger size, costs, and findings."""

    observations: Sequence[Observation]
    costs: Sequence[Cost]
    findings: Sequence[Finding]

    def at(self, statement: Statement) -> Observation | None:
        """What was seen of a statement; None when it was never reached."""
        return next((o for o in self.observations if o.unit.statement is statement), None)


def observe(rehearsal: Rehearsal) -> Observed:
    """Trace the migration on a tenth of the rows and on all of them."""
    rows = (max(1, rehearsal.options.rows // 10), rehearsal.options.rows)
    small = _traced(rehearsal, rows[0])
    if small and small[-1].failure and small[-1].failure.endless:
        return Observed(small, (), list(_Judge(rehearsal, small, ()).findings()))
    large = _traced(rehearsal, rows[1])
    if large and large[-1].failure and large[-1].failure.sqlstate == _CHECK_REFUSED and rehearsal.fit_new_checks():
        small, large = (_traced(rehearsal, count) for count in rows)
    if large and large[-1].failure and depends_on_rows(rehearsal, large[-1].failure):
        return _without_rows(rehearsal, large[-1])
    costs = [_cost(rehearsal, rows, pair) for pair in zip(small, large, strict=False)]
    judge = _Judge(rehearsal, large, costs)
    return Observed(large, costs, list(judge.findings()))


def _traced(rehearsal: Rehearsal, rows: int) -> list[Observation]:
    with rehearsal.clone(rehearsal.sized(rows)) as database:
        seen, after = trace(str(database.dsn), rehearsal.units, rehearsal.before)
    rehearsal.remember(after)
    return seen


def _without_rows(rehearsal: Rehearsal, refused: Observation) -> Observed:
    """Rows refuse it: its locks and rewrites are those on empty tables. The failure stays on its statement."""
    with rehearsal.clone(rehearsal.base) as database:
        seen, _ = trace(str(database.dsn), rehearsal.units, rehearsal.before)
    judge = _Judge(rehearsal, seen, ())
    found = list(judge.findings())
    for observation in seen:
        if observation.unit is refused.unit:
            observation.failure = observation.failure or refused.failure
    return Observed(seen, (), found)


def _cost(rehearsal: Rehearsal, rows: tuple[int, int], pair: tuple[Observation, Observation]) -> Cost:
    small, large = pair
    slope = (large.seconds - small.seconds) / max(1, rows[1] - rows[0])
    at_most = large.grows and slope <= 0
    if at_most:  # a slow moment at the smaller size hides the growth, and all of the time may be growth
        slope = large.seconds / rows[1]
    further = max(0, rehearsal.options.production_rows - rows[1]) if large.grows else 0
    return Cost(large.unit.statement, rows, (small.seconds, large.seconds), large.seconds + slope * further, at_most)


class _Judge:
    """Turns observations into findings."""

    def __init__(self, rehearsal: Rehearsal, observations: Sequence[Observation], costs: Sequence[Cost]) -> None:
        self.rehearsal = rehearsal
        self.observations = observations
        self.costs: Mapping[int, Cost] = {id(cost.statement): cost for cost in costs}
        self.holds = self._holds()
        self.max_wait = rehearsal.options.max_wait

    def findings(self) -> Iterator[Finding]:
        for observation in self.observations:
            yield from self._locks(observation)
            yield from self._work(observation)
            yield from self._transaction(observation)
            yield from self._too_long(observation)
        yield from self._without_timeout()
        yield from self._held_across()
        yield from self._failed()

    def _locks(self, seen: Observation) -> Iterator[Finding]:
        statement = seen.unit.statement
        own = self._own_tables(statement)
        for table, locks in sorted(_by_table(seen.gained).items()):
            reads = any(blocks_reads(lock) for lock in locks)
            if not reads and not any(blocks_writes(lock) for lock in locks):
                continue
            hazard = "lock.blocks-reads" if reads else "lock.blocks-writes"
            yield finding(hazard, self._severity(seen), PHASE, statement, self._lock_evidence(seen, locks), table=table)
            if own and table not in own and any(lock.on == "table" for lock in locks):
                evidence = f"{_listed(locks)}, though the statement is about {ordered_labels(sorted(own))}"
                yield finding("lock.second-table", Severity.MEDIUM, PHASE, statement, evidence, table=table)

    def _lock_evidence(self, seen: Observation, locks: Sequence[Lock]) -> str:
        how = "sampled while it ran" if seen.sampled else "read from pg_locks"
        cost = self.costs.get(id(seen.unit.statement))
        time = f"; the statement took {_ms(seen.seconds)} on {cost.rows[1]:,} rows" if cost else ""
        hold = self._hold(seen)
        longer = f"; about {_ms(hold)} until its transaction ends at {self.rehearsal.options.production_rows:,} rows (estimate)"
        return f"{_listed(locks)} ({how}){time}{longer if hold > seen.seconds * 1.5 else ''}"

    def _severity(self, seen: Observation) -> Severity:
        return Severity.HIGH if self._hold(seen) > self.max_wait else Severity.LOW

    def _hold(self, seen: Observation) -> float:
        """Seconds at production size from this statement to the end of its transaction (estimate)."""
        return self.holds[id(seen)]

    def _holds(self) -> Mapping[int, float]:
        together: dict[int, float] = {}
        found: dict[int, float] = {}
        for seen in reversed(self.observations):
            number, cost = seen.unit.transaction, self.costs.get(id(seen.unit.statement))
            seconds = cost.estimate if cost else 0.0
            if number is not None:
                seconds = together[number] = together.get(number, 0.0) + seconds
            found[id(seen)] = seconds
        return found

    def _work(self, seen: Observation) -> Iterator[Finding]:
        statement = seen.unit.statement
        for table in seen.rewritten:
            evidence = f"the file of {table} was replaced ({self._grown(seen)}, {seen.wal / 1e6:.1f} MB of WAL)"
            remedy = safe_way(statement, self.rehearsal.before, rewrites=True)
            yield finding("rewrite", self._severity(seen), PHASE, statement, evidence, table=table, remedy=remedy)
        yield from self._scans(seen)
        yield from self._builds(seen)
        for table, count in sorted(self._by_whole(seen.written).items()):
            total = self.rehearsal.options.rows if table in self.rehearsal.touched else 0
            if (
                table
                and total >= 100
                and count >= total / 2
                and statement.kind in {"UpdateStmt", "DeleteStmt", "MergeStmt", "DoStmt"}
            ):
                evidence = f"{count:,} of {total:,} rows in one transaction ({self._grown(seen)}, {seen.wal / 1e6:.1f} MB of WAL)"
                for column in self.rehearsal.sparse.get(table, ()):
                    evidence += f"; three rows in four were made without {column}: count those in production"
                yield finding(
                    "data.bulk-write",
                    self._severity(seen),
                    PHASE,
                    statement,
                    evidence,
                    table=table,
                    names={"key": self._key(table)},
                )

    def _by_whole(self, written: Mapping[str, int]) -> Mapping[str, int]:
        """Rows written, those of partitions with the table that they are parts of; a row that moves is written twice."""
        parents, found = self.rehearsal.before.partitions, dict[str, int]()
        for table, count in written.items():
            whole = table
            while whole in parents:
                whole = parents[whole]
            found[whole] = found.get(whole, 0) + count
        most = self.rehearsal.options.rows
        return {table: min(count, most) if table in parents.values() else count for table, count in found.items()}

    def _scans(self, seen: Observation) -> Iterator[Finding]:
        statement = seen.unit.statement
        built = {table for _, table in seen.built}
        for table in seen.scanned:
            if table in seen.rewritten or table in built:
                continue
            locks = [lock for lock in seen.locks if lock.table == table and lock.on in {"table", "partition"}]
            hazard = ""
            if any(map(blocks_reads, locks)):
                hazard = "scan.blocks-reads"
            elif any(map(blocks_writes, locks)):
                hazard = "scan.blocks-writes"
            if hazard and (table in self._own_tables(statement) or not self._own_tables(statement)):
                evidence = f"every row of {table} was read under {mode_words(locks[0].mode)} ({self._grown(seen)})"
                yield finding(
                    hazard,
                    self._severity(seen),
                    PHASE,
                    statement,
                    evidence,
                    table=table,
                    remedy=safe_way(statement, self.rehearsal.before),
                )

    def _builds(self, seen: Observation) -> Iterator[Finding]:
        statement = seen.unit.statement
        if statement.kind in {"TruncateStmt", "ClusterStmt", "VacuumStmt", "RefreshMatViewStmt"}:
            return
        for index, table in seen.built:
            locks = [lock for lock in seen.locks if lock.table == table]
            if table in seen.rewritten or not any(map(blocks_writes, locks)):
                continue
            reads = any(blocks_reads(lock) for lock in locks)
            hazard = "index.blocks-reads" if reads else "index.blocks-writes"
            evidence = f"index {index} on {table} was built under {_listed(locks)} ({self._grown(seen)})"
            remedy = safe_way(statement, self.rehearsal.before)
            yield finding(hazard, self._severity(seen), PHASE, statement, evidence, table=table, remedy=remedy)

    def _transaction(self, seen: Observation) -> Iterator[Finding]:
        statement = seen.unit.statement
        if any("SET LOCAL can only be used" in text for text in seen.warnings):
            session = statement.text.replace("LOCAL ", "", 1).replace("local ", "", 1)
            yield finding(
                "tx.set-local-without-effect",
                Severity.MEDIUM,
                PHASE,
                statement,
                "the server warned: SET LOCAL can only be used in transaction blocks",
                names={"session": session},
            )
        if seen.failure and seen.failure.sqlstate == "25001":
            yield finding(
                "tx.concurrently-in-transaction",
                Severity.BLOCKER,
                PHASE,
                statement,
                f"the server refused it with {seen.failure}",
            )
        if seen.failure and seen.failure.sqlstate == "55P04":
            first = next((s.text for s in self.rehearsal.statements if s.kind == "AlterEnumStmt"), "…")
            yield finding(
                "tx.enum-value-used",
                Severity.BLOCKER,
                PHASE,
                statement,
                f"the server refused it with {seen.failure}",
                names={"first": first},
            )

    def _too_long(self, seen: Observation) -> Iterator[Finding]:
        cost = self.costs.get(id(seen.unit.statement))
        if cost and seen.limit and seen.grows and cost.estimate > seen.limit:
            evidence = f"statement_timeout is {_ms(seen.limit)} and it works {self._grown(seen)}"
            yield finding(
                "tx.statement-timeout", Severity.HIGH, PHASE, seen.unit.statement, evidence, status="predicted"
            )

    def _without_timeout(self) -> Iterator[Finding]:
        if self.rehearsal.options.lock_timeout_set_by_runner:
            return
        files: set[str] = set()
        for seen in self.observations:
            locks = [lock for lock in seen.gained if blocks_writes(lock)]
            name = seen.unit.statement.position.file
            waits = not 0 < seen.longest_wait <= _LONG_WAIT and not seen.unit.statement.node.get("nowait")
            if locks and waits and name not in files:
                files.add(name)
                evidence = f"lock_timeout was {seen.lock_timeout} when it asked for {_listed(sorted(locks)[:3])}"
                yield finding(
                    "lock.no-timeout",
                    Severity.MEDIUM,
                    PHASE,
                    seen.unit.statement,
                    evidence,
                    table=locks[0].table,
                    remedy=half_detached(seen.unit.statement),
                )

    def _held_across(self) -> Iterator[Finding]:
        told: set[int] = set()
        for seen in self.observations:
            number = seen.unit.transaction
            strong = sorted(lock for lock in seen.held if blocks_writes(lock) and lock.on != "index")
            tables = {lock.table for lock in strong}
            wider = {lock.table for lock in seen.gained if blocks_writes(lock)} - tables
            if number is None or number in told or not strong or not (seen.grows or wider):
                continue
            told.add(number)
            what = (
                f"also locks {ordered_labels(sorted(wider))}"
                if wider and not seen.grows
                else f"works for {_ms(self._hold(seen))} at production size (estimate)"
                if self.costs
                else "works on every row"
            )
            severity = Severity.HIGH if self._hold(seen) > self.max_wait else Severity.MEDIUM
            first = next(o for o in self.observations if o.unit.transaction == number and o.gained)
            evidence = (
                f"{_listed(strong)} is held since line {first.unit.statement.position.line} while this statement {what}"
            )
            yield finding(
                "lock.held-across-statements",
                severity,
                PHASE,
                seen.unit.statement,
                evidence,
                table=strong[0].table,
                names={"first": first.unit.statement.text},
                remedy="" if seen.unit.explicit else _two_files(first.unit.statement, seen.unit.statement),
            )

    def _failed(self) -> Iterator[Finding]:
        last = self.observations[-1] if self.observations else None
        if last is None or last.failure is None:
            return
        if last.failure.sqlstate not in {"25001", "55P04"} and not depends_on_rows(self.rehearsal, last.failure):
            yield refused(self.rehearsal, PHASE, last.unit, last.failure)
        unreached = self.rehearsal.units[len(self.observations) :]
        for number, unit in enumerate(unreached[:_MOST_NOT_RUN], start=1):
            evidence = f"line {last.unit.statement.position.line} failed before it"
            if number == _MOST_NOT_RUN and (others := len(unreached) - number):
                evidence += f", and before the {others:,} after it, which are not told one by one"
            yield finding("check.not-run", Severity.MEDIUM, PHASE, unit.statement, evidence)

    def _grown(self, seen: Observation) -> str:
        cost = self.costs.get(id(seen.unit.statement))
        if cost is None:
            return _ms(seen.seconds)
        production = self.rehearsal.options.production_rows
        measured = f"{_ms(cost.seconds[0])} at {cost.rows[0]:,} rows, {_ms(cost.seconds[1])} at {cost.rows[1]:,}"
        if production == cost.rows[1]:  # that is what was measured
            return measured
        return f"{measured}, {'at most' if cost.at_most else 'about'} {_ms(cost.estimate)} at {production:,} (estimate)"

    def _own_tables(self, statement: Statement) -> set[str]:
        """Labels of what the statement names, with their partitions and parents."""
        schema = self.rehearsal.before
        named = (*subjects(statement), *bounded_parents(statement))
        names = {name.name for name in named}
        own = {label for name in named for label in self.rehearsal.labels(name)}
        own |= {str(index["table"]) for index in schema.indexes.values() if index["name"] in names}
        own |= {child for child, parent in schema.partitions.items() if parent in own}
        return own | {schema.partitions[table] for table in own if table in schema.partitions}

    def _key(self, table: str) -> str:
        return ", ".join(map(quoted, self.rehearsal.before.primary_key(table))) or "…"


def _two_files(first: Statement, later: Statement) -> str:
    """Where the runner makes a file one transaction, steps that must commit one by one are files of their own."""
    return (
        f"-- two migrations: this runner makes each file one transaction\n-- first file\n{first.text.rstrip('; ')};\n"
        f"-- second file\n{later.text.rstrip('; ')};"
    )


def _by_table(locks: frozenset[Lock]) -> dict[str, list[Lock]]:
    found: dict[str, list[Lock]] = {}
    for lock in sorted(locks):
        found.setdefault(lock.table, []).append(lock)
    return found


def _listed(locks: Sequence[Lock]) -> str:
    strong = [lock for lock in locks if blocks_writes(lock)] or list(locks)
    return ", ".join(dict.fromkeys(str(lock) for lock in strong))


def _ms(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
