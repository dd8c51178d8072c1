"""The record of an application: one JSON file each, begun before anything happens; never a password in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.migrations.patience import Attempt
from harness.migrations.reading import Script

__all__ = ["Applied", "recorded", "write_record"]


@dataclass(slots=True)
class Applied:
    """What happened. `outcome`: dry run, applied, already applied, refused, failed, not verified; in the record also
    begun (nothing came after: it was killed) and interrupted."""

    target: str
    outcome: str
    lines: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    verified: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)  # SQL that removes what a failure left
    record: Path | None = None
    database: str = ""  # tells this database from a later one of the same name

    @property
    def good(self) -> bool:
        """Whether the migration is there, or would be."""
        return self.outcome in {"dry run", "applied", "already applied"}


def write_record(folder: Path, scripts: Sequence[Script], result: Applied, started: datetime) -> Path:
    """Write it, over an earlier one of the same application."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"apply-{started:%Y%m%dT%H%M%S%f}.json"
    content: dict[str, Any] = {
        "target": result.target,
        "database": result.database,
        "outcome": result.outcome,
        "started": started.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
        "scripts": [{"name": script.name, "checksum": script.checksum} for script in scripts],
        "attempts": [asdict(attempt) for attempt in result.attempts],
        "verified": result.verified,
        "left_behind": result.left_behind,
        "lines": result.lines,
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def recorded(folder: Path | None, script: Script, result: Applied) -> bool:
    """Whether a record of an earlier application says that this very file was applied to this very database."""
    paths: Iterable[Path] = sorted(folder.glob("apply-*.json")) if folder is not None else ()
    for path in paths:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            same = {"name": script.name, "checksum": script.checksum} in told["scripts"]
            here = (told["target"], told["database"]) == (result.target, result.database)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # an older record, or none
        if same and here and told["outcome"] == "applied":
            return True
    return False
