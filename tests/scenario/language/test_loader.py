"""What files mean: cases, fragments, given, names; and that one file does not hide another's mistakes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.scenario.loader import load
from harness.scenario.model import Case, Suite
from harness.scenario.registry import Registry, bind
from harness.scenario.scope import resolve
from harness.scenario.tables import Tables
from harness.scenario.values import Literal, MapPattern, Matcher, Reference

Load = Callable[[str], Suite]
HEAD = "feature: F\ngiven: {catalog: production, visitor: anonymous}\n"
THEN = "    then: [{changed: none}]\n"


def scenario(*lines: str, head: str = HEAD, then: str = THEN) -> str:
    return head + "scenarios:\n  - scenario: One\n" + "".join(f"    {line}\n" for line in lines) + then


def only(suite: Suite) -> Case:
    (case,) = suite.cases
    return case


def test_a_case_knows_where_it_stands(load: Load) -> None:
    case = only(load(scenario("tags: [smoke]", "covers: [R03]", "when: [{create: {}}]")))
    assert (case.scenario_id, case.selector, case.title, case.feature) == ("a.yaml::One", "a.yaml:4", "One", "F")
    assert (case.scenario.tags, case.scenario.covers, case.actor) == (("smoke",), ("R03",), "anonymous")


def test_an_id_replaces_file_and_title(load: Load) -> None:
    assert only(load(scenario("id: one-1", "when: [{create: {}}]"))).scenario_id == "one-1"


def test_a_matrix_makes_every_combination(load: Load) -> None:
    text = scenario("matrix: {a: [1, 2], b: [x, null]}", "when: [{http: {POST: /x, body: [$a, $b]}}]")
    suite = load(text)
    assert [case.scenario_id for case in suite.cases] == [
        "a.yaml::One[a=1,b=x]", "a.yaml::One[a=1,b=null]", "a.yaml::One[a=2,b=x]", "a.yaml::One[a=2,b=null]",
    ]  # fmt: skip
    assert [case.number for case in suite.cases] == [1, 2, 3, 4]
    assert [resolve(case.steps[0].args, case.params)["body"] for case in suite.cases][1] == [1, None]


def test_examples_are_a_list_of_maps_or_a_table(load: Load) -> None:
    maps = load(scenario("examples: [{a: 1, b: x}, {a: 2, b: y}]", "when: [{http: {POST: /$a, body: $b}}]"))
    table = load(scenario("examples: [[a, b], [1, x], [2, y]]", "when: [{http: {POST: /$a, body: $b}}]"))
    assert [case.params for case in maps.cases] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert [case.scenario_id for case in maps.cases] == [case.scenario_id for case in table.cases]


def test_repetitions_have_ids_of_their_own(load: Load) -> None:
    assert [case.scenario_id for case in load(scenario("repeat: 2", "when: [{create: {}}]")).cases] == [
        "a.yaml::One#1", "a.yaml::One#2",
    ]  # fmt: skip


def test_titles_of_steps_read_with_the_parameters(load: Load) -> None:
    case = load(
        scenario("matrix: {session: [intro-call]}", "when: [{select_session: $session}, {create: {}, name: do it}]")
    ).cases[0]
    assert [step.title for step in case.steps] == ["select_session intro-call", "do it"]


def test_given_of_the_scenario_goes_on_top_of_the_files(load: Load) -> None:
    head = "feature: F\ngiven: {catalog: production, visitor: anonymous, clock: 2030-01-01T00:00Z, rows: {Booking: [{id: b}]}}\n"
    case = only(
        load(scenario("given: {actors: {sam: client}, clock: '2030-02-01T00:00Z'}", "when: [{create: {}}]", head=head))
    )
    assert case.given.actors == {"sam": "client"}
    assert case.given.clock == datetime(2030, 2, 1, tzinfo=UTC)
    assert [resolve(row, {}) for row in case.given.rows["Booking"]] == [{"id": "b"}]
    assert (case.given.role(None), case.given.role("sam"), case.given.role("builder")) == (
        "client",
        "client",
        "builder",
    )


def test_a_matrix_may_name_the_visitor(load: Load) -> None:
    suite = load(scenario("matrix: {who: [anonymous, client]}", "given: {visitor: $who}", "when: [{create: {}}]"))
    assert [case.actor for case in suite.cases] == ["anonymous", "client"]


def test_every_case_of_a_matrix_has_a_known_visitor(problems: Callable[[str], str]) -> None:
    text = scenario("matrix: {who: [anonymous, clint]}", "given: {visitor: $who}", "when: [{create: {}}]")
    assert "There is no role clint. Did you mean client?" in problems(text)


def test_every_case_of_a_matrix_has_a_known_actor(problems: Callable[[str], str]) -> None:
    text = scenario("matrix: {who: [builder, bilder]}", "when: [{create: {}, by: $who}, {create: {}, by: $whom}]")
    assert "Nobody here is called bilder. Did you mean builder?" in problems(text)
    assert "$whom is not known here. Did you mean who?" in problems(text)


def test_delivery_and_faults_of_given(load: Load) -> None:
    line = (
        'given: {delivery: {when: immediate, times: 2, delay: 3s}, faults: [{calendly: {on: "GET /x", do: timeout}}]}'
    )
    given = only(load(scenario(line, "when: [{create: {}}]"))).given
    assert (given.delivery.when, given.delivery.times, given.delivery.delay) == ("immediate", 2, timedelta(seconds=3))
    assert [fault.verb for fault in given.faults] == ["fault"]


def test_arguments_are_bound_with_their_types(load: Load) -> None:
    case = only(
        load(
            scenario("when:", "  - schedule: {at: 2030-03-06T10:00+01:00, invitee: {name: $flow.state, email: a@b.c}}")
        )
    )
    args = bind(load(HEAD + "scenarios: [{scenario: S, when: [{create: {}}], then: [{changed: none}]}]").registry.verbs["schedule"].args_type,
                case.steps[0].args, {"flow": {"state": "Sam"}})  # fmt: skip
    assert args.at == datetime(2030, 3, 6, 9, tzinfo=UTC)
    assert (args.invitee.name, args.invitee.timezone, args.answers) == ("Sam", "Europe/London", {})


def test_a_shorthand_stands_for_its_argument_and_null_for_none(load: Load) -> None:
    case = only(
        load(
            scenario(
                "when: [{select_session: intro-call}, {create: }, {parallel: [[{create: {}}]], outcomes: {200: <gte 1>}}]"
            )
        )
    )
    select, create, parallel = case.steps
    assert select.args.entries.keys() == {"session"}
    assert create.args.entries == {}
    branches = bind(load(scenario("when: [{create: {}}]")).registry.verbs["parallel"].args_type, parallel.args, {})
    assert [[step.verb for step in branch] for branch in branches.branches] == [["create"]]
    assert isinstance(branches.outcomes, MapPattern)
    assert isinstance(branches.outcomes.entries["200"], Matcher)


def test_checks_keep_their_shape(load: Load) -> None:
    then = "    then:\n      - rows: {Booking: {every: {status: CONFIRMED}, count: <gte 1>}}\n        eventually: {within: 2s, every: 10ms}\n      - calls: none\n"
    rows, calls = only(load(scenario("when: [{create: {}}]", then=then))).then
    assert isinstance(rows.pattern, MapPattern)
    booking = rows.pattern.entries["Booking"]
    assert isinstance(booking, MapPattern)
    assert booking.entries.keys() == {"every", "count"}
    assert rows.eventually is not None
    assert (rows.eventually.within, rows.eventually.every) == (timedelta(seconds=2), timedelta(milliseconds=10))
    assert isinstance(calls.pattern, Literal)
    assert (calls.kind, calls.pattern.value, calls.text) == ("calls", "none", "none")


FRAGMENTS = """fragments:
  outer:
    takes: {session: intro-call, invitee: <any>}
    steps:
      - call: {fragment: inner, with: {session: $session, name: $invitee.name}}
        as: deep
      - cancel: $deep.chosen.reason
        as: gone
  inner:
    takes: [session, name]
    steps: [{select_session: $session, as: chosen}, {http: {POST: "/x/$name", body: {c: $chosen.id}}}]
