"""A value that never stands in its place is told at load wherever it is known: in a case, in a call, in the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.scenario.model import Suite

HEAD = "feature: F\ngiven: {catalog: production, visitor: anonymous}\n"
SCENARIO = """scenarios:
  - scenario: One
    %s
    when: [{http: {GET: /x}, expect: 200}]
    then: [{%s}]
"""
LOOK = "fragments: {look: {takes: {x: %s}, steps: [{http: {GET: /x}, then: [{rows: {Booking: {none: {%s}}}}]}]}}\n"
CALL = "scenarios: [{scenario: One, when: [{call: {fragment: look%s}}]}]\n"


@pytest.mark.parametrize(
    ("params", "check", "said"),
    [
        ("matrix: {x: [30, '31']}", "rows: {Booking: {none: {amount: $x}}}", 'Booking.amount is numeric(10,2): it holds a number, never the text "31", as $x is here. Write it without quotes.'),
        ("examples: [{x: PENDIN}]", "rows: {Booking: {none: {status: $x}}}", "a.yaml:7:45: Booking.status is never PENDIN, as $x is here. Did you mean PENDING?"),
        ("examples: [{x: PENDIN}]", "rows: {Booking: {every: {status: <not $x>}}}", "a.yaml:7:46: Booking.status is never PENDIN, as $x is here."),
        ("examples: [{x: {s: 5}}]", "changed: {Booking: {updated: [{currentState: {from: $x.s, to: <any>}}]}}", "Booking.currentState is text: it holds a text, never 5, as $x.s is here. Quote it."),
        ("examples: [{x: [5]}]", "changed: {Booking: {removed: {where: {id: '$x[0]'}, count: 0}}}", "Booking.id is text: it holds a text, never 5, as $x[0] is here."),
        ("tags: [a]", "rows: {Booking: {none: {startTime: $seed}}}", "Booking.startTime is timestamp(3) without time zone: it holds an instant, never 1, as $seed is here."),
        ("tags: [a]", "rows: {Booking: {none: {startTime: $catalog.intro-call.title}}}", 'never the text "Intro call", as $catalog.intro-call.title is here.'),
        ("examples: [{x: {id: a}}]", "rows: {Booking: {none: $x}}", "A map that is compared as a whole is never a row of Booking, which has clientId too, as $x is here."),
        ("examples: [{x: {id: a}}]", "changed: {Booking: {added: {some: [{id: a}, $x]}}}", "which has clientId too, as $x is here."),
        ("examples: [{x: {method: GET}}]", "calls: {none: $x}", "A map that is compared as a whole is never one of calls, which has provider too, as $x is here."),
        ("given: {rows: {Booking: [{status: $x}]}}\n    examples: [{x: PENDIN}]", "rows: {Booking: 1}", "a.yaml:5:39: Booking.status is never PENDIN, as $x is here."),
    ],
)  # fmt: skip
def test_a_value_of_a_case_that_never_stands_in_its_column_is_told(
    problems: Callable[[str], str], params: str, check: str, said: str
) -> None:
    assert said in problems(HEAD + SCENARIO % (params, check))


@pytest.mark.parametrize(
    ("cell", "default", "given", "said"),
    [
        ("amount: $x", "<any>", ", with: {x: '30'}", 'a.yaml:4:70: Booking.amount is numeric(10,2): it holds a number, never the text "30".'),
        ("amount: <not $x>", "30", ", with: {x: '30'}", 'never the text "30".'),
        ("status: $x", "PENDIN", "", "a.yaml:3:31: Booking.status is never PENDIN. Did you mean PENDING?"),
        ("status: $x", "PENDING", ", with: {x: <one of PENDING|DONE>}", "a.yaml:4:70: Booking.status is never DONE."),
    ],
)  # fmt: skip
def test_so_is_an_argument_of_a_fragment(
    problems: Callable[[str], str], cell: str, default: str, given: str, said: str
) -> None:
    assert said in problems(HEAD + LOOK % (default, cell) + CALL % given)


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        ("rows: {Booking: {none: $x}}", "{statuss: PENDING}", "A row of Booking has no column statuss. Did you mean status?"),
        ("rows: {Booking: {none: [$x]}}", "{status: PENDIN}", "Booking.status is never PENDIN. Did you mean PENDING?"),
        ("rows: {Booking: [$x]}", "{amount: <re 3>}", "never what <re 3> accepts."),
        ("changed: {Booking: {removed: {none: $x}}}", "{amount: '3'}", 'never the text "3".'),
        ("calls: {none: $x}", "{methd: GET}", "One of calls has no key methd. Did you mean method?"),
        ("deliveries: {none: $x}", "{evnt: a}", "One of deliveries has no key evnt. Did you mean event?"),
    ],
)  # fmt: skip
def test_so_is_a_whole_row_that_a_fragment_is_given(
    problems: Callable[[str], str], check: str, given: str, said: str
) -> None:
    fragment = f"fragments: {{look: {{takes: {{x: <any>}}, steps: [{{http: {{GET: /x}}, then: [{{{check}}}]}}]}}}}\n"
    assert said in problems(HEAD + fragment + CALL % f", with: {{x: {given}}}")


@pytest.mark.parametrize(
    ("params", "check"),
    [
        ("matrix: {x: ['GET /scheduled_events/*']}", "calls: {none: $x}"),
        ("matrix: {x: [30, 4.5, null]}", "rows: {Booking: {none: {amount: $x}}}"),
        ("matrix: {x: [30, '31']}", "rows: {Booking: {none: {stateData: {a: $x}}}}"),
        ("tags: [a]", "rows: {Booking: {none: {startTime: <gt $now>, id: $catalog.client.id, amount: $seed}}}"),
        ("matrix: {x: [PENDING, CONFIRMED]}", "rows: {Booking: {none: {status: <not $x>, id: of-$x}}}"),
    ],
)
def test_what_may_stand_there_is_not_told(load: Callable[[str], Suite], params: str, check: str) -> None:
    assert load(HEAD + SCENARIO % (params, check)).cases
