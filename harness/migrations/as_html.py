"""A report for a notebook: the verdict as its heading, the findings and the phases as tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.migrations.checking import Report

__all__ = ["render"]


def render(report: Report) -> str:
    """Findings that count, worst first; then what was run and what was not. The SQL to copy stands in its column."""
    names = ", ".join(script.display for script in report.plan.target)
    findings = (
        (f.severity.word, f.id, str(f.position), f.evidence, f.reason, _Code(f.remedy))
        for f in report.findings
        if f.counts
    )
    phases = (
        (p.name, "✓ run" if p.status == "run" else "○ not checked", p.reason or f"{p.duration_us / 1e6:.1f} s")
        for p in report.phases
    )
    return (
        f"<h3>{html.escape(report.verdict)}</h3>"
        f"<p>{html.escape(names)} · runner {html.escape(report.runner)} · {html.escape(report.server)} · {report.rows:,} rows, "
        f"estimates for {report.production_rows:,}</p>"
        + _table("Findings", ("severity", "hazard", "where", "found", "why", "instead"), findings)
        + _table("Phases", ("phase", "status", "detail"), phases)
        + "".join(f"<p>{html.escape(note)}</p>" for note in report.notes)
    )


class _Code(str):
    """A cell that is SQL."""

    __slots__ = ()


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    if not body:
        return f"<p><strong>{title}</strong>: none.</p>"
    head = "".join(f'<th scope="col" style="text-align:left">{column}</th>' for column in columns)
    return f"<table><caption style='text-align:left'><strong>{title}</strong></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: str) -> str:
    text = html.escape(value)
    if isinstance(value, _Code):
        text = f'<pre style="white-space:pre-wrap;margin:0">{text}</pre>'
    return f'<td style="text-align:left;vertical-align:top">{text}</td>'
