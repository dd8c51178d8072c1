"""`harness migrate check`, `rollout` and `apply`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.folders import folder
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.migrations.checking import Report
    from harness.migrations.findings import Severity
    from harness.migrations.followed import Checked
    from harness.migrations.reading import Plan

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
        "--database",
        help="auto, embedded, testcontainers, or postgresql://… (databases of its own are made there). Another version: "
        "embedded:/usr/lib/postgresql/15/bin, or testcontainers:IMAGE.",
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
    longest: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which a statement is cancelled and told as endless.")
    ] = 300.0,
    fail_on: Annotated[
        str, typer.Option(help="Severity that makes the exit code 1: blocker, high, medium, low, info.")
    ] = "high",
    format_: Annotated[str, typer.Option("--format", "-f", help=f"One or several of {', '.join(FORMATS)}.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Folder for migration.json and the other formats.", metavar="DIR", parser=folder)
    ] = None,
    database: DatabaseOption = "auto",
    color: Annotated[str, typer.Option(help="auto, always, never; NO_COLOR is respected.")] = "auto",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every statement.")] = False,
) -> None:
    """Say what a migration does: locks, rewrites, lost rows, half-done states, traffic, the way back, drift."""
    from harness.migrations.checking import check as run_check
    from harness.migrations.findings import Severity
    from harness.migrations.reading import plan
    from harness.migrations.rehearsal import Options
    from harness.postgres import open_server

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
        longest=longest,
    )
    planned = plan(path, baseline or (), since)
    with open_server(database, note=_note) as server:
        result = run_check(server, planned, options, begun=_phase)
        _phase("")
    _show(result, formats, threshold, _colour(color), verbose, report)
    raise typer.Exit(ExitCode.FAILED if result.fails(threshold) else ExitCode.OK)


def _formats(text: str) -> list[str]:
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in FORMATS]
    if unknown or not wanted:
        raise InputError(f"format {(unknown or [text])[0]!r} is not known.", f"Use one of {', '.join(FORMATS)}.")
    return wanted


def _rendered(report: Report, name: str, threshold: Severity, colour: bool, verbose: bool) -> str:
    from harness.migrations import as_github, as_json, as_junit, as_sarif, as_text

    if name == "junit":
        return as_junit.render(report, threshold)
    if name == "text":
        return as_text.render(report, colour=colour, verbose=verbose, width=_width())
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
    _seal(folder, formats)


def _seal(folder: Path, formats: Iterable[str] = ()) -> None:
    """Where `folder` is a run's, what was written into it belongs to the run from now on."""
    from harness.report.manifest import seal_added

    seal_added(folder, [_FILES[name] for name in dict.fromkeys([*formats, "json"])])


def _width() -> int:
    """Columns of the terminal, as far as lines are still easy to read; without one, as many."""
    return min(120, shutil.get_terminal_size((120, 0)).columns)


def _phase(name: str) -> None:
    """On a terminal, which phase is running: the line is overwritten, and gone before the report."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{name}{' …' * bool(name)}")
        sys.stderr.flush()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _note(line: str) -> None:
    sys.stderr.write(line + "\n")


def _colour(choice: str) -> bool:
    if choice not in {"auto", "always", "never"}:
        raise InputError(f"--color {choice!r} is not known.", "Use auto, always or never.")
    return choice == "always" or (choice == "auto" and sys.stdout.isatty() and "NO_COLOR" not in os.environ)


_ROLLOUT_EPILOG = """
Examples:

  harness migrate rollout fixtures/migrations/make_client_id_nullable.sql --baseline fixtures/migrations

  harness migrate rollout fixtures/migrations/make_client_id_nullable.sql --scenarios scenarios/anonymous --json

