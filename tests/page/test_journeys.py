"""Whole journeys: free and anonymous, paid and signed in, interrupted, by keyboard, on a phone, before the update."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from harness.scenario.targets import parse_target
from harness.session.serving import deployment
from tests.page.checks import unavailable
from tests.page.places import ROOT
from tests.page.visitor import SESSIONS, Site, Visitor, weekday_ahead

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("page journeys")]

NewVisitor = Callable[..., Visitor]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=15_000)


def test_an_anonymous_visitor_books_a_free_session(visitor: Visitor, site: Site) -> None:
    visitor.open()
    visitor.choose("intro-call")
    visitor.schedule()
    visitor.sees_state("BOOKING_CONFIRMED")
    expect(visitor.heading).to_have_text("You are booked")
    expect(visitor.heading).to_be_focused()
    assert site.booking(visitor.booking_id) == ("BOOKING_CONFIRMED", "CONFIRMED", "PAID", None, None)
    facts = visitor.page.locator("#facts")
    expect(facts).to_contain_text("Introductory call")
    expect(facts).to_contain_text("America/New York")
    expect(facts).to_contain_text("Free")
    expect(visitor.page.locator("#pay")).to_be_hidden()


def test_times_are_told_in_the_visitors_own_zone(new_visitor: NewVisitor, site: Site) -> None:
    visitor = new_visitor(timezone_id="Asia/Tokyo")
    visitor.open()
    visitor.choose("quick-question")
    visitor.schedule(day=weekday_ahead(3))
    visitor.sees_state("BOOKING_CONFIRMED")
    local = "(\"startTime\" AT TIME ZONE 'UTC') AT TIME ZONE 'Asia/Tokyo'"
    day, time, zone = site.rows(
        f"SELECT to_char({local}, 'FMDD FMMonth YYYY'), to_char({local}, 'HH24:MI'), \"clientTimezone\""
        ' FROM "Booking" WHERE id = %s',
        visitor.booking_id,
    )[0]
    facts = visitor.page.locator("#facts")
    expect(facts).to_contain_text(day)
    expect(facts).to_contain_text(f"{time} –")
    assert zone == "Asia/Tokyo"


def test_a_signed_in_visitor_books_pays_and_cancels(visitor: Visitor, site: Site) -> None:
    visitor.sign_in()
    visitor.choose("pathway-60")
    visitor.page.get_by_label("Play").check()
    visitor.page.get_by_role("button", name="Choose a time").click()
    expect(visitor.widget.locator("#name")).to_have_value("Cleo Client")
    visitor.schedule(day=weekday_ahead(5))
    visitor.sees_state("CALENDLY_EVENT_SCHEDULED")
    visitor.page.get_by_role("button", name="Pay £100.00").click()
    visitor.page.wait_for_url("**/pay/**")
    visitor.page.get_by_role("button", name="Pay 100.00 GBP").click()
    visitor.sees_state("BOOKING_CONFIRMED")
    client = site.rows('SELECT id FROM "User" WHERE "clerkId" = %s', "user_client")[0][0]
    assert site.booking(visitor.booking_id) == ("BOOKING_CONFIRMED", "CONFIRMED", "PAID", client, "play")
    visitor.page.get_by_role("button", name="Cancel this booking").click()
    expect(visitor.page.locator("#refund")).to_contain_text("all of your payment")
    visitor.page.get_by_label("Reason").fill("<b>Ill</b>")
    visitor.page.get_by_role("button", name="Cancel the booking").click()
    visitor.sees_state("REFUND_COMPLETED")
    expect(visitor.page.locator("#facts")).to_contain_text("£100.00, refunded")
    expect(visitor.page.locator("#facts")).to_contain_text("<b>Ill</b>")
    assert site.booking(visitor.booking_id)[:3] == ("REFUND_COMPLETED", "CANCELLED", "REFUNDED")


def test_a_payment_can_fail_be_left_and_be_taken_up_again(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.choose("other-consultation")
    visitor.schedule(day=weekday_ahead(2))
    visitor.page.locator("#pay").click()
    visitor.page.wait_for_url("**/pay/**")
    visitor.page.get_by_role("button", name="declined").click()
    visitor.page.get_by_role("link", name="Back").click()
    expect(visitor.page.locator("#notice-text")).to_contain_text("Nothing was charged")
    assert "payment=" not in visitor.page.url
    visitor.page.reload()
    visitor.page.locator("#pay").click()
    visitor.page.wait_for_url("**/pay/**")
    visitor.page.locator('button[value="paid"]').click()
    visitor.sees_state("BOOKING_CONFIRMED")


def test_tokens_stay_in_no_address(visitor: Visitor) -> None:
    visitor.sign_in()
    token = visitor.site.deployment.tokens["client"]
    assert visitor.page.url == f"{visitor.site.url}/"
    visitor.open(f"/?signin={token}&sessionTypeId={SESSIONS['member-call']['id']}")
    expect(visitor.widget.locator("h1")).to_have_text("Call for members")
    assert token not in visitor.page.url
    visitor.page.go_back()
    visitor.page.go_forward()
    assert token not in visitor.page.url
    entered = [url for _, url in visitor.asked if token in url and "signin=" not in url]
    assert entered == []


def test_signing_out_forgets_everything(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.locator("#visitor")).to_have_text("Not signed in")
    expect(visitor.page.locator("#group-pathway")).to_be_hidden()
    assert visitor.page.evaluate("Object.keys(sessionStorage)") in ([], ["booking.attempt"])
    assert visitor.site.deployment.tokens["client"] not in visitor.page.evaluate("JSON.stringify(sessionStorage)")


def test_a_sign_in_that_does_not_count_is_told(visitor: Visitor) -> None:
    visitor.open("/#signin=nonsense")
    expect(visitor.page.locator("#notice-text")).to_contain_text("sign-in has ended")
    expect(visitor.page.locator("#list-free li")).to_have_count(4)


def test_a_private_link_opens_an_anonymous_booking_elsewhere(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(permissions=["clipboard-read", "clipboard-write"])
    visitor.open()
    visitor.choose("group-class")
    visitor.schedule()
    visitor.sees_state("BOOKING_CONFIRMED")
    visitor.page.get_by_role("button", name="copy your private link").click()
    expect(visitor.page.locator("#notice-text")).to_contain_text("Copied")
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    elsewhere = new_visitor()
    elsewhere.open(f"/?booking={visitor.booking_id}")
    expect(elsewhere.page.locator("#notice-text")).to_contain_text("Sign in")
    elsewhere.page.goto("about:blank")
    elsewhere.open(link.removeprefix(elsewhere.site.url))
    elsewhere.sees_state("BOOKING_CONFIRMED")
    assert "token" not in elsewhere.page.url
    elsewhere.page.locator("#cancel").click()
    elsewhere.page.locator("#cancel-yes").click()
    elsewhere.sees_state("CANCELLATION_COMPLETED")


def test_back_and_forward_between_choosing_and_scheduling(visitor: Visitor) -> None:
    visitor.open()
    visitor.choose("office-hours")
    visitor.widget.locator("#times button").first.wait_for()
    first = visitor.embedded()["a1"]
    visitor.page.go_back()
    expect(visitor.heading).to_have_text("Book a session")
    visitor.page.go_forward()
    visitor.widget.locator("#times button").first.wait_for()
    assert visitor.embedded()["a1"] == first
    visitor.page.go_back()
    visitor.choose("quick-question")
    expect(visitor.widget.locator("h1")).to_have_text("Quick question")
    assert visitor.embedded()["a1"] != first, "another session is another attempt"


def test_what_could_not_be_saved_is_finished_after_a_reload(visitor: Visitor, site: Site) -> None:
    bodies = visitor.answer_create(unavailable)
    visitor.open()
    visitor.choose("office-hours")
    visitor.schedule()
    expect(visitor.page.locator("#retry")).to_be_focused()
    visitor.page.go_back()
    expect(visitor.page.locator("#banner")).to_contain_text("not saved yet")
    visitor.page.reload()
    visitor.sees_state("BOOKING_CONFIRMED")
    ids = {body["customQuestionResponse"][0]["answer"] for body in bodies}
    assert ids == {visitor.booking_id}
    assert (
        len(site.rows('SELECT 1 FROM "Booking" WHERE "calendlyInviteeUri" = %s', bodies[0]["calendlyInviteeUri"])) == 1
    )


def test_what_asking_again_cannot_help_leads_on(visitor: Visitor) -> None:
    def refused(code: str) -> Callable[[Route], None]:
        error = {"type": "conflict", "code": code, "message": "No."}
        return lambda route: route.fulfill(status=409, json={"error": error})

    visitor.answer_create(refused("already_taken"), refused("booking_id_in_use"))
    visitor.open()
    visitor.choose("office-hours")
    visitor.schedule(day=weekday_ahead(20))
    visitor.page.locator("#retry").click()
    expect(visitor.page.locator("#start-again")).to_be_focused()
    expect(visitor.page.locator("#saving-left")).to_contain_text("e-mail")
    expect(visitor.page.locator("#retry")).to_be_hidden()
    visitor.page.locator("#start-again").click()
    visitor.choose("office-hours")
    visitor.schedule(day=weekday_ahead(21))
    visitor.sees_state("BOOKING_CONFIRMED")


def test_without_its_calendar_the_page_says_so_and_tries_again(visitor: Visitor) -> None:
    visitor.page.route("**/page/widgets", lambda route: route.abort())
    visitor.open()
    visitor.choose("intro-call")
    expect(visitor.page.locator("#no-widget")).to_contain_text("cannot be reached")
    visitor.page.unroute("**/page/widgets")
    visitor.page.locator("#widget-again").click()
    expect(visitor.widget.locator("h1")).to_have_text("Introductory call")


def tab_to(page: Page, target: Locator, most: int = 40) -> None:
    """Presses Tab until `target` has the focus, which must be visible."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element === element.ownerDocument.activeElement"):
            assert target.evaluate("(element) => element.matches(':focus-visible')")
            return
    raise AssertionError(f"{target} was not reached by {most} times Tab")


