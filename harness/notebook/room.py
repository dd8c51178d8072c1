"""The control room: choose, start, watch, open a failure, run it again, rehearse a migration, compare.

Every part is a panel with widgets of its own (`choosing`, `panels`, `rehearsing`); the room connects them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets

from harness.errors import HarnessError, InputError
from harness.notebook.choosing import Choosing
from harness.notebook.course import Course
from harness.notebook.panels import Cases, Comparing, Watching, button, complaint
from harness.notebook.rehearsing import Rehearsing
from harness.notebook.running import Running
from harness.notebook.working import in_background
from harness.project import project_root
from harness.report import load
from harness.report.analysis.cases import case_frame
from harness.session.options import RunOptions

__all__ = ["ControlRoom"]


class ControlRoom:
    """Display it in a notebook. It opens with the latest run, if there is one."""

    def __init__(self, root: Path | None = None, *, reports: Path | None = None) -> None:
        self.root = root or project_root()
        self.reports = reports or self.root / "reports"
        self.running: Running | None = None
        self.choosing = Choosing(self.root)
        self.watching = Watching()
        self.cases = Cases()
        self.rehearsing = Rehearsing(self.root, self.reports, lambda: self.choosing.database.value or "auto")
        self.comparing = Comparing(self.reports)
        self.start = button("Start", "Run what is chosen above", "primary")
        self.last_failed = button("Run what failed last", "What did not hold in the latest run, with the choices above")
        self.stop = button("Stop", "After the scenario at hand; the report is finished")
        self.stop.disabled = True
        self.start.on_click(lambda _: self.begin())
        self.last_failed.on_click(lambda _: self.begin(last_failed=True))
        self.stop.on_click(lambda _: self.end())
        self.cases.again.on_click(lambda _: self.begin_again())
        self.box = self._laid_out()
        self._open_latest()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show: Any = display
        show(self.box)

    def begin(self, **instead: Any) -> None:
        """Start the run that is chosen; one at a time."""
        if self.running is not None:
            return
        try:
            self._follow(self.choosing.options(reports=self.reports, **instead))
        except HarnessError as error:
            self.watching.told.value = complaint(error)

    def end(self) -> None:
        """Let the scenario at hand end and the report be finished; asked twice it stops at once."""
        if self.running is not None:
            self.running.stop()

    def begin_again(self) -> None:
        """Run the case that is open again, alone, on its own target and with its own seed."""
        run, chosen = self.cases.run, self.cases.chosen.value
        if run is None or chosen is None:
            return
        cases = case_frame(run)
        row = cases[cases["scenario_id"] == chosen].iloc[0]
        self.begin(
            paths=(f"{row['file']}:{row['line']}",),
            tags=(),
            text=str(chosen),
            target=str(row["target"]),
            seed=int(row["seed"]),
            workers=1,
        )

    def _follow(self, options: RunOptions) -> None:
        self.running = running = Running(options)
        self._busy(True)
        self.watching.show(running.course)
        in_background(lambda: self._watch(running))

    def _watch(self, running: Running) -> None:
        try:
            course = running.follow(self.watching.show)
            self._ended(course)
        finally:
            self.running = None
            self._busy(False)

    def _ended(self, course: Course) -> None:
        if course.directory is not None:
            self.cases.show(load(course.directory))
            self.comparing.refresh()
            self.comparing.compare()

    def _busy(self, busy: bool) -> None:
        for one in (self.start, self.last_failed):
            one.disabled = busy
        self.stop.disabled = not busy
        self.cases.occupy(busy)

    def _open_latest(self) -> None:
        try:
            run = load(self.reports)
        except InputError:
            return  # no run yet: the room says so
        self.cases.show(run)
        self.comparing.refresh()

    def _laid_out(self) -> ipywidgets.VBox:
        buttons = ipywidgets.HBox([self.start, self.last_failed, self.stop])
        panels = {
            "What to run": ipywidgets.VBox([self.choosing.box, buttons]),
            "The run as it goes": self.watching.box,
            "The run, and one scenario of it": self.cases.box,
            "Compare two runs": self.comparing.box,
            "Rehearse a migration": self.rehearsing.box,
        }
        pieces = [ipywidgets.VBox([ipywidgets.HTML(f"<h2>{title}</h2>"), box]) for title, box in panels.items()]
        return ipywidgets.VBox(pieces)
