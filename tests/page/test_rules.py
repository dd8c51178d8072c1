"""F01 to F09 hold, and each check notices a page that breaks its rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.page.checks import CHECKS
from tests.page.places import STATIC
from tests.page.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("page rules")]

FAULTS = {
    "F01": ("flow.js", "return this.signedIn ||", "return true ||", "an anonymous visitor sees"),
    "F02": ("flow.js", "if (!found) throw", 'if (!found) return { id: session, title: "?" }; if (!found) throw', "Locator"),
    "F03": ("flow.js", "a1: this.bookingId", "a1: this.newId()", "one booking id everywhere"),
    "F03 tabs": ("page.js", "if (isAnothers) flow.part()", "if (false) flow.part()", "an attempt of its own"),
    "F04": ("flow.js", "if (origin !== this.calendlyOrigin)", "if (!origin)", "another origin is not believed"),
    "F05": ("flow.js", "question: QUESTION, answer: this.bookingId", "question: QUESTION, answer: this.newId()", "Locator|same id"),
    "F06": ("flow.js", 'session.eventTypeCategory === "pathway"', "false", "Choose a pathway"),
    "F07": ("flow.js", "&& PAYABLE.has(this.state)", "&& true", "cancelled booking"),
    "F08": ("memory.js", 'read("booking.attempt", {})', "({})", "after a reload"),
    "F08 told": ("flow.js", "return BEGUN.has(this.state)", "return true", "Locator"),
    "F09": ("view.js", "words.STATES[body.state]", "words.STATES.BOOKING_CONFIRMED", "is cancelled"),
}  # fmt: skip


@pytest.fixture
def patience() -> Iterator[Callable[[int], None]]:
    """How long is waited for what should be seen; set for one test."""
    yield lambda milliseconds: expect.set_options(timeout=milliseconds)
    expect.set_options(timeout=5_000)


@pytest.mark.parametrize("rule", sorted(CHECKS))
def test_the_rule_holds(rule: str, new_visitor: Callable[..., Visitor], patience: Callable[[int], None]) -> None:
    patience(15_000)
    CHECKS[rule](new_visitor(bypass_csp=rule == "F04"))


@pytest.mark.parametrize("rule", sorted(FAULTS))
def test_a_page_that_breaks_the_rule_is_noticed(
    rule: str, new_visitor: Callable[..., Visitor], patience: Callable[[int], None]
) -> None:
    file, right, wrong, noticed = FAULTS[rule]
    text = (STATIC / file).read_text()
    assert text.count(right) == 1, "the fault has lost its place"
    visitor = new_visitor(bypass_csp=rule == "F04")

    def serve(route: Route) -> None:
        route.fulfill(body=text.replace(right, wrong), content_type="text/javascript")

    visitor.context.route(f"**/page/{file}", serve)
    patience(2_500)
    with pytest.raises(AssertionError, match=noticed):
        CHECKS[rule](visitor)