"""


def test_fragments_put_their_steps_in_with_arguments_and_captures_renamed(load: Load) -> None:
    when = "when: [{call: {fragment: outer, with: {invitee: {name: Sam}}}, as: o}, {cancel: $o.gone.why}, {cancel: $o.deep.chosen.id}]"
    case = only(load(scenario(when, head=HEAD + FRAGMENTS)))
    assert [(step.verb, step.as_, step.via) for step in case.steps] == [
        ("select_session", "o.deep.chosen", ("outer", "inner")), ("http", None, ("outer", "inner")),
        ("cancel", "o.gone", ("outer",)), ("cancel", None, ()), ("cancel", None, ()),
    ]  # fmt: skip
    select, http, cancel = case.steps[:3]
    assert resolve(select.args, {}) == {"session": "intro-call"}
    assert resolve(http.args, {"o": {"deep": {"chosen": {"id": 7}}}}) == {"POST": "/x/Sam", "body": {"c": 7}}
    reason = cancel.args.entries["reason"]
    assert isinstance(reason, Reference)
    assert (reason.name, reason.path) == ("o", ("deep", "chosen", "reason"))


def test_two_calls_without_a_name_do_not_share_captures(load: Load) -> None:
    when = "when: [{call: {fragment: inner, with: {session: a, name: x}}}, {call: {fragment: inner, with: {session: b, name: y}}}]"
    names = [step.as_ for step in only(load(scenario(when, head=HEAD + FRAGMENTS))).steps if step.as_]
    assert names == ["inner~1.chosen", "inner~2.chosen"]


def test_fragments_take_arguments_from_a_matrix(load: Load) -> None:
    when = "when: [{call: {fragment: inner, with: {session: $s, name: n}}}]"
    case = load(scenario("matrix: {s: [intro-call]}", when, head=HEAD + FRAGMENTS)).cases[0]
    assert case.steps[0].title == "select_session intro-call"
    assert resolve(case.steps[0].args, case.params) == {"session": "intro-call"}


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
