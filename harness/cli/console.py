"""What a person sees of a run: progress while it goes, the failures again at the end, and where the report is."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.cli.streams import outliving

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress, TaskID

    from harness import records
    from harness.session import RunResult

__all__ = ["Console", "kept_for_documents"]

_NOTES = 5  # that are told in the terminal
_CURSOR = dict.fromkeys((7, 8, 11, 12, 13))  # bell, backspace, vertical tab, form feed, carriage return
_MARKS = {"passed": (".", "green"), "failed": ("F", "red"), "error": ("E", "magenta"), "skipped": ("s", "yellow")}


@contextmanager
def kept_for_documents(wanted: bool) -> Iterator[TextIO | None]:
    """Standard output, for documents alone: what else is printed meanwhile (by verbs, the application, their children)
    goes to standard error. None when that is not `wanted`."""
    if not wanted:
        yield None
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), outliving(kept) as documents:
            yield documents
    finally:
        os.dup2(kept, 1)
        os.close(kept)


class _Plain:
    """What Rich's console prints where nobody sees colours: importing that takes longer than the first scenario."""

    is_terminal = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def print(self, text: str = "", *, style: str | None = None, end: str = "\n") -> None:
        """Write `text` as Rich writes it: tabs as spaces, and nothing that moves a cursor."""
        del style  # of terminals
        self._stream.write(text.translate(_CURSOR).expandtabs() + end)
        self._stream.flush()


