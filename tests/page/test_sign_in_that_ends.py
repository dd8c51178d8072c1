"""A sign-in that runs out in the middle: its owner goes on where they were, nobody else sees it (F05, F08)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.visitor import SESSIONS, Visitor, weekday_ahead

if TYPE_CHECKING:
    from tests.page.conftest import NewVisitor

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("page sign-in")]


def to_the_calendar(visitor: Visitor) -> str:
    """Up to Calendly's times; the booking's id."""
    visitor.sign_in()
    visitor.choose("pathway-30")
    visitor.page.get_by_label("Pivot").check()
    visitor.page.get_by_role("button", name="Choose a time").click()
    visitor.widget.locator("#times button").first.wait_for()
    return visitor.embedded()["a1"]


def the_sign_in_ends(visitor: Visitor) -> None:
    visitor.page.evaluate("sessionStorage['booking.signin'] = sessionStorage['booking.signin'].slice(0, -3) + 'xxx'")


def sees_that_it_ended(visitor: Visitor) -> None:
    expect(visitor.page.locator("#visitor")).to_have_text("Not signed in")
    expect(visitor.heading).to_have_text("Book a session")
    expect(visitor.page.locator("#banner")).to_be_hidden()
    assert visitor.page.url == f"{visitor.site.url}/"
    visitor.page.goto("about:blank")


def test_what_calendly_has_is_saved_after_signing_in_again(visitor: Visitor) -> None:
    """It was forgotten: the time was taken at Calendly, and no way led to the payment."""
    booking_id = to_the_calendar(visitor)
    the_sign_in_ends(visitor)
    visitor.schedule(day=weekday_ahead(4))
    sees_that_it_ended(visitor)
    visitor.sign_in()
    visitor.sees_state("CALENDLY_EVENT_SCHEDULED")
    assert visitor.booking_id == booking_id
    expect(visitor.page.locator("#pay")).to_be_visible()


def test_paying_goes_on_after_signing_in_again(visitor: Visitor) -> None:
    to_the_calendar(visitor)
    visitor.schedule(day=weekday_ahead(5))
    visitor.sees_state("CALENDLY_EVENT_SCHEDULED")
    the_sign_in_ends(visitor)
    visitor.page.locator("#pay").click()
    sees_that_it_ended(visitor)
    visitor.sign_in()
    visitor.page.locator("#pay").click()
    visitor.page.locator('button[value="paid"]').click()
    visitor.sees_state("BOOKING_CONFIRMED")


def test_nobody_else_goes_on_with_it(new_visitor: NewVisitor) -> None:
    visitor = new_visitor()
    booking_id = to_the_calendar(visitor)
    the_sign_in_ends(visitor)
    visitor.schedule(day=weekday_ahead(6))
    sees_that_it_ended(visitor)
    visitor.open(f"/#signin={visitor.site.deployment.tokens['other-client']}")
    expect(visitor.page.locator("#visitor")).to_have_text("Signed in as Oscar Client")
    expect(visitor.heading).to_have_text("Book a session")
    expect(visitor.page.locator("#banner")).to_be_hidden()
    assert booking_id not in visitor.page.evaluate("JSON.stringify(sessionStorage)")


def test_who_goes_on_without_signing_in_begins_anew(visitor: Visitor) -> None:
    booking_id = to_the_calendar(visitor)
    the_sign_in_ends(visitor)
    visitor.page.reload()
    expect(visitor.page.locator("#visitor")).to_have_text("Not signed in")
    visitor.open()
    visitor.choose("office-hours")
    visitor.widget.locator("#times button").first.wait_for()
    assert visitor.embedded()["a1"] != booking_id
    visitor.schedule(day=weekday_ahead(9))
    visitor.sees_state("BOOKING_CONFIRMED")
    visitor.page.goto("about:blank")
    visitor.sign_in()
    expect(visitor.heading).to_have_text("Book a session")


def test_the_calendar_is_no_fault_when_the_sign_in_ends_before_it(visitor: Visitor) -> None:
    visitor.sign_in()
    the_sign_in_ends(visitor)
    visitor.page.route("**/page/widgets", lambda route: route.abort())
    visitor.choose("member-call")
    expect(visitor.page.locator("#visitor")).to_have_text("Not signed in")
    expect(visitor.page.locator(f'a[data-session="{SESSIONS["member-call"]["id"]}"]')).to_have_count(0)
