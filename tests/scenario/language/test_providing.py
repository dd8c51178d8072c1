"""What the providers cannot do is told when the file is read: webhooks that nobody sends, faults that cannot strike."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.scenario.loader import load
from harness.scenario.providing import known_event
from tests.support.commands import ROOT

HEAD = (
    "feature: A test\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n  - scenario: A case\n    when:\n"
)


def mistakes_of(folder: Path, step: str, check: str) -> str:
    """What is told of a scenario of one step and one check when its file is read."""
    path = folder / "a.yaml"
    path.write_text(f"{HEAD}      - {step}\n    then: [{{{check}}}]\n")
    with pytest.raises(InputErrors) as caught:
        load([path], project=ROOT)
    return str(caught.value)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("deliver: {event: invitee.creatd}", "No webhook is called invitee.creatd. Did you mean invitee.created?"),
        ("deliver: {event: [invitee.created, 'checkout.*.done']}", "No webhook is called checkout.*.done."),
        ("deliver: {event: invitee.created, times: 0}", "deliver: times is 1 or more; found 0."),
        (
            "fault: {calendly: {on: GET /scheduled_events/*, do: explode}}",
            "Unknown fault 'explode'. Use one of timeout,",
        ),
        (
            "fault: {calendly: {on: GET /scheduled_events/*, do: timout}}",
            "Unknown fault 'timout'. Did you mean timeout?",
        ),
        ("clock: -15m", "Time does not go back: -15m. Let the scenario begin earlier, with clock under given."),
        (
            'clock: {to: "2029-01-01T00:00Z"}',
            "Time does not go back: it is 2030-03-04T09:00:00Z, and this is 2029-01-01T00:00:00Z. Let the",
        ),
        (
            "clock: +1h\n      - {clock: {to: '2030-03-04T09:30Z'}}",
            "Time does not go back: it is 2030-03-04T10:00:00Z, and this is 2030-03-04T09:30:00Z.",
        ),
        (
            "parallel: [[{sql: SELECT 1, as: x}], [{sql: SELECT 2, as: x}]]\n      - {sql: {run: 'SELECT %(x)s', params: {x: $x}}}",
            "$x is captured in another branch too, and only one of them would stay. Give each a name of its own.",
        ),
        (
            "parallel: [[{create: {}, as: a}]]\n        copies: 2\n      - {http: {GET: /api/x/$a.id}}",
            "$a is captured in each copy of a branch, and only one of them would stay. Use it inside its branch, or write",
        ),
        ("{parallel: [[{create: {}}]], copies: 0}", "a.yaml:6:46: copies is 1 or more; found 0."),
        (
            "{http: {GET: /a}, as: a}\n      - {http: {GET: /b}, as: a}\n      - {http: {GET: /c/$a.status}}",
            "$a is captured again before anything uses it. Give each a name of its own.",
        ),
        (
            "{http: {GET: /api/nowhere}, expect: {body: {re: x, exactly: {a: 1}}}}",
            "re and exactly stand in one map, so it would be a map with these keys.",
        ),
        ("fault: {calendly: {on: GET /scheduled_events/*, do: 200}}", "or a status from 400 to 599."),
        (
            "fault: {stripe: {on: POST /v1/bookings, do: timeout}}",
            "No endpoint matches 'POST /v1/bookings', so the fault",
        ),
        ("fault: {stripe: {on: /v1/refunds, do: timeout}}", "A fault strikes on METHOD /path, not on '/v1/refunds'."),
        (
            "fault: {stripe: {on: POST /v1/refunds, do: timeout, times: 0}}",
            "A fault that strikes 0 times never strikes.",
        ),
        (
            "sql: {run: 'SELECT 7 % 2, %(x)s', params: {x: 1}}",
            "A % stands alone, beside parameters. Write %% for a percent sign.",
        ),
        ("sql: ''", "sql needs a statement."),
        ("rows: {Booking: 1}", "There is no verb rows. rows is a check: it stands under then."),
        ("wait: 5s", "There is no verb wait. Verbs: calendly, cancel, clock,"),
    ],
)
def test_it_is_refused_when_the_file_is_read(step: str, said: str, tmp_path: Path) -> None:
    assert said in mistakes_of(tmp_path, step, check="changed: none")


def test_what_names_wrappers_may_still_be_sent_and_be_a_subset_with_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    step = "http: {POST: /api/nowhere, body: {re: x, every: 1}}\n        expect: {status: 404, body: {re: x, to: y}}"
    path.write_text(f"{HEAD}      - {step}\n      - clock: 0s\n      - clock: {{to: '2030-03-04T09:00Z'}}\n")
    assert len(load([path], project=ROOT).cases) == 1


def test_titles_steer_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    head = HEAD.replace("A test", r'"A \e[2J test"').replace("A case", r'"A case \e[31m \u202e"')
    step = "http: {GET: /api/nowhere}\n        name: " + r'"\e[0m"' + "\n        expect: 404"
    path.write_text(
        f"{head}      - {step}\n    matrix: {{x: [" + r'"\a"' + "]}\n    then: [{logs: {none: {level: $x}}}]\n"
    )
    (case,) = load([path], project=ROOT).cases
    shown = f"{case.feature} {case.title} {case.case_id} {case.steps[0].title} {case.steps[0].name}"
    assert shown.isprintable(), repr(shown)
    assert r"A case \u001b[31m \u202e [x=\u0007]" in case.title


def test_names_stand_on_one_line_whatever_they_are_made_of(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    head = HEAD.replace("A test", ">\n  A test\n  of names\n").replace("A case", r'"A case\nof $x"')
    values = r'["one\ntwo", "one\\ttwo", "a\u2028b", {k: "c\u2029\nd"}]'
    path.write_text(
        f"{head}      - http: {{GET: /api/nowhere, query: {{x: $x}}}}\n        expect: 404\n    matrix: {{x: {values}}}\n"
    )
    cases = load([path], project=ROOT).cases
    assert {len(f"{case.feature}{case.title}{case.case_id}".splitlines()) for case in cases} == {1}
    assert cases[0].feature == "A test of names"
    assert [case.title.removeprefix("A case of ") for case in cases] == [
        r"one\ntwo [x=one\ntwo]",
        r"one\ttwo [x=one\ttwo]",
        r"a\u2028b [x=a\u2028b]",
        r'{"k":"c\u2029\nd"} [x={"k":"c\u2029\nd"}]',
    ]
    assert cases[0].params == {"x": "one\ntwo"}


def test_two_values_that_are_written_alike_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    values = r'["one\ntwo", "one\\ntwo"]'
    path.write_text(
        f"{HEAD}      - http: {{GET: /api/nowhere, query: {{x: $x}}}}\n        expect: 404\n    matrix: {{x: {values}}}\n"
    )
    with pytest.raises(InputErrors, match="Two cases have one name"):
        load([path], project=ROOT)


@pytest.mark.parametrize("text", ["invitee.created", "invitee*", "checkout.session.completed", "*"])
def test_what_a_provider_sends_is_known(text: str) -> None:
    assert known_event(text) == text


def test_each_mistake_of_a_fault_stands_where_it_was_made(tmp_path: Path) -> None:
    written = "fault: {calendly: {on: GET /nowhere, do: explode, times: 0, skip: -1, probability: 2, seconds: -1, from: 2030-03-05T10:00Z, until: 2030-03-05T10:00Z}}"
    path = tmp_path / "a.yaml"
    path.write_text(f"{HEAD}      - {written}\n    then: [{{changed: none}}]\n")
    with pytest.raises(InputErrors) as caught:
        load([path], project=ROOT)
    places = {problem.what.split(" ")[0]: problem.position for problem in caught.value.problems}
    shown = {
        word: written[place.column - 9 :].split(",", maxsplit=1)[0].rstrip("}")
        for word, place in places.items()
        if place
    }
    assert shown == {
        "No": "GET /nowhere", "Unknown": "explode", "A": "0", "Skip": "-1", "Probability": "2", "An": "-1",
        "It": "2030-03-05T10:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("calls: {none: {provider: stripe, path: /scheduled_events}}", "stripe has no endpoint /scheduled_events."),
        ("calls: {none: {method: DELETE, path: /scheduled_events}}", "No endpoint of /scheduled_events takes DELETE. It takes GET."),
        ("calls: {none: {provider: calendly, method: PUT}}", "No endpoint of calendly takes PUT."),
        ('calls: {none: "GET /scheduled_events?count=1"}', "A call is named without its query. Write {path: …, query: {…}} for that."),
        ("deliveries: {none: {provider: stripe, event: invitee.created}}", "stripe sends no invitee.created. calendly does."),
        ("response: {headers: {Content-Type: a, content-type: b}}", "The header Content-Type stands here a second time, as content-type"),
        ("response: {headers: {}}", "Here is no header, so none is compared."),
    ],
)  # fmt: skip
def test_a_check_that_could_never_hold_or_never_fail_is_told(tmp_path: Path, check: str, said: str) -> None:
    assert said in mistakes_of(tmp_path, "{http: {GET: /api/nowhere}, expect: 404}", check)


def test_what_providers_do_have_together_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    checks = """
      - calls: {none: [{provider: stripe, method: POST, path: /v1/checkout/sessions}, {method: DELETE}, {path: /users/me}]}
      - deliveries: {none: {provider: calendly, event: invitee.created}}
      - response: {headers: {Content-Type: <any>, X-Other: <absent>}}
"""
    path.write_text(f"{HEAD}      - {{http: {{GET: /api/nowhere}}, expect: 404}}\n    then:{checks}")
    assert load([path], project=ROOT).cases
