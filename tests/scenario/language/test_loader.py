"""What files mean: cases, fragments, given, names; and that one file does not hide another's mistakes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from harness.scenario.model import Suite
from harness.scenario.registry import bind
from harness.scenario.scope import resolve
from harness.scenario.values import Literal, MapPattern, Matcher, Reference
from tests.scenario.language.written import HEAD, only, scenario

Load = Callable[[str], Suite]


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
