"""The course of a run as somebody watching sees it: what was planned, what ended how, what it came to."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, HarnessFault, InputError, MachineError, NothingSelected

__all__ = ["Course", "Failed"]

_ERRORS = {
    InputError.exit_code: InputError,
    NothingSelected.exit_code: NothingSelected,
    MachineError.exit_code: MachineError,
}
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Failed:
    """A case that did not hold."""

    scenario_id: str
    outcome: str
    failure: str


@dataclass(slots=True)
class Course:
    """Built from the events of a run (`hear`), one after another."""

    planned: int = 0
    about: str = "starting"
    database: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    directory: Path | None = None
    headline: str = ""
    exit_code: int | None = None
    error: HarnessError | None = None

    @property
    def done(self) -> int:
        """How many cases have ended."""
        return self.counts.total()

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one event, as `harness.notebook.child` tells it."""
        match event["event"]:
            case "planned":
                self.planned = event["cases"]
                self.about = f"{event['target']} · seed {event['seed']} · workers {event['workers']}"
            case "database":
                self.database = event["text"]
            case "note":
                self.notes.append(event["text"])
            case "finished":
                self._finished(event)
            case "completed":
                self.headline, self.exit_code = event["headline"], event["exit_code"]
                self.directory = Path(event["directory"]) if event["directory"] else None
                if self.directory is None:
                    self.error = HarnessFault(f"No report was begun: {self.headline}.", "Start it again.")
            case "error":
                self.error = _ERRORS.get(event["exit_code"], HarnessFault)(event["text"])
                self.exit_code = event["exit_code"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.counts[event["outcome"]] += 1
        if event["outcome"] in {"failed", "error"}:
            self.failures.append(Failed(event["scenario_id"], event["outcome"], event["failure"] or ""))

    def tally(self) -> str:
        """The outcomes so far: `41 passed, 2 failed`."""
        if not self.counts:
            return self.headline or ("opening a database" if self.planned else self.about)
        return ", ".join(f"{self.counts[name]} {name}" for name in ("passed", "failed", "error", "skipped") if self.counts[name])  # fmt: skip

    def html(self) -> str:
        """What is shown while it goes: where it runs, its notes, its latest failures."""
        failures = "".join(
            f"<li>✗ {html.escape(one.outcome)}: {html.escape(one.scenario_id)}<br><code>{html.escape(one.failure)}</code></li>"
            for one in self.failures[-_SHOWN:]
        )
        more = len(self.failures) - _SHOWN
        earlier = f"<p>{more} failures before these.</p>" if more > 0 else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes[-3:])
        database = f" · {html.escape(self.database)}" if self.database else ""
        return f"<p>{html.escape(self.about)}{database}</p>{notes}{earlier}<ul>{failures}</ul>"
