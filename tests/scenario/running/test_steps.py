"""What steps do: requests, time, faults, webhooks, several visitors, several at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.errors import InputError
from harness.scenario.verbs.parallel import ParallelArgs
from tests.scenario.running.conftest import Play, Played

BOOKING = """
  - select_session: intro-call
  - schedule: "2030-03-06T10:00Z"
"""


def test_a_step_without_expect_must_succeed(play: Play) -> None:
    played = play("when:\n  - http: {GET: /api/nowhere}\nthen: [{changed: none}]")
    assert played.outcome == "failed"
    assert "$.status   expected success   got 404" in played.failure


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('{schedule: "2030-03-06T10:00Z"}', "$.refused   expected no refusal   got nothing_chosen"),
        ('{reschedule: "2030-03-06T10:00Z"}', "$.refused   expected no refusal   got nothing_scheduled"),
        ("{create: {}, expect: {status: 200}}", "$.status   expected 200   got no answer: the page refused (nothing_chosen)"),
        ("{create: {}, expect: 200}", "$.status   expected 200   got no answer: the page refused (nothing_chosen)"),
    ],
)  # fmt: skip
def test_a_step_before_its_time_is_refused_by_the_page_which_is_told(play: Play, step: str, said: str) -> None:
    played = play(f"when: [{step}]\nthen: [{{changed: none}}]")
    assert played.outcome == "failed", played.failure
    assert said in played.failure


def test_every_mismatch_of_a_step_is_told_and_the_next_step_does_not_run(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/scheduling/session-types}
    expect: {status: 201, body: {success: false, nothing: 1}}
  - http: {GET: /api/scheduling/session-types}
    expect: 200
"""
    )
    for line in (
        "$.status   expected 201   got 200",
        "$.success   expected false   got true",
        "$.nothing   expected 1   got <absent>",
    ):
        assert line in played.failure, played.failure
    assert len(played.tables["exchanges"]) == 1


def test_a_fault_strikes_where_it_was_set(play: Play) -> None:
    played = play(
        f"""
when:{BOOKING}
  - fault: {{calendly: {{on: "GET /scheduled_events/*", do: timeout}}}}
  - create: {{}}
    expect: {{status: <one of 502|503|504>}}
  - create: {{}}
    expect: 200
then: [{{rows: {{Booking: 1}}}}, {{calls: {{some: {{fault: <string>, status: null}}}}}}]
"""
    )
    assert played.outcome == "passed", played.failure


def test_a_fault_that_never_struck_fails_the_scenario(play: Play) -> None:
    played = play(
        """
when:
  - fault: {calendly: {on: "POST /invitees", do: 500}}
  - http: {GET: /api/scheduling/session-types}
    expect: 200
"""
    )
    assert played.outcome == "failed"
    assert "never struck: POST /invitees: 500" in played.failure


def test_a_fault_that_chance_spared_is_a_note_and_one_that_had_no_chance_a_failure(play: Play) -> None:
    body = f"""
when:{BOOKING}
  - fault: {{calendly: {{on: "GET /scheduled_events/*", do: timeout, probability: 0.000001}}}}
  - create: {{}}
    expect: 200
"""
    played = play(body)
    assert played.outcome == "passed", played.failure
    note = "never struck, by chance, at the one call it could: GET /scheduled_events/*: timeout (times 1, probability 1e-06)"
    assert played.scenario.notes == (note,)
    assert [(c.kind, c.actual, c.outcome) for c in played.tables["checks"] if c.kind == "fault"] == [
        ("fault", note, "passed")
    ]
    idle = play(body.replace("  - create: {}\n    expect: 200\n", "then: [{rows: {Booking: none}}]"))
    assert (idle.outcome, idle.scenario.notes) == ("failed", ())
    struck = play(body.replace("0.000001", "0.999999").replace("expect: 200", "expect: 504"))
    assert (struck.outcome, struck.scenario.notes) == ("passed", ()), struck.failure


def test_an_unexpected_request_fails_the_scenario_and_says_what_would_have_matched(play: Play) -> None:
    head = "feature: A test\nuse: [asking.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
    played = play(
        "when:\n  - ask_calendly: /scheduled_evnts/x\nthen: [{changed: none}]", head=head, files={"asking.py": ASKING}
    )
    assert played.outcome == "failed"
    assert "GET https://api.calendly.com/scheduled_evnts/x" in played.failure
    assert "/scheduled_events" in played.failure


ASKING = '''
from dataclasses import dataclass
import requests
from harness.scenario.registry import verb

@dataclass(frozen=True)
class AskArgs:
    path: str

@verb("ask_calendly", shorthand="path", kind="low")
def ask_calendly(world, args: AskArgs):
    """Ask Calendly as the application would."""
    requests.get("https://api.calendly.com" + args.path, headers={"Authorization": "Bearer x"}, timeout=5)
'''


