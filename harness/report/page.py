"""The HTML report of a run: one file that opens offline."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from harness.report.cases import Case
from harness.report.disk import replace_text
from harness.report.lines import Row
from harness.report.manifest import Manifest
from harness.report.parts import Execution

__all__ = ["Page"]


class Page:
    """Hears of each execution in order and writes the page at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, execution: Execution, scenario: Row | None) -> None:
        """Take one execution's evidence."""

    def close(self, manifest: Manifest, cases: Sequence[Case]) -> None:
        """Write the page."""
        rows = "".join(
            f"<tr><td>{html.escape(c.last['outcome'])}<td>{html.escape(c.last['name'])}<td>"
            f"<pre>{html.escape(c.last['failure_text'] or '')}</pre>"
            for c in cases
        )
        title = html.escape(f"{manifest.outcome}: {manifest.run_id}")
        replace_text(
            self._path, f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><table>{rows}</table>"
        )
