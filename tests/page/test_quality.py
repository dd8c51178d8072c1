"""Accessible in every state, in both schemes; still; in step with the Python flow and the state machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from harness.booking.flow import Answer, Flow, NotAllowed
from harness.booking.machine_table import MACHINE
from tests.page.checks import unavailable
from tests.page.visitor import SESSIONS, Visitor, weekday_ahead

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page quality")]

NewVisitor = Callable[..., Visitor]
ID = "0c9f0a3e-5a0c-4a5e-9d5c-4f6f2e1a7b10"
EVENT = "https://api.calendly.com/scheduled_events/e1"


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=15_000)


def violations(visitor: Visitor, *rules: str) -> list[str]:
    """What axe finds wrong with the page as it stands (by `rules`, or by all), the widget's own frame left to itself."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = Axe().run(visitor.page, context={"exclude": [["iframe"]]}, options=options).response["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


def test_axe_finds_nothing_in_any_state_in_either_scheme(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(color_scheme="light", reduced_motion="reduce", viewport={"width": 390, "height": 844})
    page, found = visitor.page, {}

    def look(state: str) -> None:
        found[state] = violations(visitor)
        page.emulate_media(color_scheme="dark")
        found[f"{state}, dark"] = violations(visitor, "color-contrast")
        page.emulate_media(color_scheme="light")

    visitor.open()
    look("anonymous list")
    visitor.open(f"/?sessionTypeId={SESSIONS['pathway-30']['id']}")
    expect(page.locator("#notice-text")).not_to_be_empty()
    look("refused")
    visitor.answer_create(unavailable)
    visitor.sign_in()
    look("signed-in list")
    visitor.choose("pathway-30")
    expect(visitor.heading).to_have_text("Choose a pathway")
    look("pathway")
    page.get_by_label("Pivot").check()
    page.get_by_role("button", name="Choose a time").click()
    visitor.widget.locator("#times button").first.wait_for()
    look("widget")
    visitor.schedule(day=weekday_ahead(4))
    expect(page.locator("#retry")).to_be_visible()
    look("not saved")
    page.locator("#retry").click()
    visitor.sees_state("CALENDLY_EVENT_SCHEDULED")
    look("to be paid")
    page.locator("#pay").click()
    page.locator('button[value="paid"]').click()
    visitor.sees_state("BOOKING_CONFIRMED")
    look("confirmed")
    page.locator("#cancel").click()
    look("dialog")
    page.locator("#cancel-yes").click()
    visitor.sees_state("REFUND_COMPLETED")
    look("cancelled")
    page.get_by_role("link", name="Book another session").click()
    expect(page.locator("#banner")).to_be_visible()
    look("list with a booking")
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_axe_would_notice(visitor: Visitor) -> None:
    visitor.open()
    visitor.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(wrong.startswith("button-name") for wrong in violations(visitor))


SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((each) => { sum += each.hadRecentInput ? 0 : each.value; }));
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""


@pytest.mark.parametrize("signed_in", [False, True])
def test_nothing_jumps_while_the_page_comes(visitor: Visitor, signed_in: bool) -> None:
    if signed_in:
        visitor.sign_in()
    visitor.open()
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.evaluate(SHIFTS) < 0.01
    visitor.page.evaluate(
        "document.querySelector('main').prepend(Object.assign(document.createElement('p'), {textContent: 'late'}))"
    )
    assert visitor.page.evaluate(SHIFTS) > 0.01, "a jump would have been measured"


def test_every_state_of_the_machine_has_words_and_its_buttons(visitor: Visitor) -> None:
    visitor.open()
    told, moving, cancellable = visitor.page.evaluate(
        """async () => {
          const [words, flow] = [await import("/page/words.js"), await import("/page/flow.js")];
          return [Object.keys(words.STATES), [...words.MOVING], [...flow.CANCELLABLE]];
        }"""
    )
    assert set(told) == set(MACHINE.states)
    assert set(cancellable) == set(MACHINE.slot_states())
    assert set(moving) <= set(told)


