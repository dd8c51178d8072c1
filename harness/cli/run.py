"""`harness run`: scenarios, live progress, a summary, a report."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.folders import folder
from harness.interrupts import uninterrupted

if TYPE_CHECKING:
    from harness.postgres import Keep, Server

__all__ = ["run"]

_SELECT = "Which scenarios"
_HOW = "How to run them"
_OUT = "What to print and write"


def run(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or FILE:LINE. Default: scenarios/", metavar="[PATH[:LINE]]..."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("-t", "--tag", help="Tag expression, e.g. 'smoke and not update'.", rich_help_panel=_SELECT),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "-k",
            help="Only scenarios whose name, feature or file contains TEXT.",
            metavar="TEXT",
            rich_help_panel=_SELECT,
        ),
    ] = None,
    covers: Annotated[
        list[str] | None,
        typer.Option("--covers", help="Only scenarios that cover this rule, e.g. R16.", rich_help_panel=_SELECT),
    ] = None,
    last_failed: Annotated[
        bool,
        typer.Option(
            "--last-failed",
            "--lf",
            help="Only what failed in the latest run, or was left over when that stopped.",
            rich_help_panel=_SELECT,
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", help="Part I of N, balanced by recorded time, e.g. 1/4.", metavar="I/N", rich_help_panel=_SELECT
        ),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            "--target", help="reference, legacy, defect:ID[+ID…] or the URL of a deployment.", rich_help_panel=_HOW
        ),
    ] = "reference",
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            help="The command that serves a URL target, over this run's database and simulators.",
            metavar="CMD",
            rich_help_panel=_HOW,
        ),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema", help="before or after the update; default: what the target was made for.", rich_help_panel=_HOW
        ),
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            "--database",
            help="auto, embedded, testcontainers[:IMAGE] or postgresql://…",
            envvar="HARNESS_DATABASE",
            rich_help_panel=_HOW,
        ),
    ] = "auto",
    workers: Annotated[
        str,
        typer.Option(
            "-n",
            "--workers",
            help="How many at once, each with a database of its own; auto: one per core.",
            rich_help_panel=_HOW,
        ),
    ] = "1",
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="Ids, randomness and order follow from it. Default: drawn, and printed.",
            min=-(2**63),  # as far as the report's column reaches
            max=2**63 - 1,
            rich_help_panel=_HOW,
        ),
    ] = None,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Random order (by the seed).", rich_help_panel=_HOW)
    ] = False,
    repeat: Annotated[
        int,
        typer.Option(
            "--repeat", min=1, help="Run everything N times, each round with the next seed.", rich_help_panel=_HOW
        ),
    ] = 1,
    retries: Annotated[
        int,
        typer.Option(
            "--retries",
            min=0,
            help="Run a failed scenario again up to N times; a pass then counts as flaky.",
            rich_help_panel=_HOW,
        ),
    ] = 0,
    fail_on_flaky: Annotated[
        bool,
        typer.Option(
            "--fail-on-flaky", help="Exit with 11 if something was flaky and nothing failed.", rich_help_panel=_HOW
        ),
    ] = False,
    exit_first: Annotated[
        bool, typer.Option("-x", "--exit-first", help="Stop at the first failure.", rich_help_panel=_HOW)
    ] = False,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", min=1, help="Stop after N failures.", rich_help_panel=_HOW)
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again whenever a scenario file changes.", rich_help_panel=_HOW)
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Where run directories go. Default: reports/",
            metavar="DIR",
            parser=folder,
            rich_help_panel=_OUT,
        ),
    ] = None,
    allure: Annotated[
        bool, typer.Option("--allure", help="Write allure-results/ into the report too.", rich_help_panel=_OUT)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document on standard output and nothing else there.", rich_help_panel=_OUT
        ),
    ] = False,
    annotations: Annotated[
        bool, typer.Option("--github", help="Print GitHub annotations of the failures.", rich_help_panel=_OUT)
    ] = bool(os.environ.get("GITHUB_ACTIONS")),
    color: Annotated[
        str, typer.Option("--color", help="auto, always or never (NO_COLOR is honoured).", rich_help_panel=_OUT)
    ] = "auto",
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="A line for every scenario.", rich_help_panel=_OUT)
    ] = 0,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Failures and the last line only.", rich_help_panel=_OUT)
    ] = False,
) -> int:
    """Run scenarios and write a report directory.

    Exit code 0: all passed; 1: the product failed a check; 2: interrupted; 3: a fault of the harness; 4: a mistake in a file, an option or
    a scenario (an ERROR); 5: nothing selected, or all of it skipped; 10: no database; 11: flaky only, with --fail-on-flaky.

    Examples:

      harness run                                      everything under scenarios/

      harness run scenarios/anonymous/booking.yaml:6   the scenario at that line

      harness run -t 'smoke and not update' -n auto

      harness run --target legacy --covers R20

      harness run --last-failed -x --seed 7
    """
    if watch and as_json:
        raise typer.BadParameter("--watch runs again and again: it has no one document", param_hint="--json")
    number, part, shown = _workers(workers), _shard(shard), _color(color)
    keep = partial(_kept, target, schema, start)
    with _head_start(database, keep, wanted=number == 1 and not watch) as server_of:
        with uninterrupted():
            from harness.cli.console import Console, kept_for_documents
            from harness.project import from_here, project_root
            from harness.scenario.registry import builtin_registry
            from harness.session import RunOptions, watch_and_run
            from harness.session import run as run_session

            builtin_registry()  # it imports every verb

        options = RunOptions(
            paths=from_here(paths or ()),
            root=project_root(),
            tags=tuple(tag or ()),
            text=text,
            covers=tuple(covers or ()),
            last_failed=last_failed,
            shard=part,
            repeat=repeat,
            shuffle=shuffle,
            seed=seed,
            target=target,
            schema=schema,
            start=start,
            database=database,
            workers=number,
            fail_fast=exit_first,
            max_failures=max_failures,
            retries=retries,
            fail_on_flaky=fail_on_flaky,
            allure=allure,
            reports=report,
            command=_command(),
        )
        with kept_for_documents(as_json) as documents:
            console = Console(color=shown, verbosity=-1 if quiet else verbose, json=documents, annotations=annotations)
            if watch:
                return watch_and_run(options, console)
            return run_session(options, console, server_of).exit_code


@contextmanager
def _head_start(
    database: str, keep: Callable[[], Keep | None], *, wanted: bool
) -> Iterator[Callable[[], Server] | None]:
    """Have a server start while the rest is imported. Workers in processes of their own start theirs themselves."""
    if not wanted:
        yield None
        return
    with uninterrupted():
        from harness.postgres import HeadStart, quick_to_start

    if not quick_to_start(database):
        yield None
        return
    with HeadStart(database, keep) as begun:
        yield begun.take


def _kept(target: str, schema: str | None, start: str | None) -> Keep | None:
    """The template that a run on this target most likely begins with; None where the options or the project have a mistake."""
    from harness.errors import HarnessError
    from harness.project import project_root
    from harness.scenario.fixtures import kept
    from harness.scenario.targets import parse_target

    try:
        return kept(project_root() / "fixtures", parse_target(target, schema, start))
    except HarnessError:
        return None  # whoever needs them says what is wrong


def _command() -> str:
    import sys

    from harness.redaction import mask_command

    return mask_command(["harness", *sys.argv[1:]])


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found and 1 <= int(found[1]) <= int(found[2]):
        return int(found[1]), int(found[2])
    raise typer.BadParameter(f"{text!r} is not I/N with 1 <= I <= N, for example 1/4", param_hint="--shard")


def _workers(text: str) -> int:
    if text == "auto":
        return len(os.sched_getaffinity(0))
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= 64:
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither auto nor a number from 1 to 64", param_hint="--workers")


def _color(text: str) -> bool | None:
    choices = {"auto": None, "always": True, "never": False}
    if text not in choices:
        raise typer.BadParameter(f"{text!r} is not one of auto, always, never", param_hint="--color")
    if text == "auto" and os.environ.get("NO_COLOR"):
        return False
    return choices[text]
