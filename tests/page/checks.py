"""F01 to F09, each as a check that plays it in the browser; raises AssertionError where the page breaks the rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Route, expect

from tests.page.visitor import SESSIONS, Visitor, weekday_ahead

__all__ = ["CHECKS"]

PAID = {"id": "p", "title": "Paid", "requiresAuth": False, "price": "5.00", "builderId": "b", "durationMinutes": 30}
CLOSED = {**PAID, "id": "c", "title": "Closed", "requiresAuth": True, "price": "0.00"}
FORGER = "http://127.0.0.1:9/forger"
FORGED = {
    "event": "calendly.event_scheduled",
    "payload": {
        "event": {"uri": "https://api.calendly.com/scheduled_events/forged"},
        "invitee": {"uri": "https://api.calendly.com/scheduled_events/forged/invitees/forged"},
    },
}


def offered_too_much(route: Route) -> None:
    """The server's list, with two sessions in it that an anonymous visitor must not be shown."""
    body = route.fetch().json()
    body["sessionTypes"]["free"] += [PAID, CLOSED]
    route.fulfill(json=body)


def unavailable(route: Route) -> None:
    route.fulfill(status=503, json={"error": {"type": "provider_failed", "code": "busy", "message": "Busy just now."}})


def lost(route: Route) -> None:
    """The server does it, and its answer never arrives."""
    route.fetch()
    route.abort()


def check_f01(visitor: Visitor) -> None:
    visitor.page.route("**/api/scheduling/session-types", offered_too_much)
    visitor.open()
    expect(visitor.page.locator("#list-other li")).not_to_have_count(0)
    free = [
        row["title"] for row in SESSIONS.values() if not row["price"] and not row["requiresAuth"] and row["isActive"]
    ]
    visitor.page.wait_for_load_state("networkidle")
    assert sorted(visitor.titles()) == sorted(free), "an anonymous visitor sees what is free and open"
    visitor.page.unroute("**/api/scheduling/session-types")
    visitor.sign_in()
    every = [row["title"] for row in SESSIONS.values() if row["isActive"]]
    assert sorted(visitor.titles()) == sorted(every), "a signed-in visitor sees all"


def check_f02(visitor: Visitor) -> None:
    for key in ("pathway-30", "group-build", "member-call", "retired-call"):
        visitor.open(f"/?sessionTypeId={SESSIONS[key]['id']}")
        expect(visitor.heading).to_have_text("Book a session")
        expect(visitor.page.locator("#notice-text")).to_contain_text("not open to you")
        assert visitor.page.locator("#widget iframe").count() == 0
    visitor.open(f"/?sessionTypeId={SESSIONS['quick-question']['id']}")
    expect(visitor.widget.locator("h1")).to_have_text("Quick question")


def check_f03(visitor: Visitor) -> None:
    bodies = visitor.answer_create()
    visitor.open()
    visitor.choose("intro-call")
    visitor.pick_time()
    embedded = visitor.embedded()
    visitor.submit()
    visitor.sees_state("BOOKING_CONFIRMED")
    invitee = visitor.site.invitee(bodies[0]["calendlyInviteeUri"])
    everywhere = {
        "the embed's answer": embedded["a1"],
        "the embed's utm_content": embedded["utm_content"],
        "Calendly's answer": invitee["questions_and_answers"][0]["answer"],
        "Calendly's utm_content": invitee["tracking"]["utm_content"],
        "create": bodies[0]["customQuestionResponse"][0]["answer"],
    }
    assert everywhere == dict.fromkeys(everywhere, visitor.booking_id), "one booking id everywhere"
    assert visitor.calls("/initialize") == 0, "choosing asks nothing of the server (R10)"


def check_f03_tabs(visitor: Visitor) -> None:
    """A tab that was duplicated has the other's memory: two tabs are two attempts, and both can be booked."""
    visitor.open()
    visitor.choose("office-hours")
    visitor.pick_time()
    first = visitor.embedded()["a1"]
    with visitor.context.expect_page() as opened:
        visitor.page.evaluate("window.open(location.href)")
    other = Visitor(visitor.site, visitor.context, opened.value)
    other.pick_time(day=weekday_ahead(16))
    assert other.embedded()["a1"] != first, "a second tab is an attempt of its own"
    opened.value.reload()
    other.pick_time(day=weekday_ahead(16))
    second = other.embedded()["a1"]
    visitor.submit()
    visitor.sees_state("BOOKING_CONFIRMED")
    other.submit()
    other.sees_state("BOOKING_CONFIRMED")
    assert (visitor.booking_id, other.booking_id) == (first, second), "each tab books its own"


def check_f04(visitor: Visitor) -> None:
    """A page of another origin in the widget's own frame, and lies from the widget itself."""
    forger = f"<script>parent.postMessage({json.dumps(FORGED)}, '*'); document.title = 'posted'</script>posted"
    visitor.page.route(FORGER + "*", lambda route: route.fulfill(body=forger, content_type="text/html"))
    visitor.page.route(
        "**/page/widgets",
        lambda route: route.fulfill(json={"widgets": {SESSIONS["intro-call"]["id"]: FORGER}}),
    )
    visitor.open()
    visitor.choose("intro-call")
    expect(visitor.widget.locator("body")).to_contain_text("posted")
    visitor.page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
    assert visitor.calls("/create") == 0, "a message of another origin is not believed"
    expect(visitor.heading).to_have_text("Choose a time")

    visitor.page.unroute("**/page/widgets")
    visitor.open()
    visitor.choose("intro-call")
    visitor.widget.locator("#times button").first.wait_for()
    lie = f"() => parent.postMessage({json.dumps(FORGED)}, '*')"
    visitor.page.frames[1].evaluate(lie)
    expect(visitor.page.locator("#saving-problem")).to_have_text("Calendly does not know this event.")
    expect(visitor.page.locator("#saving-what")).to_have_text("This booking was refused.")
    assert (
        visitor.site.booking(visitor.page.evaluate("JSON.parse(sessionStorage['booking.attempt']).bookingId")) is None
    )


