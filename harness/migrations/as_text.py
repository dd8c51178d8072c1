"""A report for a terminal: the verdict, the findings with their evidence and the SQL to copy, the phases."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
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


WIDTH = 120


def render(report: Report, *, colour: bool = False, verbose: bool = False, width: int = WIDTH) -> str:
    """Findings worst first; refuted and suppressed ones at the end with the reason. `verbose` adds every statement.

    Prose is broken at `width` columns; SQL, which is there to be copied, is not.
    """
    lines = _lines(report, colour, verbose)
    return "\n".join(part for line in lines for part in _broken(line, max(40, width))) + "\n"


@dataclass(frozen=True, slots=True)
class _Sql:
    """Lines that stay as they are."""

    text: str


def _broken(line: str | _Sql, width: int) -> list[str]:
    """Lines of at most `width` columns; what follows is indented like the text after the first line's label."""
    if isinstance(line, _Sql):
        return line.text.split("\n")
    label = _LABEL.match(line)
    further = " " * (label.end() if label else 2)
    return textwrap.wrap(line, width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False) or [""]


_LABEL = re.compile(r"^ +(?:found|why|instead|confirmed|refuted|unverified|[a-z]+(?: [a-z]+)*(?=  )) +| +")


def _lines(report: Report, colour: bool, verbose: bool) -> Iterator[str | _Sql]:
    names = ", ".join(script.display for script in report.plan.target)
    yield f"{names} · runner {report.runner} · {report.server} · {report.rows:,} rows, estimates for {report.production_rows:,}"
    for note in report.notes:
        yield f"  {note}"
    yield ""
    told: dict[str, str] = {}
    for finding in report.findings:
        if finding.counts:
            yield from _finding(finding, colour, told)
    for finding in report.findings:
        if finding.suppressed:
            yield f"SUPPRESSED {finding.id} {finding.position}: {finding.suppressed}"
    yield from _opinions(report)
    if verbose:
        yield from _statements(report)
    yield from _impact(report)
    if report.way_back:
        yield "WAY BACK (derived; see the findings for what it cannot do)"
        yield from (_Sql(f"    {sql}{';' * (not sql.startswith('--'))}") for sql in report.way_back)
        yield ""
    yield "PHASES"
    for phase in report.phases:
        state = f"run in {phase.duration_us / 1e6:.2f} s" if phase.status == "run" else f"not checked: {phase.reason}"
        yield f"  {phase.name:<14} {state}"
    yield ""
    yield report.verdict


def _finding(finding: Finding, colour: bool, told: dict[str, str]) -> Iterator[str | _Sql]:
    """`told` maps a remedy to the finding that showed it first: it is not shown again."""
    word = finding.severity.word.upper()
    head = f"\x1b[{_COLOURS[finding.severity]}m{word}\x1b[0m" if colour else word
    status = "" if finding.status == "measured" else f" ({finding.status})"
    yield f"{head}  {finding.id}{status}   {finding.position}"
    yield _Sql(f"    {finding.statement}")
    yield f"  found    {finding.evidence}"
    yield f"  why      {finding.reason}"
    if finding.remedy in told:
        yield f"  instead  as under {told[finding.remedy]}, above"
    else:
        told[finding.remedy] = finding.id
        yield "  instead"
        yield _Sql(indent(finding.remedy, "    "))
    yield ""


def _opinions(report: Report) -> Iterator[str]:
    if not report.opinions:
        return
    yield "OPINIONS of squawk, held against what ran"
    for opinion in report.opinions:
        yield f"  {opinion.verdict:<10} {opinion.rule} (line {opinion.position.line}): {opinion.because}"
    yield ""


def _statements(report: Report) -> Iterator[str | _Sql]:
    yield "STATEMENTS"
    for seen in report.observations:
        statement = seen.unit.statement
        locks = ", ".join(f"{mode_words(lock.mode)} {lock.table}" for lock in sorted(seen.locks) if lock.on != "index")
        facts = [
            word
            for word, true in (("rewrite", seen.rewritten), ("scan", seen.scanned), ("index build", seen.built))
            if true
        ]
        yield f"  line {statement.position.line:<4} {seen.seconds * 1000:8.1f} ms  {locks or ('none seen (sampled)' if seen.sampled else 'no table lock')}  {', '.join(facts)}"
        yield _Sql(f"            {statement.short}")
    yield ""


def _impact(report: Report) -> Iterator[str]:
    if report.impact is None:
        return
    yield "TRAFFIC while it applied"
    yield from (f"  {line}" for line in report.impact.lines())
    yield ""