def test_two_branches_are_released_together_and_one_wins(play: Play) -> None:
    played = play(
        f"""
when:{BOOKING}
  - parallel: [[{{create: {{}}}}]]
    copies: 8
    outcomes: {{200: 8}}
then: [{{rows: {{Booking: 1}}}}]
"""
    )
    assert played.outcome == "passed", played.failure
    assert [e.exchange for e in played.tables["exchanges"]] == list(range(1, 9))


def test_an_outcome_that_was_not_named_fails(play: Play) -> None:
    played = play(
        f"""
when:{BOOKING}
  - parallel: [[{{create: {{}}}}], [{{http: {{GET: /api/nowhere}}}}]]
    outcomes: {{200: 2}}
then: [{{rows: {{Booking: 1}}}}]
"""
    )
    assert played.outcome == "failed"
    assert "404: 1" in played.failure


@pytest.mark.parametrize(
    ("parallel", "said"),
    [
        ("[[{http: {GET: /api/nowhere}}]]", "$.status   expected success   got 404"),
        ("[[{select_session: group-build}]]", "$.refused   expected no refusal"),
        (
            "[[{http: {GET: /api/nowhere}}, {http: {GET: /api/scheduling/session-types}}]], outcomes: {200: 1}",
            "$.status   expected success   got 404",
        ),
        (
            "[[{http: {GET: /api/nowhere}, as: gone, expect: 200}, {http: {GET: /x/$gone.body.nothing}}]]",
            "$.status   expected 200   got 404",
        ),
    ],
)
def test_a_step_of_a_branch_must_succeed_unless_told_otherwise(play: Play, parallel: str, said: str) -> None:
    played = play(f"when: [{{parallel: {parallel}}}]\nthen: [{{changed: none}}]")
    assert played.outcome == "failed", played.failure
    assert said in played.failure


@pytest.mark.parametrize(
    ("deliver", "said"),
    [
        ("{}", "expected a webhook   got none queued"),
        ("{lose: true}", "expected a webhook   got none queued"),
        ("{provider: stripe, event: refund.updated}", "expected 'refund.updated'   got never queued; waiting: nothing"),
        ("invitee.canceled", "expected 'invitee.canceled'   got never queued; waiting: nothing"),
        ("{event: invitee.created, of: x}", "expected 'invitee.created' with 'x' in it   got never queued; waiting:"),
        ("{event: invitee.created, delay: 5m}", "expected 'invitee.created'   got never queued; waiting: nothing"),
    ],
)
def test_a_deliver_that_delivers_nothing_fails_however_it_is_written(play: Play, deliver: str, said: str) -> None:
    played = play(f"when: [{{deliver: {deliver}}}]\nthen: [{{changed: none}}]")
    assert played.outcome == "failed", played.failure
    assert said in played.failure


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("event: invitee.created, without: [payload.nothing]", "The message has no payload.nothing: there is no nothing."),
        ("event: invitee.created, altered: {payload.questions_and_answers.9: 1}", "there is no 9."),
        ("event: invitee.created, without: [payload.questions_and_answers.x]", "there is no x."),
    ],
)  # fmt: skip
def test_a_message_that_is_not_there_is_the_scenarios_mistake(play: Play, rest: str, said: str) -> None:
    played = play(f"when:{BOOKING}  - create: {{}}\n  - deliver: {{{rest}}}\nthen: [{{rows: {{Booking: 1}}}}]")
    assert (played.outcome, played.scenario.fault) == ("error", False), played.failure
    assert said in played.failure


def test_a_deliver_of_what_is_held_back_does_not_pass(play: Play) -> None:
    steps = f"when:{BOOKING}  - create: {{}}\n  - deliver: {{delay: 10m}}\nTIME  - deliver: {{}}\nthen: [{{rows: {{Booking: 1}}}}]"
    played = play(steps.replace("TIME", ""))
    assert played.outcome == "failed", played.failure
    assert "$.deliver   expected a webhook   got none due: invitee.created held back" in played.failure
    assert play(steps.replace("TIME", "  - clock: +10m\n")).outcome == "passed"


def test_time_that_only_the_run_knows_does_not_go_back(play: Play) -> None:
    asked = "when:\n  - sql: SELECT '2020-01-01T00:00Z' AS t\n    as: read\n  - clock: {to: '$read[0].t'}"
    played = play(f"{asked}\nthen: [{{changed: none}}]")
    assert (played.outcome, played.scenario.fault) == ("error", False), played.failure
    assert "Time does not go back: it is 2030-03-04T09:00:00Z, and this is 2020-01-01T00:00:00Z." in played.failure


def test_outcomes_judge_the_last_step_of_each_branch(play: Play) -> None:
    played = play("when: [{parallel: [[{http: {GET: /api/nowhere}}]], outcomes: {404: 1}}]\nthen: [{changed: none}]")
    assert played.outcome == "passed", played.failure


def test_time_moves_only_when_the_scenario_moves_it(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/scheduling/session-types}
    expect: 200
  - clock: +36h
  - clock: {to: "2031-01-01T00:00Z"}