Exit codes: 0 an order was found that keeps what works today, 1 none was, 3 a fault of the harness, 4 bad input,
10 no database.
"""


@migrate_app.command(epilog=_ROLLOUT_EPILOG)
def rollout(
    path: PathArgument,
    baseline: Baseline = None,
    scenarios: Annotated[list[str] | None, typer.Option(help="Scenarios to run in each cell. Repeatable.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="Only scenarios with this tag. Repeatable.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", "-n", min=1, help="Processes for each cell.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the runs.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for migration.json with the rollout in it.", metavar="DIR", parser=folder),
    ] = None,
    database: DatabaseOption = "auto",
) -> None:
    """Run old and new application on old and new schema, and say in which order to deploy."""
    import json

    from harness.cli.cells import SuiteInCells, must_be_the_update
    from harness.migrations import as_json as json_format
    from harness.migrations.checking import check as run_check
    from harness.migrations.reading import plan
    from harness.migrations.rehearsal import Options
    from harness.migrations.rollout import as_document, as_text
    from harness.migrations.rollout import rollout as run_rollout
    from harness.postgres import open_server
    from harness.progress import Steps

    planned = plan(path, baseline or ())
    must_be_the_update(planned.target[-1].data)
    steps = Steps()
    steps.note("rehearsal of the migration, for what is known of its way back")
    phases = ("lint", "observe", "data", "compatibility", "way back", "schema")
    with open_server(database, note=_note) as server:
        result = run_check(server, planned, Options(rows=1000, phases=phases))
    with SuiteInCells(tuple(scenarios or ()), tuple(tag or ()), workers, seed, database, steps) as suite:
        outcome = run_rollout(suite, result.findings)
    document = as_document(outcome)
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n" if as_json else as_text(outcome))
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / _FILES["json"]).write_text(json_format.render(result, document), encoding="utf-8")
        _seal(report)
    raise typer.Exit(ExitCode.OK if outcome.clear else ExitCode.FAILED)


_APPLY_EPILOG = """
Examples:

  DATABASE_URL=postgresql://… harness migrate apply fixtures/migrations/make_client_id_nullable.sql

  DATABASE_URL=postgresql://… harness migrate apply make_client_id_nullable.sql --checked reports/check/migration.json --execute

Without --checked the migration is rehearsed first on a throwaway PostgreSQL, on top of --baseline (or of what stands
before it in its folder), so that the target can be compared with what was rehearsed.

Exit codes: 0 applied and verified (or already there, or a dry run that found nothing against it), 1 not applied or not
verified (refused: a blocker of the check that nobody accepted, another target than checked, rows in the way), 3 a fault
of the harness, 4 bad input, 10 the database does not answer.
"""


@migrate_app.command("apply", epilog=_APPLY_EPILOG)
def apply_(
    path: PathArgument,
    execute: Annotated[bool, typer.Option("--execute", help="Really do it; without this nothing is changed.")] = False,
    checked: Annotated[Path | None, typer.Option(help="migration.json of the check that this follows.")] = None,
    baseline: Baseline = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Do not compare the target with a check.")] = False,
    runner: Runner = "auto",
    lock_timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds to wait for a lock before trying again.")
    ] = 0.1,
    attempts: Annotated[int, typer.Option(min=1, help="Attempts for each transaction.")] = 60,
    allow: Annotated[
        list[str] | None, typer.Option(help="Permit SQL that reaches outside, by name. Repeatable.")
    ] = None,
    records: Annotated[
        Path, typer.Option(help="Folder for the record of what was done.", metavar="DIR", parser=folder)
    ] = Path("reports/migrations"),
    database: DatabaseOption = "auto",
) -> None:
    """Apply a migration to the database named by DATABASE_URL: a dry run unless --execute."""
    from harness.migrations.applying import ApplyOptions, apply
    from harness.migrations.followed import read_check
    from harness.migrations.patience import Patience
    from harness.migrations.reading import plan

    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise InputError(
            "DATABASE_URL is not set.",
            "Set it to the address of the database: postgresql://user:password@host:5432/name.",
        )
    planned = plan(path, baseline or ())
    followed = None
    if not unchecked:
        followed = read_check(checked) if checked else _rehearsed(planned, runner, tuple(allow or ()), database)
    options = ApplyOptions(
        execute=execute,
        runner=runner,
        patience=Patience(lock_timeout=lock_timeout, attempts=attempts),
        checked=followed,
        records=records,
        allow=tuple(allow or ()),
    )
    result = apply(url, planned.target, options, tell=_print)
    sys.stdout.write(f"{result.outcome}; record: {result.record}\n")
    raise typer.Exit(ExitCode.OK if result.good else ExitCode.FAILED)


def _rehearsed(planned: Plan, runner: str, allow: tuple[str, ...], database: str) -> Checked:
    """Rehearse on a throwaway server: what the target must look like before and after, and what there is to find."""
    from harness.migrations.as_json import document
    from harness.migrations.checking import check as run_check
    from harness.migrations.followed import checked_from_document
    from harness.migrations.rehearsal import Options
    from harness.postgres import open_server

    if not planned.baseline:
        raise InputError(
            "there is nothing to compare the target with.",
            "Give --checked migration.json of a check, or --baseline, or say --unchecked.",
        )
    with open_server(database, note=_note) as server:
        result = run_check(server, planned, Options(runner=runner, rows=100, allow=allow, phases=("lint", "observe")))
    if result.identity is None:
        raise InputError(
            f"the migration does not run on its baseline: {result.verdict}", "Run `harness migrate check` on it."
        )
    return checked_from_document(document(result))
