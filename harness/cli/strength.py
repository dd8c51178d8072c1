"""`harness strength`: which injected defects the suite notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.folders import folder

if TYPE_CHECKING:
    from harness.strength import Result

__all__ = ["strength"]


def strength(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files or folders of scenarios. Default: scenarios/", metavar="[PATH]...")
    ] = None,
    defect: Annotated[
        list[str] | None, typer.Option("--defect", help="Only this defect of the catalogue; may be given again.")
    ] = None,
    mutant: Annotated[
        list[str] | None, typer.Option("--mutant", help="Only this mutant, by its id; may be given again.")
    ] = None,
    mutants: Annotated[
        str, typer.Option("--mutants", help="How many generic mutants: a number, or all.", metavar="N|all")
    ] = "600",
    every: Annotated[
        bool, typer.Option("--every", help="Do not stop at the first scenario that notices: the whole matrix.")
    ] = False,
    workers: Annotated[
        str, typer.Option("-n", "--workers", help="How many at once, each with a server of its own.")
    ] = "auto",
    database: Annotated[
        str,
        typer.Option(
            "--database", help="auto, embedded, testcontainers[:IMAGE] or postgresql://…", envvar="HARNESS_DATABASE"
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Ids and randomness of the scenarios follow from it.")] = 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Where run directories go. Default: reports/", metavar="DIR", parser=folder),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the catalogue and run nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output and nothing else there.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The summary only.")] = False,
) -> int:
    """Put defects into the reference, one at a time, and see which scenario notices.

    Writes strength.parquet into the report of the run without defects.

    Exit code 0: every defect of the catalogue and nine mutants of ten are noticed; 1: not so.

    Examples:

      harness strength                              the catalogue and 600 mutants

      harness strength --defect I4 --mutants 0      one defect

      harness strength --mutant rules.TimeRules.check_free~0849af46

                                                    one mutant, by the id that was printed

      harness strength --every --mutants 0          who notices what, for the strength notebook

      harness strength --list                       the catalogue
    """
    if list_:
        return _listed(as_json)
    from harness.cli.run import _workers
    from harness.progress import Steps
    from harness.project import from_here, project_root
    from harness.strength import Options, measure

    options = Options(
        paths=from_here(paths or ()),
        root=project_root(),
        defects=tuple(defect) if defect else None,
        mutants=_count(mutants),
        only_mutants=tuple(mutant or ()),
        every=every,
        database=database,
        workers=_workers(workers),
        seed=seed,
        reports=report,
    )
    steps = Steps(wanted=not (quiet or as_json))
    try:
        result = measure(options, steps)
    finally:
        steps.end()
    print(json.dumps(result.document(), ensure_ascii=False) if as_json else summary(result))
    return result.exit_code


def summary(result: Result) -> str:
    """What a person reads at the end."""
    from harness.report.cases import so_many
    from harness.strength import listed

    lines = []
    for kind, noun, which in (("catalogue", "defect", " of the catalogue"), ("mutant", "mutant", "")):
        counts, share = result.counts(kind), result.share(kind)
        if share is None:
            continue
        said = ", ".join(
            f"{counts[name]} {name.replace('_', ' ')}"
            for name in ("noticed", "survived", "not_reached", "equivalent")
            if counts[name]
        )
        lines.append(f"{so_many(sum(counts.values()), noun)}{which}: {said} ({share:.1%} noticed)")
    if result.unviable:
        are = "is no mutant" if result.unviable == 1 else "are no mutants"
        lines.append(f"{result.unviable} more {are}: what does not compile, changes nothing, or does not start")
    lost = listed(result.survivors)
    if lost:
        lines += ["", "Nobody noticed:", *(f"  {line}" for line in lost), ""]
    if result.not_green:
        lines += [
            "",
            "Fail without any defect, and so notice nothing:",
            *(f"  {each}" for each in result.not_green),
            "",
        ]
    lines.append(f"{so_many(result.scenarios, 'scenario')}, {result.elapsed_s:.0f} s; {result.path}")
    return "\n".join(lines)


def _listed(as_json: bool) -> int:
    from harness.defects import CATALOGUE

    if as_json:
        rows = [
            {"id": d.id, "kind": d.kind, "title": d.title, "wrong": d.wrong, "seen": d.seen, "rules": list(d.rules)}
            for d in CATALOGUE.values()
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for each in CATALOGUE.values():
        print(f"{each.id:<20} {each.kind:<7} {each.title}  [{' '.join(each.rules)}]")
    return 0


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if text.isdigit():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither all nor a number", param_hint="--mutants")
