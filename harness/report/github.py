"""Failures as annotations that GitHub shows beside the lines of a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.loading import Run

__all__ = ["annotated", "github_annotations"]

_LEVELS = {"failed": "error", "error": "error"}


def github_annotations(run: Run) -> str:
    """One workflow command a failure and a flaky case, ready to be printed; empty when all is well."""
    last: dict[str, object] = {str(row.scenario_id): row for row in run.scenarios.sort_values("attempt").itertuples()}
    return "".join(f"{line}\n" for line in annotated(last.values()))


def annotated(rows: Iterable[object]) -> list[str]:
    """The same of scenarios as records, or rows with their columns: one workflow command each, without line ends."""
    return [_line(row) for row in rows if _level(row)]


def _level(row: object) -> str | None:
    level = _LEVELS.get(str(getattr(row, "outcome", "")))
    return level or ("warning" if getattr(row, "flaky", False) else None)


def _line(row: object) -> str:
    level = _level(row)
    shown = (
        "passed only at another attempt" if level == "warning" else _text(row, "failure_text") or _text(row, "failure")
    )
    properties = (
        f"file={_property(_text(row, 'file'))},line={getattr(row, 'line', 1)},title={_property(_text(row, 'name'))}"
    )
    return f"::{level} {properties}::{_data(shown)}"


def _text(row: object, name: str) -> str:
    value = getattr(row, name, None)
    return value if isinstance(value, str) else ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
