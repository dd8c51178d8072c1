"""`harness.migrations.check(...)`: a rehearsal from a notebook or a prompt; the report shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.migrations.checking import PHASES, Report
from harness.migrations.checking import check as run_check
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options
from harness.postgres import open_server
from harness.progress import Bar
from harness.project import place

__all__ = ["check"]


def check(
    path: str | Path,
    *,
    baseline: str | Path | Sequence[str | Path] = (),
    since: str | None = None,
    database: str = "auto",
    phases: Sequence[str] = (),
    progress: bool = True,
    **options: Any,
) -> Report:
    """Rehearse the migration at `path` as `harness migrate check` does, on a throwaway PostgreSQL.

    `options` are the fields of `harness.migrations.rehearsal.Options`: rows, production_rows, max_wait (seconds), …
    Paths may be relative to the project's folder.

    Raises:
        InputError: SQL that would reach outside, a baseline that fails, an unknown phase or runner.
        MachineError: no database can be had.
        TypeError: an option that there is not.
    """
    chosen = Options(phases=tuple(phases), **options)
    before = [baseline] if isinstance(baseline, (str, Path)) else list(baseline)
    planned = plan(place(Path(path)), [place(Path(each)) for each in before], since)
    with Bar("phases", wanted=progress) as bar:
        bar.show(0, len(PHASES), "opening a database")
        with open_server(database) as server:
            report = run_check(
                server, planned, chosen, begun=lambda name: bar.show(PHASES.index(name), len(PHASES), name)
            )
        bar.show(len(PHASES), len(PHASES), report.verdict)
    return report