def test_everything_is_done_by_keyboard(visitor: Visitor) -> None:
    visitor.open()
    page, widget = visitor.page, visitor.widget
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab_to(page, page.locator(f'a[data-session="{SESSIONS["other-call"]["id"]}"]'))
    page.keyboard.press("Enter")
    expect(visitor.heading).to_have_text("Choose a time")
    expect(visitor.heading).to_be_focused()
    first = widget.locator("#times button").first
    first.wait_for()
    tab_to(page, first)
    page.keyboard.press("Enter")
    tab_to(page, widget.locator("#name"))
    page.keyboard.type("Ann Visitor")
    page.keyboard.press("Tab")
    page.keyboard.type("ann@visitors.example.test")
    page.keyboard.press("Enter")
    visitor.sees_state("BOOKING_CONFIRMED")
    tab_to(page, page.locator("#cancel"))
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#cancel")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#cancel-yes"))
    page.keyboard.press("Enter")
    visitor.sees_state("CANCELLATION_COMPLETED")
    assert page.evaluate("!document.querySelector('#cancel-dialog').open")


def test_a_phone_is_enough(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(**PHONE)

    def fits() -> None:
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
        small = visitor.page.evaluate(
            "[...document.querySelectorAll('a, button')].filter((each) => each.checkVisibility())"
            ".filter((each) => !each.closest('.skip') && each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)"
        )
        assert small == [], "what is touched is high enough for a finger"

    visitor.open()
    fits()
    visitor.page.locator(f'a[data-session="{SESSIONS["other-call"]["id"]}"]').tap()
    visitor.widget.locator("#times button").first.tap()
    fits()
    visitor.submit()
    visitor.sees_state("BOOKING_CONFIRMED")
    fits()


def test_signing_in_is_a_click_away_and_says_who_is_there(visitor: Visitor) -> None:
    visitor.open()
    expect(visitor.page.locator("#group-pathway")).to_be_hidden()
    visitor.page.locator("#sign-in").click()
    visitor.page.get_by_role("link", name="Cleo Client").click()
    expect(visitor.page.locator("#visitor")).to_have_text("Signed in as Cleo Client")
    expect(visitor.page.locator("#sign-in")).to_be_hidden()
    expect(visitor.page.locator("#group-pathway")).to_be_visible()


def test_the_time_is_changed_at_calendly_and_the_page_shows_it(visitor: Visitor, site: Site) -> None:
    visitor.open()
    visitor.choose("other-call")
    visitor.schedule(day=weekday_ahead(9))
    visitor.sees_state("BOOKING_CONFIRMED")
    before = visitor.page.locator("#facts").inner_text()
    assert "Otto Builder" in before
    with visitor.context.expect_page() as opened:
        visitor.page.get_by_role("link", name="Change the time").click()
    calendly = opened.value
    calendly.locator("#day").fill(weekday_ahead(14))
    calendly.locator("#times button").last.click()
    calendly.locator("#book").click()
    expect(calendly.locator("#done-title")).to_be_visible()
    calendly.close()
    expect(visitor.page.locator("#facts")).to_have_text(re.compile(".+"))
    visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as a browser does on coming back
    expect(visitor.page.locator("#facts")).not_to_have_text(before, use_inner_text=True)
    moved, state = site.rows(
        'SELECT to_char("startTime", \'FMDD\'), "currentState" FROM "Booking" WHERE id = %s', visitor.booking_id
    )[0]
    assert state == "BOOKING_CONFIRMED"
    expect(visitor.page.locator("#facts")).to_contain_text(re.compile(rf"\b{moved} \w+ 20"))
    visitor.page.locator("#cancel").click()
    visitor.page.locator("#cancel-yes").click()
    visitor.sees_state("CANCELLATION_COMPLETED")
    expect(visitor.page.locator("#move")).to_be_hidden()


def test_a_calendar_that_takes_long_says_so(visitor: Visitor) -> None:
    held: list[Route] = []
    visitor.page.clock.install()
    visitor.page.route("**/embed/**", lambda route: route.continue_() if held else held.append(route))
    visitor.open()
    visitor.choose("intro-call")
    expect(visitor.page.get_by_text("Opening the calendar…")).to_be_visible()
    visitor.page.locator("#widget iframe").wait_for()
    visitor.page.clock.fast_forward(16_000)
    expect(visitor.page.locator("#late-widget")).to_contain_text("takes long")
    visitor.page.get_by_role("button", name="Try again").click()
    visitor.widget.locator("#times button").first.wait_for()
    expect(visitor.page.locator("#late-widget")).to_be_hidden()
    expect(visitor.page.get_by_text("Opening the calendar…")).to_have_count(0)


def test_legacy_is_the_page_before_the_update(new_visitor: NewVisitor) -> None:
    with deployment(parse_target("legacy"), ROOT, 0, 0, "auto", "production") as deployed, deployed.providers:
        visitor = new_visitor(Site(deployed))
        visitor.open()
        expect(visitor.page.locator(".legacy")).to_contain_text("before the update")
        visitor.choose("intro-call")
        expect(visitor.page.locator("#notice-text")).to_contain_text("Sign in")
        expect(visitor.heading).to_have_text("Book a session")
        assert visitor.page.locator("#widget iframe").count() == 0
        assert visitor.calls("/initialize") == 1, "choosing demands what an anonymous visitor has not"
        visitor.sign_in()
        visitor.choose("intro-call")
        visitor.schedule()
        visitor.sees_state("BOOKING_CONFIRMED")


def test_nothing_is_asked_of_anybody_else(visitor: Visitor) -> None:
    visitor.open()
    visitor.choose("other-call")
    visitor.schedule()
    visitor.sees_state("BOOKING_CONFIRMED")
    origins = {"://".join(urlsplit(url)[:2]) for _, url in visitor.asked}
    assert origins == {visitor.site.url, visitor.site.deployment.providers.url}
