"""A migration rehearsed from the control room, in a process of its own; what it found is kept beside the run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets

from harness.errors import HarnessError, HarnessFault, InputError, MachineError
from harness.migrations.checking import PHASES
from harness.notebook.panels import button, complaint, migration_choices
from harness.notebook.working import in_background
from harness.report import load
from harness.report.analysis import migration, present

__all__ = ["Rehearsing", "rehearse", "told"]

_REFUSED = {InputError.exit_code: InputError, MachineError.exit_code: MachineError}
_HAZARD = 1


def rehearse(
    root: Path, path: str, baseline: str, *, database: str, rows: int, report: Path, phases: Sequence[str] = ()
) -> migration.Rehearsal:
    """Run `harness migrate check` and read what it left in `report` (a run's directory, or any other). No phases: all.

    Raises:
        InputError: the migration, its baseline or an option is wrong.
        MachineError: no database can be had.
    """
    words = ["migrate", "check", path, *(["--baseline", baseline] if baseline else [])]
    words += ["--database", database, "--rows", str(rows), "--report", str(report), "--color", "never"]
    for phase in phases:
        words += ["--phase", phase]
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in {0, _HAZARD}:
        raise _REFUSED.get(done.returncode, HarnessFault)(done.stderr.strip() or f"exit {done.returncode}")
    return migration.read_file(report / migration.FILE)


def told(found: migration.Rehearsal) -> str:
    """A rehearsal as a page: the verdict, findings, phases and locks."""
    pieces = (
        present.heading(migration.finding(found), level=3),
        present.table(migration.findings(found), "Findings", code=["statement", "remedy"], name="hazards"),
        present.table(migration.phases(found), "What was run, and what was not", name="phases"),
        present.table(migration.locks(found), "Locks", name="locks"),
    )
    return "".join(piece.html for piece in pieces)


class Rehearsing:
    """The panel: which migration, on what."""

    def __init__(self, root: Path, reports: Path, database: Callable[[], str]) -> None:
        self._root, self._reports, self._database = root, reports, database
        found = migration_choices(root)
        wide = ipywidgets.Layout(width="46em")
        self.path = ipywidgets.Combobox(
            description="Migration", options=found, value=found[0] if found else "", layout=wide
        )
        there = (root / "fixtures" / "migrations").is_dir()
        self.baseline = ipywidgets.Text(
            description="Baseline", value="fixtures/migrations" if there else "", placeholder="what is there before", layout=wide
        )  # fmt: skip
        self.rows = ipywidgets.BoundedIntText(description="Rows", value=10_000, min=10, max=10_000_000, layout=wide)
        self.phases = ipywidgets.SelectMultiple(
            description="Phases", options=PHASES, rows=5, tooltip="None chosen: all of them", layout=wide
        )
        self.start = button("Rehearse", "Locks, rewrites, lost rows, the way back: on a throwaway database")
        self.said = ipywidgets.HTML()
        self.start.on_click(lambda _: self.rehearse())
        self.box = ipywidgets.VBox([self.path, self.baseline, self.rows, self.phases, self.start, self.said])

    def rehearse(self) -> None:
        """Start the rehearsal; what it finds is shown when it ends, and kept in the run's directory."""
        self.start.disabled = True
        self.said.value = "<p>Rehearsing: this takes some seconds.</p>"
        in_background(self._rehearse)

    def _rehearse(self) -> None:
        try:
            found = rehearse(
                self._root,
                self.path.value.strip(),
                self.baseline.value.strip(),
                database=self._database(),
                rows=self.rows.value,
                report=self._place(),
                phases=self.phases.value,
            )
            self.said.value = told(found)
        except HarnessError as error:
            self.said.value = complaint(error)
        finally:
            self.start.disabled = False

    def _place(self) -> Path:
        """The latest run's directory; where there is none, one beside the runs."""
        try:
            return load(self._reports).directory
        except InputError:
            return self._reports / "rehearsal"
