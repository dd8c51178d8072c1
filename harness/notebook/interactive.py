"""`harness.run(...)`: scenarios run from a notebook or a prompt, with a progress bar; the result shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.notebook.running import Running
from harness.progress import Bar
from harness.project import project_root
from harness.report.loading import load
from harness.session.options import RunOptions

if TYPE_CHECKING:
    from harness.notebook.course import Course
    from harness.report.loading import Run

__all__ = ["run"]


def run(
    *paths: str | Path,
    tags: str | Sequence[str] = (),
    text: str | None = None,
    covers: Sequence[str] = (),
    last_failed: bool = False,
    target: str = "reference",
    database: str = "auto",
    seed: int | None = None,
    workers: int = 1,
    retries: int = 0,
    fail_fast: bool = False,
    root: Path | None = None,
    reports: Path | None = None,
    progress: bool = True,
) -> Run:
    """Run scenarios as `harness run` does, in a process of its own, and return the run, loaded.

    `paths`: files, folders or `FILE:LINE` of the project (default: scenarios/). Interrupting the kernel lets the
    scenario at hand end; the run returned then says `interrupted` in its manifest.

    Raises:
        InputError: mistakes in files or options, all of them.
        NothingSelected: nothing is left after the selection.
        MachineError: no database can be had, or it went away before the first scenario.
        HarnessFault: the process ended without a result.
    """
    options = RunOptions(
        paths=tuple(str(path) for path in paths),
        root=root or project_root(),
        tags=(tags,) if isinstance(tags, str) else tuple(tags),
        text=text,
        covers=tuple(covers),
        last_failed=last_failed,
        target=target,
        database=database,
        seed=seed,
        workers=workers,
        retries=retries,
        fail_fast=fail_fast,
        reports=reports.resolve() if reports else None,
    )
    with Bar("scenarios", wanted=progress) as bar:
        course = _followed(Running(options), bar)
    if course.error is not None:
        raise course.error
    assert course.directory is not None  # a run that ended without an error has a report
    return load(course.directory)


def _followed(running: Running, bar: Bar) -> Course:
    def show(course: Course) -> None:
        bar.show(course.done, course.planned, course.headline or course.tally())

    while True:
        try:
            return running.follow(show)
        except KeyboardInterrupt:
            running.stop()
            if running.course.exit_code is not None:
                raise
