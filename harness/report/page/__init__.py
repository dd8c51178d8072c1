"""The HTML report of a run: one file that opens offline, its evidence in chunks that open when asked for."""

from __future__ import annotations

from harness.report.page.writer import Page

__all__ = ["Page"]
