"""`harness migrate check`, `rollout` and `apply`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.migrations.checking import Report
    from harness.migrations.findings import Severity

__all__ = ["migrate_app"]

FORMATS = ("text", "json", "sarif", "junit", "github")

migrate_app = typer.Typer(
    help="Rehearse a migration on a throwaway PostgreSQL before production sees it, then apply it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CHECK_EPILOG = """
Examples:

  harness migrate check fixtures/migrations/make_client_id_nullable.sql --baseline fixtures/migrations

  harness migrate check prisma/migrations --since origin/main --runner prisma@6 --format sarif > migration.sarif

  harness migrate check 0042_add_price.sql --baseline schema_dump.sql --data rows.sql --rows 100000 --fail-on medium

Exit codes: 0 no hazard at or above --fail-on, 1 a hazard, 3 a fault of the harness, 4 bad input, 10 no database.
"""

PathArgument = Annotated[Path, typer.Argument(help="A .sql file, a folder of them, or a Prisma migrations folder.")]
Baseline = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline", "-b", help="What is there before: a pg_dump schema, a file, a folder, or Prisma's. Repeatable."
    ),
]
Since = Annotated[str | None, typer.Option(help="Check what changed under PATH after this git revision.")]
Runner = Annotated[str, typer.Option(help="Who applies it: auto, psql, one-transaction, prisma@6, prisma@7.4.")]
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database", help="auto, embedded, testcontainers, or postgresql://… (databases of its own are made there)."
    ),
]
Data = Annotated[Path | None, typer.Option(help="Rows to try it on: a catalogue (.yaml) or INSERTs (.sql).")]


@migrate_app.command(epilog=_CHECK_EPILOG)
def check(
    path: PathArgument,
    baseline: Baseline = None,
    since: Since = None,
    runner: Runner = "auto",
    rows: Annotated[int, typer.Option(min=10, help="Rows made for each table that the migration touches.")] = 10_000,
    production_rows: Annotated[
        int, typer.Option(min=1, help="Rows in production: times are extrapolated to it.")
    ] = 1_000_000,
    max_wait: Annotated[
        float, typer.Option(min=0, help="Seconds that traffic may be blocked at production size.")
    ] = 1.0,
    data: Data = None,
    down: Annotated[
        Path | None, typer.Option(help="A script that undoes it; x.down.sql beside x.sql is found by itself.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="SQLAlchemy metadata to compare with, as module:attribute.")
    ] = None,
    prisma_schema: Annotated[Path | None, typer.Option(help="schema.prisma to compare with.")] = None,
    phase: Annotated[list[str] | None, typer.Option("--phase", help="Run only this phase. Repeatable.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="Permit SQL that reaches outside, by name. Repeatable.")
    ] = None,
    runner_sets_lock_timeout: Annotated[bool, typer.Option(help="Whoever applies it sets lock_timeout.")] = False,
    fail_on: Annotated[
        str, typer.Option(help="Severity that makes the exit code 1: blocker, high, medium, low, info.")
    ] = "high",
    format_: Annotated[str, typer.Option("--format", "-f", help=f"One or several of {', '.join(FORMATS)}.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    report: Annotated[Path | None, typer.Option(help="Folder for migration.json and the other formats.")] = None,
    database: DatabaseOption = "auto",
    color: Annotated[str, typer.Option(help="auto, always, never; NO_COLOR is respected.")] = "auto",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every statement.")] = False,
) -> None:
    """Say what a migration does: locks, rewrites, lost rows, half-done states, traffic, the way back, drift."""
    from harness.migrations.checking import check as run_check  # noqa: PLC0415 - imported when the command runs
    from harness.migrations.findings import Severity  # noqa: PLC0415 - imported when the command runs
    from harness.migrations.reading import plan  # noqa: PLC0415 - imported when the command runs
    from harness.migrations.rehearsal import Options  # noqa: PLC0415 - imported when the command runs
    from harness.postgres import open_server  # noqa: PLC0415 - imported when the command runs

    formats = _formats("json" if as_json else format_)
    threshold = Severity.of(fail_on)
    options = Options(
        runner=runner,
        rows=rows,
        production_rows=max(rows, production_rows),
        max_wait=max_wait,
        allow=tuple(allow or ()),
        data=data,
        down=down,
        models=models,
        prisma_schema=prisma_schema,
        phases=tuple(phase or ()),
        lock_timeout_set_by_runner=runner_sets_lock_timeout,
    )
    planned = plan(path, baseline or (), since)
    with open_server(database, note=_note) as server:
        result = run_check(server, planned, options)
    _show(result, formats, threshold, _colour(color), verbose, report)
    raise typer.Exit(ExitCode.FAILED if result.fails(threshold) else ExitCode.OK)


def _formats(text: str) -> list[str]:
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FORMATS]
    if unknown or not wanted:
        raise InputError(f"format {(unknown or [text])[0]!r} is not known.", f"Use one of {', '.join(FORMATS)}.")
    return wanted


def _rendered(report: Report, name: str, threshold: Severity, colour: bool, verbose: bool) -> str:
    from harness.migrations import as_github, as_json, as_junit, as_sarif, as_text  # noqa: PLC0415 - imported when the command runs

    if name == "junit":
        return as_junit.render(report, threshold)
    if name == "text":
        return as_text.render(report, colour=colour, verbose=verbose)
    return {"json": as_json.render, "sarif": as_sarif.render, "github": as_github.render}[name](report)


_FILES = {
    "text": "migration.txt",
    "json": "migration.json",
    "sarif": "migration.sarif",
    "junit": "migration.junit.xml",
    "github": "migration.github.txt",
}


def _show(
    report: Report, formats: list[str], threshold: Severity, colour: bool, verbose: bool, folder: Path | None
) -> None:
    """The first format goes to standard output; all of them, and always JSON, into the folder."""
    sys.stdout.write(_rendered(report, formats[0], threshold, colour, verbose))
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys([*formats, "json"]):
        (folder / _FILES[name]).write_text(_rendered(report, name, threshold, False, verbose), encoding="utf-8")


def _note(line: str) -> None:
    sys.stderr.write(line + "\n")


def _colour(choice: str) -> bool:
    if choice not in {"auto", "always", "never"}:
        raise InputError(f"--color {choice!r} is not known.", "Use auto, always or never.")
    return choice == "always" or (choice == "auto" and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
