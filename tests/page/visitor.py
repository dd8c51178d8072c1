"""A person at the page, in a browser of their own; and the site that they visit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from playwright.sync_api import BrowserContext, FrameLocator, Page, Route, expect

from harness.calendly.server import simulator_of
from harness.session.serving import Deployment
from tests.page.places import ROOT

__all__ = ["SESSIONS", "Site", "Visitor", "weekday_ahead"]

SESSIONS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "fixtures/catalogues/production.yaml").read_text())[
    "SessionType"
]
CREATE = "**/api/scheduling/bookings/create"


def weekday_ahead(days: int) -> str:
    """The first day, `days` from now or later, on which builders work."""
    day = datetime.now(UTC) + timedelta(days=days)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return f"{day:%Y-%m-%d}"


@dataclass(frozen=True)
class Site:
    """What is served, seen from behind."""

    deployment: Deployment

    @property
    def url(self) -> str:
        return self.deployment.url

    def rows(self, sql: str, *params: object) -> list[Any]:
        with self.deployment.database.connect() as connection:
            return connection.execute(sql, params).fetchall()

    def booking(self, booking_id: str) -> Any:
        """(state, status, payment, client, pathway) of the row; None without one."""
        found = self.rows(
            'SELECT "currentState", status::text, "paymentStatus"::text, "clientId", pathway FROM "Booking" WHERE id = %s',
            booking_id,
        )
        return found[0] if found else None

    def invitee(self, uri: str) -> dict[str, Any]:
        return simulator_of(self.deployment.providers).invitee(uri)


@dataclass
class Visitor:
    """One visitor; `asked` is everything the browser requested, `errors` what went wrong in the page's scripts."""

    site: Site
    context: BrowserContext
    page: Page
    asked: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def arrives(cls, site: Site, context: BrowserContext) -> Visitor:
        visitor = cls(site, context, context.new_page())
        context.on("request", lambda request: visitor.asked.append((request.method, request.url)))
        context.on("weberror", lambda error: visitor.errors.append(str(error.error)))
        return visitor

    # ---- what a person does

    def open(self, path: str = "/") -> None:
        self.page.goto(self.site.url + path)
        self.page.locator("html:not(.waiting)").wait_for()

    def sign_in(self, key: str = "client", path: str = "/") -> None:
        self.open(f"{path}#signin={self.site.deployment.tokens[key]}")
        expect(self.page.locator("#visitor")).to_have_text("Signed in as Cleo Client")

    def choose(self, key: str) -> None:
        self.page.locator(f'a[data-session="{SESSIONS[key]["id"]}"]').click()

    def pick_time(self, *, day: str | None = None) -> None:
        if day:
            self.widget.locator("#day").fill(day)
        self.widget.locator("#times button").first.click()

    def submit(self) -> None:
        for name, value in (("#name", "Ann Visitor"), ("#email", "ann@visitors.example.test")):
            if not self.widget.locator(name).input_value():
                self.widget.locator(name).fill(value)
        self.widget.locator("#book").click()

    def schedule(self, *, day: str | None = None) -> None:
        self.pick_time(day=day)
        self.submit()

    # ---- what a person sees

    @property
    def widget(self) -> FrameLocator:
        return self.page.frame_locator("#widget iframe")

    @property
    def heading(self) -> Any:
        return self.page.locator("[data-view]:not([hidden]) h1")

    def sees_state(self, state: str) -> None:
        expect(self.page.locator("#booking-card")).to_have_attribute("data-state", state)

    def titles(self) -> list[str]:
        return self.page.locator(".card:visible .title").all_inner_texts()

    # ---- what can be known about it

    @property
    def booking_id(self) -> str:
        return parse_qs(urlsplit(self.page.url).query)["booking"][0]

    def embedded(self) -> dict[str, str]:
        """The query that the widget was opened with."""
        address = self.page.locator("#widget iframe").get_attribute("src") or ""
        return {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}

    def calls(self, ending: str) -> int:
        return sum(urlsplit(url).path.endswith(ending) for _, url in self.asked)

    def answer_create(self, *answers: Callable[[Route], None]) -> list[dict[str, Any]]:
        """The first calls of create are answered by these, later ones by the server. The bodies as they come."""
        bodies: list[dict[str, Any]] = []
        left = list(answers)

        def handle(route: Route) -> None:
            bodies.append(json.loads(route.request.post_data or "{}"))
            (left.pop(0) if left else Route.continue_)(route)

        self.page.route(CREATE, handle)
        return bodies
