"""The panels of the control room under the choice: the run going on, one case, a rehearsal, a comparison."""

from __future__ import annotations

import html
from pathlib import Path

import ipywidgets

from harness.errors import HarnessError
from harness.notebook.course import Course
from harness.report import Run, compare, load, runs_in
from harness.report.analysis.evidence import case_choices, show

__all__ = ["Cases", "Comparing", "Watching", "button", "complaint", "migration_choices"]

_LINE = ipywidgets.Layout(width="60em")


def button(text: str, why: str, style: str = "") -> ipywidgets.Button:
    """A button with its words and what they mean."""
    return ipywidgets.Button(description=text, tooltip=why, button_style=style, layout=ipywidgets.Layout(width="auto"))


def complaint(error: HarnessError) -> str:
    """An error as a person reads it: the message is the help."""
    return f'<pre role="alert" style="white-space:pre-wrap">⚠ {html.escape(str(error))}</pre>'


def migration_choices(root: Path) -> list[str]:
    """The migrations that lie in the project's fixtures, relative to it."""
    place = root / "fixtures" / "migrations"
    return [path.relative_to(root).as_posix() for path in sorted(place.glob("*.sql"))]


class Watching:
    """A run as it goes: a bar, the outcomes so far, the latest failures."""

    def __init__(self) -> None:
        self.bar = ipywidgets.IntProgress(
            value=0, max=1, description="Progress", layout=ipywidgets.Layout(width="40em")
        )
        self.said = ipywidgets.Label(value="Nothing runs.")
        self.told = ipywidgets.HTML()
        self.box = ipywidgets.VBox([ipywidgets.HBox([self.bar, self.said]), self.told])

    def show(self, course: Course) -> None:
        """What has happened so far. Words beside the colour of the bar."""
        self.bar.max = max(1, course.planned)
        self.bar.value = course.done
        self.bar.bar_style = "danger" if course.failures else ""
        counted = f"{course.done} of {course.planned}: " if course.planned else ""
        self.said.value = course.headline or counted + course.tally()
        self.told.value = complaint(course.error) if course.error else course.html()


class Cases:
    """The cases of a run; the one chosen is opened down to its rows and requests."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.summary = ipywidgets.HTML(value="<p>No run yet.</p>")
        self.only_failures = ipywidgets.Checkbox(value=True, description="Only what did not hold", indent=False)
        self.chosen = ipywidgets.Select(options=[], rows=8, description="Scenario", layout=_LINE)
        self.again = button("Run it again", "This scenario alone, with the same seed and target")
        self.busy = False
        self.again.disabled = True
        self.opened = ipywidgets.HTML()
        self.only_failures.observe(lambda _: self._offer(), "value")
        self.chosen.observe(lambda _: self._open(), "value")
        self.box = ipywidgets.VBox([self.summary, self.only_failures, self.chosen, self.again, self.opened])

    def show(self, run: Run) -> None:
        """Offer the cases of `run`: what did not hold, or all of them where everything held."""
        self.run = run
        self.summary.value = run._repr_html_()
        bad = bool(case_choices(run, failures_only=True))
        if self.only_failures.value == bad:
            self._offer()
        else:
            self.only_failures.value = bad

    def occupy(self, busy: bool) -> None:
        """While a run goes on no other can be started from here."""
        self.busy = busy
        self.again.disabled = busy or self.chosen.value is None

    def _offer(self) -> None:
        if self.run is not None:
            offered = case_choices(self.run, failures_only=self.only_failures.value)
            self.chosen.options = offered
            self.chosen.value = offered[0][1] if offered else None  # opens it

    def _open(self) -> None:
        chosen = self.chosen.value
        self.again.disabled = self.busy or chosen is None
        self.opened.value = "" if self.run is None or chosen is None else show(self.run, chosen).html


class Comparing:
    """Two runs side by side; after a run: with the one before it."""

    def __init__(self, reports: Path) -> None:
        self._reports = reports
        self.before = ipywidgets.Dropdown(description="Before", layout=_LINE)
        self.after = ipywidgets.Dropdown(description="After", layout=_LINE)
        self.start = button("Compare", "What broke, was fixed, is new, gone or slower")
        self.told = ipywidgets.HTML()
        self.start.on_click(lambda _: self.compare())
        self.box = ipywidgets.VBox([self.before, self.after, self.start, self.told])

    def refresh(self) -> None:
        """Offer the runs there are, newest first: the latest against the one before it."""
        runs = [path.name for path in reversed(runs_in(self._reports))]
        self.before.options = self.after.options = runs
        if runs:
            self.after.value, self.before.value = runs[0], runs[min(1, len(runs) - 1)]

    def compare(self) -> None:
        """Show what changed between the two runs chosen."""
        if not self.before.value:
            self.told.value = "<p>There is no run to compare with yet.</p>"
            return
        try:
            found = compare(load(self._reports / self.before.value), load(self._reports / self.after.value))
        except HarnessError as error:
            self.told.value = complaint(error)
            return
        self.told.value = found._repr_html_()