class Console:
    """A listener of a run. With `json`, where its document goes, everything else goes to standard error.

    `verbosity` is -1 for failures and the last line only, 0 for progress, 1 for a line a scenario.
    """

    def __init__(
        self, *, color: bool | None, verbosity: int = 0, json: TextIO | None = None, annotations: bool = False
    ) -> None:
        self._color = color
        self._verbosity = verbosity
        self._json = json
        self._annotations = annotations
        self._out: RichConsole | _Plain | None = None
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._counts: Counter[str] = Counter()
        self._file = ""

    @property
    def out(self) -> RichConsole | _Plain:
        if self._out is None:
            stream = sys.stderr if self._json else sys.stdout
            self._out = self._rich(stream) if self._coloured(stream) else _Plain(stream)
        return self._out

    def _coloured(self, stream: TextIO) -> bool:
        """Whether Rich has anything to do there: a terminal, or colours asked for, as it understands that itself."""
        asked = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
        return bool(self._color) or asked or stream.isatty()

    def _rich(self, stream: TextIO) -> RichConsole:
        from rich.console import Console as RichConsole

        return RichConsole(
            file=stream,
            force_terminal=self._color,
            no_color=self._color is False,
            highlight=False,
            soft_wrap=True,
            emoji=False,
            markup=False,
        )

    # -- listener -----------------------------------------------------------------------------------------------

    def planned(self, *, cases: int, target: str, seed: int, workers: int) -> None:
        if self._verbosity < 0:
            return
        plural = "" if workers == 1 else "s"
        self.out.print(
            f"{cases} case{'' if cases == 1 else 's'} on {target} · {workers} worker{plural} · seed {seed}",
            style="bold",
        )
        if self.out.is_terminal and self._verbosity == 0:
            self._start_bar(cases)

    def database(self, about: dict[str, Any]) -> None:
        if self._verbosity < 0:
            return
        image = f" {about['image']}" if about.get("image") else ""
        self._line(f"PostgreSQL {about['version']}, {about['kind']}{image}", style="dim")

    def note(self, text: str) -> None:
        self._line(f"note: {text}", style="yellow")

    def finished(self, record: records.Scenario) -> None:
        self._counts[record.outcome] += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, description=self._tally())
        if record.outcome in {"failed", "error"} and record.failure_text and self._verbosity >= 0:
            self._line("")
            self._failure(record)
        elif self._verbosity >= 1:
            style = _MARKS[record.outcome][1]
            self._line(f"{record.outcome:8}{record.duration_us / 1000:7.1f} ms  {record.scenario_id}", style=style)
        elif self._verbosity == 0 and self._progress is None:
            self._dot(record)

    def completed(self, result: RunResult) -> None:
        self._stop_bar()
        if self._verbosity <= 0 and not self.out.is_terminal and self._file:
            self.out.print()
        self._failures_again(result)
        self._flaky(result)
        self._notes(result)
        self._last_lines(result)
        if self._annotations:
            print("\n".join(result.annotations()), file=sys.stderr if self._json else sys.stdout)
        if self._json and result.manifest:  # without one there is no report, and a half document would look whole
            print(json.dumps(result.document(), ensure_ascii=False, default=str), file=self._json, flush=True)

    # -- parts --------------------------------------------------------------------------------------------------

    def _start_bar(self, cases: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        assert not isinstance(self.out, _Plain)  # a bar is for a terminal
        self._progress = Progress(*columns, console=self.out, transient=True, refresh_per_second=8)
        self._task = self._progress.add_task("", total=cases)
        self._progress.start()

    def _stop_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _tally(self) -> str:
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._counts.items()))

    def _line(self, text: str, style: str | None = None) -> None:
        if self._file:
            self.out.print()
            self._file = ""
        self.out.print(text, style=style)

    def _dot(self, record: records.Scenario) -> None:
        if record.file != self._file:
            if self._file:
                self.out.print()
            self._file = record.file
            self.out.print(f"{record.file} ", end="")
        mark, style = _MARKS[record.outcome]
        self.out.print(mark, style=style, end="")

    def _failure(self, record: records.Scenario) -> None:
        first, *rest = (record.failure_text or "").splitlines() or [""]
        self._line(first, style=f"bold {_MARKS[record.outcome][1]}")
        for line in rest:
            self.out.print(line)

    def _failures_again(self, result: RunResult) -> None:
        broken = [s for s in result.scenarios if s.outcome in {"failed", "error"}]
        if not broken:
            return
        self.out.print()
        if self._verbosity < 0:
            for record in broken:
                self._failure(record)
            return
        self.out.print(f"{len(broken)} not passed:", style="bold red")
        for record in broken:
            self.out.print(f"  {record.file}:{record.line}  {record.name}", style="red")
            self.out.print(f"      {record.failure}")
            self.out.print(f"      {record.rerun}", style="dim")
        rules = result.broken_rules()
        if rules:
            self.out.print(f"rules concerned: {', '.join(rules)}")

    def _flaky(self, result: RunResult) -> None:
        for record in result.scenarios:
            if record.flaky:
                self.out.print(f"flaky: {record.scenario_id} (passed at attempt {record.attempt})", style="yellow")

    def _notes(self, result: RunResult) -> None:
        noted = [(record, note) for record in result.scenarios for note in record.notes]
        for record, note in noted[:_NOTES]:
            self.out.print(f"note: {record.scenario_id}: {note}", style="yellow")
        if len(noted) > _NOTES:
            self.out.print(f"note: {len(noted) - _NOTES} more like these stand in the report", style="yellow")

    def _last_lines(self, result: RunResult) -> None:
        style = "bold green" if result.exit_code == 0 else "bold red"
        self.out.print()
        self.out.print(result.headline(), style=style)
        if result.report is not None:
            self.out.print(f"report  {_shown(result.report)}")
        if any(s.outcome in {"failed", "error"} for s in result.scenarios):
            self.out.print(f"rerun   {result.failed_again}{self._elsewhere(result)}")

    @staticmethod
    def _elsewhere(result: RunResult) -> str:
        """The option that finds this run again, where its report is not in the usual place."""
        import shlex

        if result.reports is None or result.reports.resolve() == Path("reports").resolve():
            return ""
        return f" --report {shlex.quote(_shown(result.reports))}"


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
