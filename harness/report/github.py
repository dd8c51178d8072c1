"""Failures as annotations that GitHub shows beside the lines of a change."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.project import located, project_root

if TYPE_CHECKING:
    from harness.report.loading import Run

__all__ = ["annotated", "github_annotations"]

_LEVELS = {"failed": "error", "error": "error"}


def github_annotations(run: Run) -> str:
    """One workflow command a failure and a flaky case, ready to be printed; empty when all is well."""
    last: dict[str, object] = {str(row.scenario_id): row for row in run.scenarios.sort_values("attempt").itertuples()}
    return "".join(f"{line}\n" for line in annotated(last.values()))


def annotated(rows: Iterable[object]) -> list[str]:
    """The same of scenarios as records, or rows with their columns: one workflow command each, without line ends.

    Files are relative to the repository, as GitHub finds them; of a file elsewhere stands what the record says.
    """
    project = project_root()
    repository = _repository(project)
    return [_line(row, _in_repository(_text(row, "file"), project, repository)) for row in rows if _level(row)]


def _repository(project: Path) -> Path:
    """The folder of the checkout that holds the project: what Actions says, else the nearest with .git, else the project."""
    said = os.environ.get("GITHUB_WORKSPACE")
    if said and project.is_relative_to(Path(said).resolve()):
        return Path(said).resolve()
    return next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), project)


def _in_repository(file: str, project: Path, repository: Path) -> str:
    whole = Path(os.path.normpath(located(Path(file), project)))
    return whole.relative_to(repository).as_posix() if whole.is_relative_to(repository) else file


def _level(row: object) -> str | None:
    level = _LEVELS.get(str(getattr(row, "outcome", "")))
    return level or ("warning" if getattr(row, "flaky", False) else None)


def _line(row: object, file: str) -> str:
    level = _level(row)
    shown = (
        "passed only at another attempt" if level == "warning" else _text(row, "failure_text") or _text(row, "failure")
    )
    properties = f"file={_property(file)},line={getattr(row, 'line', 1)},title={_property(_text(row, 'name'))}"
    return f"::{level} {properties}::{_data(shown)}"


def _text(row: object, name: str) -> str:
    value = getattr(row, name, None)
    return value if isinstance(value, str) else ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
