"""`harness migrate check`: every phase in order, each listed as run or as not checked, because…"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.migrations.agreeing import agreed
from harness.migrations.batches import units
from harness.migrations.compatibility import check_compatibility
from harness.migrations.drifting import check_drift, drift_reason
from harness.migrations.existing import check_existing_rows
from harness.migrations.findings import Finding, PhaseReport, Severity, verdict, worst
from harness.migrations.guard import refuse_reaching_out
from harness.migrations.identity import Identity, identify
from harness.migrations.inspection import inspect_schema
from harness.migrations.interruption import check_interruption
from harness.migrations.linting import (
    Opinion,
    Tried,
    copies_by_prisma,
    lint,
    never_committed,
    opinions,
    settled,
    unused_allowances,
)
from harness.migrations.observing import Cost, Observed, observe
from harness.migrations.reach import Routine, reach
from harness.migrations.reading import Plan, Script, read
from harness.migrations.refusals import depends_on_rows
from harness.migrations.rehearsal import Options, Rehearsal
from harness.migrations.statements import Statement, without_passwords
from harness.migrations.tracing import Observation
from harness.migrations.wayback import check_way_back

if TYPE_CHECKING:
    from harness.migrations.impact import Impact
    from harness.migrations.traffic import Traffic
    from harness.postgres import Server

__all__ = ["PHASES", "Report", "check"]

PHASES = ("lint", "observe", "data", "failure", "traffic", "compatibility", "way back", "schema", "drift")


@dataclass(slots=True)
class Report:
    """Everything a check found. `server` says which PostgreSQL; `identity` is what `apply` compares its target with."""

    plan: Plan
    runner: str
    server: str
    findings: list[Finding] = field(default_factory=list)
    phases: list[PhaseReport] = field(default_factory=list)
    opinions: list[Opinion] = field(default_factory=list)
    observations: Sequence[Observation] = ()
    costs: Sequence[Cost] = ()
    impact: Impact | None = None
    way_back: Sequence[str] = ()
    identity: Identity | None = None
    notes: Sequence[str] = ()
    rows: int = 0
    production_rows: int = 0

    @property
    def verdict(self) -> str:
        """One sentence; never "safe"."""
        return verdict(self.findings, self.phases)

    def fails(self, threshold: Severity) -> bool:
        """Whether a finding that counts is at or above `threshold`."""
        highest = worst(self.findings)
        return highest is not None and highest >= threshold

    def _repr_html_(self) -> str:
        from harness.migrations.as_html import render

        return render(self)


def check(
    server: Server,
    plan: Plan,
    options: Options,
    traffic: Traffic | None = None,
    *,
    begun: Callable[[str], None] = lambda _: None,
) -> Report:
    """Rehearse `plan` on `server`, in databases made for it. `begun` is told each phase as it begins.

    Raises InputError for SQL that would reach outside, a baseline that fails, an unknown runner or phase.
    """
    wanted = _wanted(options)
    refuse_reaching_out([*plan.baseline, *plan.target, *_given(plan, options)], options.allow)
    rehearsal = Rehearsal(server, plan, options)
    report = Report(plan, _runner(rehearsal), f"PostgreSQL {server.info.version} ({server.info.kind})")
    report.rows, report.production_rows = options.rows, options.production_rows
    report.findings += lint(plan.target)
    _Phases(rehearsal, report, wanted, traffic, begun).run()
    report.notes = (*plan.notes, *rehearsal.notes)
    report.findings = agreed(report.findings)
    report.findings += unused_allowances(plan.target, report.findings)
    report.findings.sort(key=lambda f: (-f.severity, f.position, f.id))
    return report


def _given(plan: Plan, options: Options) -> list[Script]:
    """SQL that comes with the migration: the way back, rows."""
    paths = [options.down]
    if options.data is not None and options.data.suffix == ".sql":
        paths.append(options.data)
    given = [script for path in paths if path is not None for script in read(path)]
    return [*given, *(script.way_back for script in plan.target if script.way_back)]


def _wanted(options: Options) -> tuple[str, ...]:
    unknown = [phase for phase in options.phases if phase not in PHASES]
    if unknown:
        raise InputError(f"phase {unknown[0]!r} is not known.", f"Phases: {', '.join(PHASES)}.")
    return options.phases or PHASES


def _runner(rehearsal: Rehearsal) -> str:
    return ", ".join(dict.fromkeys(rehearsal.runner(script) for script in rehearsal.plan.target))


class _Phases:
    """Runs the phases of one check and keeps their book."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        report: Report,
        wanted: Sequence[str],
        traffic: Traffic | None,
        begun: Callable[[str], None],
    ) -> None:
        self.rehearsal, self.report, self.wanted, self.traffic = rehearsal, report, wanted, traffic
        self.begun = begun
        self.observed: Observed | None = None

    def run(self) -> None:
        nothing = "" if self.rehearsal.statements else "there is no statement to run"
        self._phase("lint", self._lint, "")
        self._phase("observe", self._observe, nothing)
        broken = nothing or self._broken()
        self._phase("data", lambda: check_existing_rows(self.rehearsal), nothing or self._refused())
        self._phase("failure", lambda: check_interruption(self.rehearsal), broken)
        self._phase("traffic", self._traffic, broken)
        self._phase("compatibility", lambda: check_compatibility(self.rehearsal), broken)
        self._phase("way back", self._way_back, broken)
        self._phase("schema", lambda: inspect_schema(self.rehearsal), broken)
        self._phase("drift", lambda: check_drift(self.rehearsal), broken or drift_reason(self.rehearsal))
        self._settle()

    def _phase(self, name: str, work: Callable[[], list[Finding]], obstacle: str) -> None:
        if name not in self.wanted:
            obstacle = "not asked for"
        if obstacle:
            self.report.phases.append(PhaseReport(name, "not checked", obstacle))
            return
        self.begun(name)
        start = time.perf_counter()
        self.report.findings += work()
        self.report.phases.append(PhaseReport(name, "run", duration_us=int((time.perf_counter() - start) * 1e6)))

    def _lint(self) -> list[Finding]:
        major = int(self.rehearsal.server.info.version.split(".")[0])
        found: list[Finding] = []
        for script in self.rehearsal.plan.target:
            runner = self.rehearsal.runner(script)
            sent = units(script, runner)
            found += [*never_committed(sent, runner), *copies_by_prisma(script, runner)]
            wrapped = any(unit.transaction is not None for unit in sent)
            self.report.opinions += opinions(script, in_transaction=wrapped, major=major)
        return found

    def _observe(self) -> list[Finding]:
        self.observed = observe(self.rehearsal)
        self.report.observations, self.report.costs = self.observed.observations, self.observed.costs
        return list(self.observed.findings)

    def _traffic(self) -> list[Finding]:
        from harness.migrations.impact import measure_impact

        impact, found = measure_impact(self.rehearsal, self.traffic)
        self.report.impact = impact
        return list(found)

    def _way_back(self) -> list[Finding]:
        found, derived = check_way_back(self.rehearsal)
        self.report.way_back = [without_passwords(sql) for sql in derived]
        return found

    def _refused(self) -> str:
        """A migration that fails on an empty database says nothing about rows."""
        last = next((seen for seen in self.report.observations if seen.failure), None)
        if last and last.failure and not depends_on_rows(self.rehearsal, last.failure):
            return f"the migration does not run: line {last.unit.statement.position.line} is refused"
        return ""

    def _broken(self) -> str:
        last = next((seen for seen in self.report.observations if seen.failure), None)
        if last and last.failure:
            return f"the migration does not run to its end: line {last.unit.statement.position.line} fails"
        return ""

    def _tried(self) -> Tried:
        """A migration that fails somewhere has shown nothing but how far it came."""
        done = (
            frozenset(phase.name for phase in self.report.phases if phase.status == "run")
            if self.observed
            else frozenset()
        )
        through = frozenset(id(seen.unit.statement) for seen in self.report.observations if not seen.failure)
        return Tried(done - {"data"} if self._broken() else done, through)

    def _settle(self) -> None:
        ran = self.observed is not None
        statements: dict[str, list[Statement]] = {}
        for script in self.rehearsal.plan.target:  # several may stand in one file
            statements.setdefault(script.display, []).extend(script.source.statements)
        self.report.opinions = settled(self.report.opinions, statements, self.report.findings, self._tried())
        if ran and self.rehearsal.after is not None:
            checksums = {script.name: script.checksum for script in self.rehearsal.plan.target}
            before = self.rehearsal.before
            written = {table for seen in self.report.observations for table, rows in seen.written.items() if rows}
            goes = reach(self.rehearsal.lasting, before, written, self._routines)
            self.report.identity = identify(before, self.rehearsal.after, checksums, goes)

    def _routines(self) -> list[Routine]:
        """The functions and procedures of the baseline with their texts."""
        with self.rehearsal.clone(self.rehearsal.base) as database, database.connect() as connection:
            return [Routine(*row) for row in connection.execute(_ROUTINES).fetchall()]


_ROUTINES = """
SELECT p.proname, l.lanname, p.prosrc || ' ' || coalesce(pg_get_function_sqlbody(p.oid), '')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