def check_f05(visitor: Visitor) -> None:
    bodies = visitor.answer_create(unavailable, lost)
    visitor.open()
    visitor.choose("office-hours")
    visitor.schedule()
    expect(visitor.page.locator("#saving-problem")).to_have_text("Busy just now.")
    visitor.page.locator("#retry").click()
    expect(visitor.page.locator("#saving-problem")).to_contain_text("could not be reached")
    visitor.page.locator("#retry").click()
    visitor.sees_state("BOOKING_CONFIRMED")
    ids = [body["customQuestionResponse"][0]["answer"] for body in bodies]
    assert ids == [visitor.booking_id] * 3, "the same id again"
    rows = visitor.site.rows(
        'SELECT id FROM "Booking" WHERE "calendlyInviteeUri" = %s', bodies[0]["calendlyInviteeUri"]
    )
    assert [row[0] for row in rows] == [visitor.booking_id], "one row"


def check_f06(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.choose("pathway-30")
    expect(visitor.heading).to_have_text("Choose a pathway")
    assert visitor.page.locator("#widget iframe").count() == 0
    assert visitor.calls("/initialize") == 0, "nothing begins before the pathway is chosen"
    visitor.page.get_by_label("Pivot").check()
    visitor.page.get_by_role("button", name="Choose a time").click()
    visitor.widget.locator("#times button").first.wait_for()
    assert visitor.site.booking(visitor.embedded()["a1"])[4] == "pivot", "the server knows the pathway"


def check_f07(visitor: Visitor) -> None:
    visitor.answer_create(unavailable)
    visitor.sign_in()
    visitor.choose("other-consultation")
    visitor.schedule()
    expect(visitor.page.locator("#retry")).to_be_visible()
    expect(visitor.page.locator("#pay")).to_be_hidden()
    visitor.page.locator("#retry").click()
    visitor.sees_state("CALENDLY_EVENT_SCHEDULED")
    expect(visitor.page.locator("#pay")).to_have_text("Pay £80.00")
    assert visitor.calls("/checkout/create") == 0, "payment starts by hand, and after the server's word"
    visitor.page.locator("#cancel").click()
    visitor.page.locator("#cancel-yes").click()
    visitor.sees_state("CANCELLATION_COMPLETED")
    expect(visitor.page.locator("#pay"), "nothing to pay for a cancelled booking").to_be_hidden()


def check_f08(visitor: Visitor) -> None:
    visitor.open()
    visitor.choose("quick-question")
    visitor.widget.locator("#times button").first.wait_for()
    before = visitor.embedded()["a1"]
    visitor.page.reload()
    visitor.widget.locator("#times button").first.wait_for()
    assert visitor.embedded()["a1"] == before, "the same booking id after a reload"
    visitor.schedule()
    visitor.sees_state("BOOKING_CONFIRMED")
    assert visitor.booking_id == before
    visitor.page.reload()
    visitor.sees_state("BOOKING_CONFIRMED")
    visitor.page.go_back()
    expect(visitor.heading).to_have_text("Book a session")
    expect(visitor.page.locator("#banner")).to_contain_text("You have a booking: Quick question.")
    visitor.page.go_forward()
    visitor.sees_state("BOOKING_CONFIRMED")
    visitor.page.goto("about:blank")
    visitor.open()
    visitor.sees_state("BOOKING_CONFIRMED")
    assert visitor.calls("/create") == 1, "coming back creates nothing"


def check_f08_told(visitor: Visitor) -> None:
    """Calendly's message is lost, its webhook arrives: coming back shows the booking instead of another calendar."""
    visitor.page.add_init_script("addEventListener('message', (message) => message.stopImmediatePropagation(), true)")
    visitor.sign_in()
    visitor.choose("intro-call")
    visitor.schedule(day=weekday_ahead(18))
    expect(visitor.widget.locator("#done-title")).to_be_visible()
    begun = visitor.embedded()["a1"]
    visitor.page.wait_for_timeout(100)
    while visitor.site.booking(begun)[0] != "BOOKING_CONFIRMED":
        visitor.page.wait_for_timeout(100)
    visitor.page.reload()
    visitor.sees_state("BOOKING_CONFIRMED")
    assert visitor.booking_id == begun


def check_f09(visitor: Visitor) -> None:
    def says_otherwise(route: Route) -> None:
        body: dict[str, Any] = route.fetch().json()
        body["state"] = "CANCELLATION_COMPLETED"
        body["booking"] |= {"title": "Renamed", "cancellation": {"reason": "The builder is ill"}}
        route.fulfill(json=body)

    visitor.open()
    visitor.choose("other-call")
    visitor.page.route("**/api/scheduling/bookings/*-*", says_otherwise)
    visitor.schedule()
    visitor.sees_state("CANCELLATION_COMPLETED")
    expect(visitor.heading).to_have_text("Your booking is cancelled")
    expect(visitor.page.locator("#facts")).to_contain_text("Renamed")
    expect(visitor.page.locator("#facts")).to_contain_text("The builder is ill")
    expect(visitor.page.locator("#cancel")).to_be_hidden()


CHECKS: dict[str, Callable[[Visitor], None]] = {
    "F01": check_f01,
    "F02": check_f02,
    "F03": check_f03,
    "F03 tabs": check_f03_tabs,
    "F04": check_f04,
    "F05": check_f05,
    "F06": check_f06,
    "F07": check_f07,
    "F08": check_f08,
    "F08 told": check_f08_told,
    "F09": check_f09,
}
