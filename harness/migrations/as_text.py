"""A report for a terminal: the verdict, the findings with their evidence and the SQL to copy, the phases."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from harness.migrations.checking import Report
from harness.migrations.findings import Finding, Severity
from harness.migrations.locks import mode_words

__all__ = ["render"]

_COLOURS = {
    Severity.BLOCKER: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}


def render(report: Report, *, colour: bool = False, verbose: bool = False) -> str:
    """Findings worst first; refuted and suppressed ones at the end with the reason. `verbose` adds every statement."""
    return "\n".join(_lines(report, colour, verbose)) + "\n"


def _lines(report: Report, colour: bool, verbose: bool) -> Iterator[str]:
    names = ", ".join(script.display for script in report.plan.target)
    yield f"{names} · runner {report.runner} · {report.server} · {report.rows:,} rows, estimates for {report.production_rows:,}"
    for note in report.notes:
        yield f"  {note}"
    yield ""
    counted = [finding for finding in report.findings if finding.counts]
    for finding in counted:
        yield from _finding(finding, colour)
    for finding in report.findings:
        if finding.suppressed:
            yield f"SUPPRESSED {finding.id} {finding.position}: {finding.suppressed}"
    yield from _opinions(report)
    if verbose:
        yield from _statements(report)
    yield from _impact(report)
    if report.way_back:
        yield "WAY BACK (derived; see the findings for what it cannot do)"
        yield from (f"    {sql};" for sql in report.way_back)
        yield ""
    yield "PHASES"
    for phase in report.phases:
        state = f"run in {phase.duration_us / 1e6:.2f} s" if phase.status == "run" else f"not checked: {phase.reason}"
        yield f"  {phase.name:<14} {state}"
    yield ""
    yield report.verdict


def _finding(finding: Finding, colour: bool) -> Iterator[str]:
    word = finding.severity.word.upper()
    head = f"\x1b[{_COLOURS[finding.severity]}m{word}\x1b[0m" if colour else word
    status = "" if finding.status == "measured" else f" ({finding.status})"
    yield f"{head}  {finding.id}{status}   {finding.position}"
    yield f"    {finding.statement}"
    yield f"  found    {finding.evidence}"
    yield f"  why      {finding.reason}"
    yield "  instead"
    yield indent(finding.remedy, "    ")
    yield ""


def _opinions(report: Report) -> Iterator[str]:
    if not report.opinions:
        return
    yield "OPINIONS of squawk, held against what ran"
    for opinion in report.opinions:
        yield f"  {opinion.verdict:<10} {opinion.rule} (line {opinion.position.line}): {opinion.because}"
    yield ""


def _statements(report: Report) -> Iterator[str]:
    yield "STATEMENTS"
    for seen in report.observations:
        statement = seen.unit.statement
        locks = ", ".join(f"{mode_words(lock.mode)} {lock.table}" for lock in sorted(seen.locks) if lock.on != "index")
        facts = [
            word
            for word, true in (("rewrite", seen.rewritten), ("scan", seen.scanned), ("index build", seen.built))
            if true
        ]
        yield f"  line {statement.position.line:<4} {seen.seconds * 1000:8.1f} ms  {locks or 'no table lock'}  {', '.join(facts)}"
        yield f"            {statement.short}"
    yield ""


def _impact(report: Report) -> Iterator[str]:
    if report.impact is None:
        return
    yield "TRAFFIC while it applied"
    yield from (f"  {line}" for line in report.impact.lines())
    yield ""
