"""Advice of one check that must not contradict itself: one transaction for the file is none where its steps are to be apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.migrations.findings import Finding
from harness.migrations.hazards import HAZARDS

__all__ = ["agreed"]

_TOGETHER = ("tx.not-atomic", "rerun.stuck")
_APART: Mapping[str, str] = {
    "data.bulk-write": "in batches, each a transaction of its own, in a file that may run twice",
    "index.blocks-writes": "CONCURRENTLY, alone in its file, outside a transaction",
    "index.blocks-reads": "CONCURRENTLY, alone in its file, outside a transaction",
}


def agreed(findings: Sequence[Finding]) -> list[Finding]:
    """The same, where the advice to make the file one transaction says what has to stand in files of its own."""
    return [_split(each, findings) if each.id in _TOGETHER else each for each in findings]


def _split(one: Finding, findings: Sequence[Finding]) -> Finding:
    if one.remedy != HAZARDS[one.id].remedy:  # made for these statements: it says already what stands apart
        return one
    apart = {f.position.line: _APART[f.id] for f in findings if f.id in _APART and f.position.file == one.position.file}
    if not apart:
        return one
    lines = "\n".join(f"-- a file of its own for line {line}: {how}" for line, how in sorted(apart.items())[:12])
    return replace(
        one,
        remedy=f"-- split the file, in this order of its lines\n{lines}\n-- what is left between them: a file each\n{HAZARDS['tx.not-atomic'].remedy}",
    )