then: [{changed: none}]
"""
    )
    clocks = [step.clock.isoformat() for step in played.tables["steps"]]
    assert clocks[1:] == ["2030-03-04T09:00:00+00:00"] * 2 + ["2030-03-05T21:00:00+00:00", "2031-01-01T00:00:00+00:00"]


def test_a_webhook_meets_the_application_and_is_recorded(play: Play) -> None:
    played = play(
        f"""
when:{BOOKING}
  - create: {{}}
  - deliver: {{event: invitee.created, times: 2}}
  - deliver: {{event: invitee.created, sign: none}}
then: [{{deliveries: {{count: 3}}}}]
"""
    )
    assert played.outcome == "passed", played.failure
    assert [(d.status, d.outcome) for d in played.tables["deliveries"]] == [(200, "delivered")] * 2 + [(401, "refused")]


def test_nothing_secret_or_personal_is_in_the_records(play: Play) -> None:
    played = play(
        """
given: {catalog: production, visitor: client}
when:
  - select_session: intro-call
  - schedule: {at: "2030-03-06T10:00Z", invitee: {name: Sam Canary, email: canary@example.test}}
  - create: {}
  - deliver: invitee.created
then: [{rows: {Booking: 1}}]
"""
    )
    assert played.outcome == "passed", played.failure
    from harness.scenario.credentials import SECRETS

    text = json.dumps([str(record) for records in played.tables.values() for record in records])
    assert "canary@example.test" not in text
    assert not [secret for secret in SECRETS if secret in text]
    assert "eyJ" not in text, "a token of a visitor"


def test_the_same_seed_leaves_the_same_records(play: Play) -> None:
    body = f"when:{BOOKING}\n  - create: {{}}\n  - deliver: invitee.created\nthen: [{{rows: {{Booking: 1}}}}]"
    first, second, other = play(body, seed=3), play(body, seed=3), play(body, seed=4)

    def evidence(played: Played) -> list[str]:
        rows = []
        for records in played.tables.values():
            for record in records:
                rows.append(str({k: getattr(record, k) for k in record.__struct_fields__ if k not in record.MEASURED}))
        return rows

    assert evidence(first) == evidence(second)
    assert evidence(first) != evidence(other)


def test_every_check_of_a_step_is_told_even_after_one_that_failed(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/scheduling/session-types}
    expect: 201
    then: [{calls: 3}, {rows: {Booking: 1}}]
"""
    )
    for line in ("$.status   expected 201", "$.calls.count   expected 3", "$.Booking.count   expected 1   got 0"):
        assert line in played.failure, played.failure


def test_every_check_at_the_end_is_told(play: Play) -> None:
    played = play(
        """
when: [{sessions: {}}]
then:
  - rows: {Booking: 1}
  - logs: {some: {level: critical}}
  - sql: {query: SELECT 1 AS one, value: 2}
"""
    )
    for line in ("$.Booking.count   expected 1", "$.logs.some", "$.value   expected 2   got 1"):
        assert line in played.failure, played.failure


def test_what_a_failed_step_never_gave_does_not_make_its_checks_a_mistake(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/nowhere}
    as: answer
    expect: 200
    then: [{rows: {Booking: [{id: $answer.body.booking.id}]}}]
"""
    )
    assert played.outcome == "failed", played.failure
    assert "$.status   expected 200   got 404" in played.failure


def test_webhooks_travel_by_themselves_where_given_says_so(play: Play) -> None:
    played = play(
        f"""
given: {{delivery: {{when: end, times: 2}}}}
when:{BOOKING}    then: [{{deliveries: none}}]
  - create: {{}}
then: [{{deliveries: {{count: 2, every: {{status: 200}}}}}}]
"""
    )
    assert played.outcome == "passed", played.failure


def test_webhooks_that_travel_for_a_while_arrive_when_time_has_passed(play: Play) -> None:
    played = play(
        f"""
given: {{delivery: {{when: immediate, delay: 10m}}}}
when:{BOOKING}
  - create: {{}}
  - clock: +9m
    then: [{{deliveries: none}}]
  - clock: +1m
    then: [{{deliveries: {{only: [{{event: invitee.created, status: 200}}]}}}}]
"""
    )
    assert played.outcome == "passed", played.failure


def test_what_the_product_answers_cannot_steer_a_terminal(play: Play) -> None:
    played = play(
        r"""
when:
  - http: {GET: "/api/x\u001b[31m\u0007\u202e"}
    expect: {status: 200}
"""
    )
    assert played.outcome == "failed"
    assert r"/api/x\u001b[31m\u0007\u202e -> 404" in played.failure
    assert "\x1b" not in played.failure
    assert "\x1b" not in (played.scenario.failure or "")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"branches": []}, "Nothing runs in this `parallel`"),
        ({"branches": [()], "copies": 0}, "copies is 1 or more; found 0"),
        ({"branches": [()], "copies": -1}, "copies is 1 or more; found -1"),
    ],
)
def test_a_parallel_that_would_run_nothing_is_a_mistake(written: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, ValueError), match=said):
        ParallelArgs(**written)
