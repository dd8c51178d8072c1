"""What the files of a project mean together: rules, invariants, tables, catalogues, verbs; every mistake of all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.scenario.loader import load
from harness.scenario.model import Suite
from harness.scenario.registry import Registry
from harness.scenario.tables import Tables
from tests.scenario.language.written import HEAD, only, scenario


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scenarios" / "deep").mkdir(parents=True)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_mistakes_of_all_files_come_at_once_in_order(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "b.yaml", scenario("when: [{creat: {}}]"))
    write(project / "scenarios" / "a.yaml", scenario("when: [{create: {}}]", "tagz: [x]"))
    write(project / "scenarios" / "deep" / "c.yaml", "feature: [\n")
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert [str(problem.position) for problem in caught.value.problems] == [
        "scenarios/a.yaml:6:5", "scenarios/b.yaml:5:13", "scenarios/deep/c.yaml:2:1",
    ]  # fmt: skip


def load_project(project: Path, registry: Registry, *paths: str) -> Suite:
    return load(paths or ("scenarios",), project=project, registry=registry)


def test_a_project_gives_rules_invariants_tables_catalogues_and_verbs(project: Path, registry: Registry) -> None:
    scenarios = project / "scenarios"
    (project / "fixtures" / "catalogues").mkdir(parents=True)
    write(
        project / "fixtures" / "catalogues" / "production.yaml",
        "User: {sam: {id: u1}}\nSessionType: {call: {id: s1}}\n",
    )
    write(scenarios / "rules.yaml", 'R03: "initialize works"\n')
    write(scenarios / "invariants.yaml", "- {name: no-doubles, reason: B07, sql: SELECT 1 WHERE false}\n")
    write(scenarios / "tables.json", '{"tables": {"Booking": {"id": "text"}}, "enums": {}}')
    write(scenarios / "verbs.py", VERBS)
    write(
        scenarios / "a.yaml",
        scenario(
            "covers: [R03]",
            "waive: {no-doubles: why}",
            "given: {visitor: sam}",
            "when: [{think: 5}, {cancel: $catalog.call.id}]",
        ),
    )
    suite = load_project(project, registry)
    assert only(suite).steps[0].title == "think 5"
    assert [invariant.name for invariant in suite.invariants] == ["no-doubles"]
    assert set(suite.digests) == {
        "fixtures/catalogues/production.yaml", "scenarios/a.yaml", "scenarios/invariants.yaml", "scenarios/rules.yaml", "scenarios/verbs.py",
    }  # fmt: skip
    write(
        scenarios / "a.yaml",
        scenario(
            "covers: [R04]",
            "waive: {no-double: why}",
            "given: {visitor: sm}",
            "when: [{thnk: 5}, {cancel: $catalog.cal.id}]",
        ).replace("changed: none", "rows: {Booking: [{d: 1}]}"),
    )
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert [problem.what for problem in caught.value.problems] == [
        "There is no rule R04.", "There is no invariant no-double.", "There is no role sm.", "There is no verb thnk.",
        "The catalogue has no cal.", "Booking has no column d.",
    ]  # fmt: skip


VERBS = '''from __future__ import annotations
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class ThinkArgs:
    minutes: int

@verb("think", shorthand="minutes")
def think(world: object, args: ThinkArgs) -> None:
    """The visitor thinks it over."""
'''


def test_used_files_give_fragments_and_verbs(project: Path, registry: Registry) -> None:
    write(
        project / "scenarios" / "common.yaml",
        "feature: Common\nuse: [deep/more.yaml]\nfragments: {book: [{call: base}]}\n",
    )
    write(project / "scenarios" / "deep" / "more.yaml", "feature: More\nfragments: {base: [{think: 1}]}\n")
    write(project / "own.py", VERBS)
    head = HEAD + "use: [common.yaml, ../own.py]\n"
    write(project / "scenarios" / "a.yaml", scenario("when: [{call: book}, {think: 2}]", head=head))
    write(project / "scenarios" / "deep" / "more.yaml", "feature: More\nfragments: {base: [{create: {}}]}\n")
    case = only(load_project(project, registry, "scenarios/a.yaml"))
    assert [(step.verb, step.via) for step in case.steps] == [("create", ("book", "base")), ("think", ())]


def test_files_that_use_each_other_in_a_circle(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "x.yaml", "feature: X\nuse: [y.yaml]\nfragments: {a: [{create: {}}]}\n")
    write(project / "scenarios" / "y.yaml", "feature: Y\nuse: [x.yaml]\nfragments: {b: [{create: {}}]}\n")
    with pytest.raises(InputErrors, match=r"in a circle") as caught:
        load_project(project, registry, "scenarios/x.yaml")
    assert "scenarios/x.yaml → scenarios/y.yaml → scenarios/x.yaml" in str(caught.value)


def test_what_stands_below_scenarios_is_found_and_nothing_hidden_is_named(project: Path, registry: Registry) -> None:
    names = (".git", ".ci", "other")
    for name in names:
        (project / name).mkdir(exist_ok=True)
    write(project / "scenarios" / "rules.yaml", 'R03: "initialize works"\n')
    write(project / "scenarios" / "anonymous.yaml", scenario("when: [{create: {}}]"))
    for asked, told in (
        ("anonymous.yaml", r"Did you mean scenarios/anonymous\.yaml\?"),
        ("qqq.yaml", r"(?:One of|Files): (?!.*(?:git|ci)).*other.*scenarios.*"),
        ("scenarios/ruls.yaml", r"(?!.*rules).*anonymous\.yaml.*"),
    ):
        with pytest.raises(InputErrors, match=rf"There is no {asked}\. {told}$"):
            load_project(project, registry, asked)


def test_a_missing_path_is_told_with_the_nearest(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "anonymous.yaml", scenario("when: [{create: {}}]"))
    with pytest.raises(InputErrors, match=r"There is no scenarios/anonymus\.yaml\. Did you mean anonymous\.yaml\?"):
        load_project(project, registry, "scenarios/anonymus.yaml")


def test_one_title_twice_in_two_files_is_fine_and_one_id_is_not(project: Path, registry: Registry) -> None:
    for name in ("a", "b"):
        write(project / "scenarios" / f"{name}.yaml", scenario("when: [{create: {}}]"))
    assert len(load_project(project, registry).cases) == 2
    for name in ("a", "b"):
        write(project / "scenarios" / f"{name}.yaml", scenario("id: same", "when: [{create: {}}]"))
    with pytest.raises(InputErrors, match=r"Another scenario has this id, at scenarios/a\.yaml:4:5"):
        load_project(project, registry)


def test_a_line_after_a_colon_is_left_to_the_selection(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "a.yaml", scenario("when: [{create: {}}]"))
    assert len(load_project(project, registry, "scenarios/a.yaml:4").cases) == 1


def test_texts_of_an_editor_stand_in_for_files(project: Path, registry: Registry, tables: Tables) -> None:
    write(project / "scenarios" / "a.yaml", "broken: [")
    texts = {"scenarios/a.yaml": scenario("when: [{create: {}}]")}
    suite = load(["scenarios"], project=project, registry=registry, tables=tables, texts=texts)
    assert only(suite).title == "One"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R03: 5\n", "scenarios/rules.yaml:1:6: The rule R03 needs its text."),
        ("rule three: x\n", "scenarios/rules.yaml:1:1: rule three is no rule id."),
        ("[]\n", "scenarios/rules.yaml:1:1: The rules are a map of id to text."),
    ],
)
def test_bad_rules(project: Path, registry: Registry, text: str, message: str) -> None:
    write(project / "scenarios" / "rules.yaml", text)
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: a, sql: SELECT 1}\n", ":1:3: an invariant needs reason: text."),
        (
            "- {name: a, reason: r, sql: s}\n- {name: a, reason: r, sql: s}\n",
            ":2:3: The invariant a stands here a second time.",
        ),
        ("- {name: a, reason: r, sql: s, sq: t}\n", ":1:32: an invariant has no key sq. Did you mean sql?"),
        ("x: 1\n", ":1:1: Invariants are a list of maps with name, reason and sql."),
    ],
)
def test_bad_invariants(project: Path, registry: Registry, text: str, message: str) -> None:
    write(project / "scenarios" / "invariants.yaml", text)
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert str(caught.value).startswith(f"scenarios/invariants.yaml{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (:\n", "scenarios/verbs.py:1:5: This is not Python: "),
        ("class Skipped(BaseException): ...\nraise Skipped\n", "scenarios/verbs.py:2:1: Loading it failed: Skipped: ."),
        (
            VERBS.replace("def think", "async def think"),
            "The verb think is a coroutine, so a step would run nothing of it.",
        ),
        (f"{VERBS}\n    yield 1\n", "The verb think is a generator, so a step would run nothing of it."),
        ("x = 1\nraise OSError('no')\n", "scenarios/verbs.py:2:1: Loading it failed: OSError: no."),
        ("import sys\nsys.exit(0)\n", "scenarios/verbs.py:2:1: Loading it failed: SystemExit: 0."),
        (VERBS.replace('"think"', '"create"'), "The verb create exists already"),
        (VERBS.replace("args: ThinkArgs", "args: int"), "needs its arguments as a dataclass"),
        (VERBS.replace("minutes: int", "minutes: object"), "which no scenario can write"),
        (VERBS.replace('"think"', '"expect"'), "A verb cannot be called expect"),
        (VERBS.replace('shorthand="minutes"', 'shorthand="hours"'), "The verb think has no argument hours."),
    ],
)
def test_own_verbs_that_are_broken_are_told_with_their_line(
    project: Path, registry: Registry, text: str, message: str
) -> None:
    write(project / "scenarios" / "verbs.py", text)
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert message in str(caught.value)
    assert str(caught.value).startswith("scenarios/verbs.py:")


def test_a_file_of_verbs_that_breaks_off_declares_none(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "own.py", VERBS.replace(": int", ": Annotated[int, 'how long']") + "raise OSError\n")
    write(project / "scenarios" / "a.yaml", scenario("when: [{think: 5}]", head="use: [own.py]\n" + HEAD))
    with pytest.raises(InputErrors) as caught:
        load_project(project, registry)
    assert "There is no verb think. It may be one of scenarios/own.py, which cannot be read." in str(caught.value)


def test_own_verbs_reach_no_other_project(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "verbs.py", VERBS)
    assert "think" in load_project(project, registry).registry.verbs
    assert "think" not in registry.verbs


def test_several_files_use_the_same_verbs(project: Path, registry: Registry) -> None:
    write(project / "scenarios" / "own.py", VERBS)
    for name in ("a", "b"):
        write(project / "scenarios" / f"{name}.yaml", scenario("when: [{think: 5}]", head="use: [own.py]\n" + HEAD))
    suite = load_project(project, registry)
    assert [case.steps[0].verb for case in suite.cases] == ["think", "think"]
