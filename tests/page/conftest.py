"""One deployment and one browser for each file of tests; a context of its own for each visitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from harness.scenario.targets import parse_target
from harness.session.serving import deployment
from tests.page.places import ROOT
from tests.support.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.page.visitor import Site, Visitor

    NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    from tests.page.visitor import Site

    with deployment(parse_target("reference"), ROOT, 0, 0, "auto", "production") as deployed, deployed.providers:
        yield Site(deployed)


@pytest.fixture
def new_visitor(browser: Browser, site: Site) -> Iterator[NewVisitor]:
    """A visitor in a fresh context; what their scripts did wrong fails the test at its end."""
    from tests.page.visitor import Visitor

    arrived: list[Visitor] = []

    def arrive(to: Site | None = None, **options: Any) -> Visitor:
        settings = {"timezone_id": "America/New_York", "locale": "en-GB", **options}
        context = browser.new_context(**settings)
        context.set_default_timeout(15_000)
        visitor = Visitor.arrives(to or site, context)
        arrived.append(visitor)
        return visitor

    yield arrive
    for visitor in arrived:
        visitor.context.close()
    assert [visitor.errors for visitor in arrived if visitor.errors] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    return new_visitor()