CASES: list[dict[str, Any]] = [
    {"signedIn": signed_in, "session": {"id": "s", "builderId": "b", "calendlyEventTypeUri": "e", "price": price, "requiresAuth": needs, "isActive": active, "eventTypeCategory": category}, "pathway": pathway}
    for signed_in in (False, True) for price in ("0.00", "0.01", "50.00", None) for needs in (False, True)
    for active in (True, False) for category, pathway in (("free", None), ("pathway", None), ("pathway", "pivot"), (None, None))
]  # fmt: skip
MESSAGES: list[tuple[str, Any]] = [
    (origin, {"event": name, "payload": {"event": {"uri": event}, "invitee": {"uri": invitee}}})
    for origin in ("https://calendly.com", "https://calendly.com.evil.test", "null", "http://calendly.com")
    for name in ("calendly.event_scheduled", "calendly.page_height")
    for event in (EVENT, "https://calendly.com/api/v2/scheduled_events/e1", "https://evil.test/scheduled_events/e1", EVENT + "/x", "")
    for invitee in (f"{EVENT}/invitees/i1", "javascript:alert(1)")
]  # fmt: skip
IN_THE_PAGE = """async ([cases, messages, id, states]) => {
  const { Flow, NotAllowed, PAYABLE } = await import("/page/flow.js");
  const tried = async (doing) => { try { return await doing(); } catch (error) { if (error instanceof NotAllowed) return error.code; throw error; } };
  const made = (signedIn, answer) => new Flow(async (...asked) => answer(asked), { signedIn, newId: () => id });
  const chosen = [];
  for (const each of cases) {
    const flow = made(each.signedIn, () => null);
    chosen.push([flow.shows(each.session), flow.costs(each.session), await tried(() => flow.selectSession(each.session, { pathway: each.pathway })), flow.bookingId]);
  }
  const heard = [];
  for (const [origin, data] of messages) {
    const flow = made(false, () => null);
    heard.push([await tried(() => flow.onMessage(origin, data)), flow.eventUri, flow.inviteeUri]);
  }
  const sent = [];
  const flow = made(false, (asked) => { sent.push(asked.slice(0, 3)); return { ok: true, body: { state: "CALENDLY_EVENT_SCHEDULED", bookingId: id, bookingToken: "t" } }; });
  await flow.selectSession({ ...cases[0].session, price: "0" });
  const query = new URL(flow.embed("https://calendly.com/bea/call")).searchParams;
  flow.onMessage("https://calendly.com", messages[0][1]);
  await flow.create();
  await flow.cancel("ill");
  const opened = [];
  for (const state of [null, ...states]) {
    flow.state = state;
    opened.push(await tried(() => flow.embed("https://calendly.com/bea/call") && true));
  }
  const payable = states.filter((state) => PAYABLE.has(state));
  return { chosen, heard, sent, payable, opened, embed: [query.get("a1"), query.get("utm_content"), query.get("embed_type")] };
}"""


def tried(doing: Callable[[], Any]) -> Any:
    try:
        return doing()
    except NotAllowed as refused:
        return refused.code


def in_python() -> dict[str, Any]:
    """What harness/booking/flow.py decides in the same cases."""
    from harness.booking.flow import PAYABLE

    def made(signed_in: bool, send: Callable[..., Any] = lambda *_: None) -> Flow:
        return Flow(send, signed_in=signed_in, new_id=lambda: ID)

    chosen, heard, sent = [], [], []
    for each in CASES:
        flow, session = made(each["signedIn"]), each["session"]
        chosen.append(
            [flow.shows(session), flow.costs(session),
             tried(partial(flow.select_session, session, pathway=each["pathway"])), flow.booking_id]
        )  # fmt: skip
    for origin, data in MESSAGES:
        flow = made(False)
        heard.append([tried(partial(flow.on_message, origin, data)), flow.event_uri, flow.invitee_uri])

    def send(method: str, path: str, body: Any) -> Answer:
        sent.append([method, path, json.loads(json.dumps(body))])
        return Answer(200, {"state": "CALENDLY_EVENT_SCHEDULED", "bookingId": ID, "bookingToken": "t"})

    flow = made(False, send)
    flow.select_session({**CASES[0]["session"], "price": Decimal(0)})
    flow.on_message("https://calendly.com", MESSAGES[0][1])
    flow.create()
    flow.cancel("ill")
    opened = []
    for flow.state in [None, *MACHINE.states]:
        opened.append(tried(lambda: bool(flow.embed())))
    payable = [state for state in MACHINE.states if state in PAYABLE]
    return {
        "chosen": chosen,
        "heard": heard,
        "sent": sent,
        "payable": payable,
        "opened": opened,
        "embed": [ID, ID, "Inline"],
    }


def test_the_page_decides_as_the_python_flow_does(visitor: Visitor) -> None:
    visitor.open()
    decided = visitor.page.evaluate(IN_THE_PAGE, [CASES, [list(each) for each in MESSAGES], ID, list(MACHINE.states)])
    expected = in_python()
    for subject, wanted in expected.items():
        assert decided[subject] == wanted, subject
    assert {each[2] for each in expected["chosen"]} == {None, "session_not_offered", "pathway_required"}
    assert {each[0] for each in expected["heard"]} == {True, False, "wrong_origin", "unreadable_message"}


def test_a_long_word_does_not_push_the_page_out_of_a_small_screen(new_visitor: NewVisitor) -> None:
    """320 pixels are a phone, and a large screen at 400 %."""
    visitor = new_visitor(viewport={"width": 320, "height": 568})
    page, name = visitor.page, "Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetz"

    def lengthen(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("Otto Builder", name).replace("Call with Otto", name))

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320

    page.route("**/api/scheduling/session-types", lengthen)
    visitor.open()
    expect(page.locator(".host").filter(has_text=name).first).to_be_visible()
    fits()
    visitor.choose("other-call")
    visitor.widget.locator("#times button").first.wait_for()
    fits()
    visitor.schedule(day=weekday_ahead(10))
    visitor.sees_state("BOOKING_CONFIRMED")
    fits()
