"""`harness audit`, `verify`, `compare`, `history`, `replay`: what is done with a run after it ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.folders import folder
from harness.project import project_root

__all__ = ["audit", "compare", "history", "replay", "verify"]

RunPath = Annotated[Path, typer.Argument(help="A run directory. Default: the latest.", metavar="[RUN]")]


def audit(
    run: RunPath = Path("reports/latest"),
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the dossier goes. Default: RUN/dossier", metavar="DIR", parser=folder),
    ] = None,
    notebook: Annotated[
        list[str] | None, typer.Option("--notebook", help="Only this notebook (repeatable).", metavar="NAME")
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds for each notebook.")] = 300,
) -> int:
    """Execute the notebooks on a run and write a dossier that opens offline.

    Exit code 12 when a gate of a notebook fails; the notebook is kept with what it found.

    Examples:

      harness audit

      harness audit reports/20301122-101500-7 --notebook suite_health --out /tmp/dossier
    """
    from harness.report import audit as make_dossier

    dossier = make_dossier(
        run, out, notebooks=notebook, timeout_s=timeout, progress=lambda text: print(text, flush=True)
    )
    print(f"dossier {dossier.index}")
    for failure in dossier.failures:
        print(f"gate    {failure}")
    return ExitCode.GATE if dossier.failures else ExitCode.OK


def replay(
    run: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN")],
    scenario: Annotated[str, typer.Argument(help="The id of a scenario in it, or a part that fits only one.")],
    database: Annotated[
        str, typer.Option("--database", help="auto, embedded, testcontainers[:IMAGE] or postgresql://…")
    ] = "auto",
) -> int:
    """Run a recorded scenario again, with its seed and on its target, and show what differs. Exit code 1 if anything does.

    Examples:

      harness replay reports/latest 'A free session is booked without signing in[session=intro-call]'
    """
    from harness.report.cases import so_many
    from harness.session.replay import replay as replayed

    found = replayed(run, scenario, root=project_root(), database=database)
    print(found.scenario_id)
    for difference in found.differences:
        print(f"  {difference}")
    count = so_many(len(found.differences), "difference") if found.differences else "no differences"
    print(f"recorded {found.recorded}, now {found.replayed}; {count}")
    return ExitCode.FAILED if found.differences or found.recorded != found.replayed else ExitCode.OK


def verify(
    run: RunPath = Path("reports/latest"),
    inputs: Annotated[
        bool, typer.Option("--inputs", help="Compare the scenario files that were read with those of this project too.")
    ] = False,
) -> int:
    """Recompute the hashes of a run and its dossier, or of a dossier alone, and compare them. Exit code 1 if any differs.

    Examples:

      harness verify reports/latest

      harness verify reports/latest --inputs
    """
    from harness.report import verify as recompute
    from harness.report.cases import so_many

    differences = recompute(run, project=project_root() if inputs else None)
    for difference in differences:
        print(difference)
    print(so_many(len(differences), "difference") if differences else "verified: every file is as it was written")
    return ExitCode.FAILED if differences else ExitCode.OK


def compare(
    before: Annotated[Path, typer.Argument(help="The earlier run.", metavar="RUN")],
    after: Annotated[Path, typer.Argument(help="The later run.", metavar="RUN")] = Path("reports/latest"),
) -> int:
    """Say what changed between two runs: broken, fixed, new, gone, slower. Exit code 1 if something broke, or if the later run has
    no result of what it planned.

    Examples:

      harness compare reports/20301122-101500-7 reports/latest
    """
    from harness.report import compare as compared

    comparison = compared(before, after)
    print(comparison.text())
    return ExitCode.FAILED if comparison.broken or comparison.missing else ExitCode.OK


def history(
    reports: Annotated[Path, typer.Argument(help="The folder that holds the runs.", metavar="[REPORTS]")] = Path(
        "reports"
    ),
    last: Annotated[int, typer.Option("--last", min=2, help="How many runs back.", metavar="N")] = 10,
    target: Annotated[
        str | None, typer.Option("--target", help="Only runs on this target. Default: that of the latest run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Say which scenarios changed their mind over the last runs, and which became slower.

    Examples:

      harness history --last 20

      harness history reports --target reference --json
    """
    from harness.report import look_back

    found = look_back(reports, last=last, target=target)
    print(json.dumps(found.document(), ensure_ascii=False) if as_json else found.text())
    return ExitCode.OK
