"""`harness list`, `validate`, `schema`: what there is, what is wrong with it, and how editors know."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.project import from_here, project_root

if TYPE_CHECKING:
    from harness.scenario.model import Suite

__all__ = ["list_", "schema", "validate"]

Paths = Annotated[
    list[str] | None, typer.Argument(help="Files or folders. Default: scenarios/", metavar="[PATH[:LINE]]...")
]


def list_(
    paths: Paths = None,
    rules: Annotated[bool, typer.Option("--rules", help="Every rule with the scenarios that cover it.")] = False,
    tags: Annotated[bool, typer.Option("--tags", help="Every tag and how many scenarios carry it.")] = False,
    verbs: Annotated[bool, typer.Option("--verbs", help="Every verb and what it does.")] = False,
    tag: Annotated[
        list[str] | None, typer.Option("-t", "--tag", help="Only scenarios that fit this tag expression.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("-k", help="Only scenarios whose name, feature or file contains TEXT.", metavar="TEXT")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """List scenarios, rules, tags or verbs. With --rules, exit code 1 when a rule has no scenario.

    Examples:

      harness list -t smoke

      harness list --rules
    """
    from harness.cli.console import kept_for_documents
    from harness.session.plan import suite_of

    whole = [name for name, asked in (("--rules", rules), ("--tags", tags), ("--verbs", verbs)) if asked]
    chosen = [name for name, given in (("--tag", tag), ("-k", text)) if given is not None]
    if whole and whole[1:] + chosen:
        raise typer.BadParameter(f"it cannot stand beside {(whole[1:] + chosen)[0]}", param_hint=whole[0])
    with kept_for_documents(as_json):  # files of verbs are run
        suite = suite_of(from_here(paths or ()), project_root())
    if rules:
        return _rules(suite, as_json=as_json)
    if tags:
        counts = Counter(tag for scenario in suite.scenarios for tag in scenario.tags)
        print(
            json.dumps(counts) if as_json else "\n".join(f"{count:5}  {tag}" for tag, count in sorted(counts.items()))
        )
    elif verbs:
        _verbs(suite, as_json=as_json)
    else:
        _cases(suite, paths or [], tag or [], text, as_json=as_json)
    return ExitCode.OK


def _cases(suite: Suite, paths: list[str], tags: list[str], text: str | None, *, as_json: bool) -> None:
    from harness.report.cases import so_many
    from harness.scenario.files import split_place
    from harness.scenario.selection import Selection, select
    from harness.scenario.tagexpression import every_one

    wanted = Selection(places=tuple(split_place(path) for path in from_here(paths)), tag=every_one(tags), text=text)
    cases = select(suite, wanted, project=project_root())
    if as_json:
        rows = [
            {
                "scenario_id": case.scenario_id,
                "name": case.title,
                "file": case.scenario.file,
                "line": case.position.line,
                "tags": list(case.scenario.tags),
                "covers": list(case.scenario.covers),
                "skip": case.scenario.skip,
            }
            for case in cases
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for case in cases:
        print(f"{case.selector}  {case.title}" + (f"  [{', '.join(case.scenario.tags)}]" if case.scenario.tags else ""))
    print(f"\n{so_many(len(cases), 'case')} in {so_many(len({case.scenario.file for case in cases}), 'file')}")


def _rules(suite: Suite, *, as_json: bool) -> int:
    from harness.session.coverage import coverage

    covered = coverage(suite)
    missing = [rule for rule, places in covered.items() if not places]
    if as_json:
        document = [{"rule": rule, "text": suite.rules[rule], "covered_by": places} for rule, places in covered.items()]
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for rule, places in covered.items():
            print(f"{rule}  {suite.rules[rule]}")
            for place in places or ["  not covered"]:
                print(f"      {place}")
        print(
            f"\n{len(covered) - len(missing)} of {len(covered)} rules covered"
            + (f"; not: {', '.join(missing)}" if missing else "")
        )
    return ExitCode.FAILED if missing else ExitCode.OK


def _verbs(suite: Suite, *, as_json: bool) -> None:
    verbs = sorted(suite.registry.verbs.values(), key=lambda verb: (verb.kind, verb.name))
    if as_json:
        print(json.dumps([{"verb": v.name, "kind": v.kind, "summary": v.summary} for v in verbs], indent=2))
        return
    for verb in verbs:
        print(f"{verb.kind:9} {verb.name:16} {verb.summary}")


def validate(paths: Paths = None) -> int:
    """Say every mistake of every file at once, each with its place and what to do. Exit code 4 when there are any.

    Examples:

      harness validate

      harness validate scenarios/anonymous
    """
    from harness.errors import NothingSelected
    from harness.report.cases import so_many
    from harness.session.plan import suite_of

    suite = suite_of(from_here(paths or ()), project_root())
    if not suite.features:
        raise NothingSelected("There are no scenario files.", "Give a file or a folder that has some.")
    print(f"{so_many(len(suite.cases), 'case')} in {so_many(len(suite.features), 'file')}: no mistakes")
    return ExitCode.OK


def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 when a file is out of date.")
    ] = False,
    database: Annotated[str, typer.Option("--database", help="Where to read the tables from.")] = "embedded",
) -> int:
    """Write scenarios/tables.json (from the migrated schema), scenarios/scenario.schema.json and docs/reference (from the verbs).

    Examples:

      harness schema

      harness schema --check
    """
    from harness.session.schemas import schema_files

    stale = []
    for path, text in schema_files(project_root(), database).items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not check:
            path.write_text(text, encoding="utf-8")
        print(f"{'out of date' if check else 'written'}  {path.relative_to(project_root())}")
    if not stale:
        print("up to date")
    return ExitCode.FAILED if check and stale else ExitCode.OK
