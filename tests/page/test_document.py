"""The document by itself: what it allows a browser, where tokens go, what it says without a database or Calendly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.booking import Parts, Settings, create_app
from harness.booking.calendly_client import CalendlyClient, CalendlyRefused
from harness.booking.page.policy import headers, origin_of
from harness.booking.page.widgets import Widgets
from harness.booking.refusals import provider_failed

SETTINGS = Settings(
    database_url="postgresql://nobody@127.0.0.1:1/none?connect_timeout=1",
    token_key="k" * 32,
    calendly_token="t",
    calendly_webhook_keys=("k",),
    stripe_key="sk",
    stripe_webhook_keys=("k",),
    sign_in_url="https://accounts.example.test/?a=1&b=2",
)
OFFERED = {"sessionTypes": {"free": [{"id": name, "calendlyEventTypeUri": f"https://api.calendly.com/event_types/{name}"}
                                     for name in ("one", "two")] + [{"id": "none", "calendlyEventTypeUri": None}]}}  # fmt: skip


@pytest.fixture
def client() -> Any:
    app = create_app(SETTINGS)
    yield app.test_client()
    app.dispose()


def test_a_browser_may_do_little(client: Any) -> None:
    answer = client.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-src"] == "https://calendly.com"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_only_the_widgets_origin_is_named() -> None:
    assert origin_of("http://127.0.0.1:8081/embed/x?y") == "http://127.0.0.1:8081"
    assert "frame-src http://127.0.0.1:8081;" in headers("http://127.0.0.1:8081")["Content-Security-Policy"]


def test_without_a_database_the_page_opens(client: Any) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "data-session=" not in answer.text
    assert 'href="https://accounts.example.test/?a=1&amp;b=2"' in answer.text


def test_a_token_in_the_query_goes_on_in_the_fragment(client: Any) -> None:
    answer = client.get("/", query_string={"signin": "a.b-c&x=/#", "sessionTypeId": "s 1"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/?sessionTypeId=s+1#signin=a.b-c%26x%3D%2F%23"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_files_are_served_and_nothing_beside_them(client: Any) -> None:
    with client.get("/page/flow.js") as answer:
        assert answer.mimetype == "text/javascript"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/page/../blueprint.py", "/page/%2e%2e/blueprint.py", "/page/none.js", "/page/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/none", "/page//flow.js", "/booking/1", "/%ff"])
def test_a_wrong_address_is_told_with_a_way_back(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "nothing at this address" in answer.text
    assert 'href="/"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


class Calendly(CalendlyClient):
    """Answers what a test says; counts."""

    def __init__(self, settings: Settings, answer: Callable[[str], dict[str, Any]]) -> None:
        super().__init__(settings)
        self.asked: list[str] = []
        self._answer = answer

    def event_type(self, event_type_id: str) -> dict[str, Any]:
        self.asked.append(event_type_id)
        return self._answer(event_type_id)


def widgets(answer: Callable[[str], dict[str, Any]]) -> tuple[Widgets, Calendly]:
    made: list[Calendly] = []

    def client(settings: Settings) -> Calendly:
        made.append(Calendly(settings, answer))
        return made[0]

    return Widgets(create_app(SETTINGS, Parts(calendly=client)).context), made[0]


def test_the_widgets_address_is_asked_for_once() -> None:
    of, calendly = widgets(lambda name: {"scheduling_url": f"https://calendly.com/bea/{name}"})
    wanted = {"one": "https://calendly.com/bea/one", "two": "https://calendly.com/bea/two"}
    assert of.of(OFFERED) == of.of(OFFERED) == wanted
    assert calendly.asked == ["one", "two"]


@pytest.mark.parametrize(
    "address", ["https://calendly.com.evil.test/bea", "javascript:alert(1)", "http://calendly.com/x", None, 7]
)
def test_an_address_elsewhere_is_no_widget(address: object) -> None:
    of, _ = widgets(lambda _: {"scheduling_url": address})
    assert of.of(OFFERED) == {}


def test_what_calendly_refuses_is_left_out() -> None:
    def answer(name: str) -> dict[str, Any]:
        if name == "one":
            raise CalendlyRefused(404, "gone")
        return {"scheduling_url": "https://calendly.com/bea/two"}

    assert list(widgets(answer)[0].of(OFFERED)) == ["two"]


def test_a_calendly_that_is_away_is_asked_once_only() -> None:
    def answer(name: str) -> dict[str, Any]:
        raise provider_failed(504, "calendly", "timeout")

    of, calendly = widgets(answer)
    assert of.of(OFFERED) == {}
    assert calendly.asked == ["one"]
