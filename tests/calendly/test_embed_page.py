"""The embed's page: what it serves, and in Chromium what it posts to the page around it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import requests

from harness.calendly import Simulator
from harness.calendly.availability import round_the_clock
from harness.calendly.conformance import Conformance
from harness.calendly.server import Served, serve, simulator_of
from tests.support.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUESTIONS: list[Any] = ["Booking ID", {"name": "Topic", "type": "single_select", "answer_choices": ["Career", "Code"]},
             {"name": "Anything else?", "type": "text"}]  # fmt: skip


def _furnish(simulator: Simulator) -> None:
    hours = round_the_clock()
    simulator.add_event_type(name="Intro </script><b>", slug="intro", questions=QUESTIONS, hours=hours,
                             description_plain="A <i>first</i> talk")  # fmt: skip
    simulator.add_event_type(name="Class", slug="class", capacity=2, hours=hours, names="split")


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(prepare=_furnish) as running:
        running.stage.clock.freeze(datetime(2030, 3, 4, 9, tzinfo=UTC))
        yield running


@pytest.fixture
def page(served: Served) -> str:
    return f"{served.url}/embed/olive-owner/intro"


@pytest.fixture
def tomorrow() -> str:
    return "2030-03-05"


def body(start: str, **changes: Any) -> dict[str, Any]:
    return {"start_time": start, "invitee": {"name": "Sam", "email": "sam@example.test", "timezone": "UTC"}, **changes}


def test_the_page_is_html_with_everything_escaped(page: str) -> None:
    answer = requests.get(page, timeout=5)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Intro &lt;/script&gt;&lt;b&gt;</h1>" in answer.text
    assert "A &lt;i&gt;first&lt;/i&gt; talk" in answer.text
    assert answer.text.count("</script>") == 2
    assert "http://" not in answer.text.replace("http://127.0.0.1", "")


@pytest.mark.parametrize("path", ["nobody/intro", "olive-owner/none", "cancellations/none", "nobody", "d/none/x"])
def test_an_unknown_page_is_404(served: Served, path: str) -> None:
    assert requests.get(f"{served.url}/embed/{path}", timeout=5).status_code == 404


def test_the_page_offers_times_and_books(served: Served, page: str, tomorrow: str) -> None:
    times = requests.get(f"{page}/times", params={"date": tomorrow, "timezone": "UTC"}, timeout=5).json()["times"]
    assert times[0] == {"start_time": f"{tomorrow}T00:00:00Z", "invitees_remaining": 1}
    start = times[20]["start_time"]
    asked = body(start, answers={"Booking ID": "b-1"}, utm={"utm_content": "b-1"}, guests=["g@example.test"])
    booked = requests.post(f"{page}/book", json=asked, timeout=5)
    assert booked.status_code == 201
    message = booked.json()["message"]
    invitee = simulator_of(served).invitee(message["payload"]["invitee"]["uri"])
    assert invitee["tracking"]["utm_content"] == "b-1"
    again = requests.post(f"{page}/book", json=asked, timeout=5)
    assert (again.status_code, again.json()["message"][:26]) == (409, "Calendly does not offer 20")


@pytest.mark.parametrize(
    ("act", "asked", "status"),
    [
        ("book", {"start_time": "soon"}, 409),
        ("book", body("2020-01-01T00:00:00Z"), 409),
        ("cancel", {}, 404),
        ("explode", {}, 404),
    ],
)
def test_a_mistake_is_told_to_the_person(page: str, act: str, asked: Any, status: int) -> None:
    refused = requests.post(f"{page}/{act}", json=asked, timeout=5)
    assert refused.status_code == status
    assert refused.json()["message"]


def test_only_json_is_taken(page: str) -> None:
    assert requests.post(f"{page}/book", data={"start_time": "x"}, timeout=5).status_code == 405
    assert requests.get(f"{page}/times", params={"date": "x"}, timeout=5).status_code == 409


def test_a_booking_is_canceled_and_moved_at_its_own_pages(served: Served, page: str, tomorrow: str) -> None:
    simulator = simulator_of(served)
    made = requests.post(f"{page}/book", json=body(f"{tomorrow}T12:00:00Z"), timeout=5).json()["message"]
    invitee = simulator.invitee(made["payload"]["invitee"]["uri"])
    assert requests.get(invitee["reschedule_url"], timeout=5).status_code == 200
    moved = requests.post(f"{invitee['reschedule_url']}/book", json=body(f"{tomorrow}T13:00:00Z"), timeout=5)
    assert moved.json()["message"] is None  # the real embed is silent here too
    new = simulator.invitee(simulator.invitee(invitee["uri"])["new_invitee"])
    assert requests.get(new["cancel_url"], timeout=5).status_code == 200
    ended = requests.post(f"{new['cancel_url']}/cancel", json={"reason": "ill"}, timeout=5)
    assert ended.status_code == 201
    assert simulator.invitee(new["uri"])["cancellation"]["reason"] == "ill"


def test_a_profile_lists_what_is_not_secret(served: Served) -> None:
    simulator = simulator_of(served)
    simulator.add_event_type(name="Hidden", secret=True)
    profile = requests.get(f"{served.url}/embed/olive-owner", timeout=5).text
    assert '<a href="/embed/olive-owner/intro">Intro &lt;/script&gt;&lt;b&gt;</a>' in profile
    assert "Hidden" not in profile
    assert "calendly.profile_page_viewed" in profile


def test_a_single_use_link_works_once(served: Served, tomorrow: str) -> None:
    simulator = simulator_of(served)
    request = {"max_event_count": 1, "owner": simulator.event_type_uris()[0], "owner_type": "EventType"}
    made = requests.post(
        f"{served.url}/scheduling_links", json=request, headers={"Authorization": "Bearer t"}, timeout=5
    )
    link = made.json()["resource"]["booking_url"]
    assert requests.get(link, timeout=5).status_code == 200
    assert requests.post(f"{link}/book", json=body(f"{tomorrow}T12:00:00Z"), timeout=5).status_code == 201
    assert requests.get(link, timeout=5).status_code == 404


PARENT = """<!doctype html><title>Parent</title><h1>Parent</h1><iframe title="Book" width="600" height="900"></iframe>
<script>window.got = []; addEventListener("message", (e) => got.push({origin: e.origin, data: e.data}));</script>"""


@pytest.fixture
def parent() -> Iterator[str]:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PARENT.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.browser
def test_in_chromium_the_embed_posts_the_real_messages_and_books_what_was_prefilled(
    served: Served, page: str, parent: str, browser: Browser, schemas: Any
) -> None:
    prefill = {"embed_domain": "1", "embed_type": "Inline", "name": "Sam Visitor", "email": "sam@example.test",
               "a1": "b-1", "a2": "Code", "utm_content": "b-1", "utm_source": "page", "gclid": "dropped"}  # fmt: skip
    tab = browser.new_page(locale="en-GB", timezone_id="Europe/London")
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(parent)
    tab.evaluate("url => document.querySelector('iframe').src = url", f"{page}?{urlencode(prefill)}")
    frame = tab.frame_locator("iframe")
    frame.locator("#times button").nth(3).click()
    assert frame.get_by_label("Name *").input_value() == "Sam Visitor"
    assert frame.get_by_label("Booking ID").input_value() == "b-1"
    assert frame.get_by_label("Code").is_checked()
    frame.get_by_role("button", name="Schedule Event").click()
    frame.get_by_text("You are scheduled").wait_for()
    tab.wait_for_function("got.some((m) => m.data.event === 'calendly.event_scheduled')")
    got = tab.evaluate("got")
    assert {message["origin"] for message in got} == {served.url}
    names = [message["data"]["event"] for message in got if message["data"]["event"] != "calendly.page_height"]
    assert names == ["calendly.event_type_viewed", "calendly.date_and_time_selected", "calendly.event_scheduled"]
    conformance = Conformance(schemas)
    assert [wrong for message in got for wrong in conformance.of_message(message["data"])] == []
    scheduled = next(m["data"] for m in got if m["data"]["event"] == "calendly.event_scheduled")
    invitee = simulator_of(served).invitee(scheduled["payload"]["invitee"]["uri"])
    assert (invitee["name"], invitee["timezone"]) == ("Sam Visitor", "Europe/London")
    answers = {row["question"]: row["answer"] for row in invitee["questions_and_answers"]}
    assert answers == {"Booking ID": "b-1", "Topic": "Code"}
    assert (invitee["tracking"]["utm_content"], invitee["tracking"]["utm_source"]) == ("b-1", "page")
    assert errors == []
    assert json.dumps(got).count("sam@example.test") == 0


@pytest.mark.browser
def test_in_chromium_a_person_books_by_keyboard_on_a_phone_and_nothing_is_posted_without_embed_domain(
    served: Served, browser: Browser
) -> None:
    tab = browser.new_page(viewport={"width": 360, "height": 640}, locale="en-GB", timezone_id="UTC")
    tab.goto(f"{served.url}/embed/olive-owner/class")
    tab.evaluate("window.got = []; addEventListener('message', (e) => got.push(e.data))")
    tab.locator("#times button").first.wait_for()
    assert "(2 left)" in tab.locator("#times button").first.inner_text()
    tab.locator("#times button").first.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "details-title"
    for text in ("Ann", "Other", "ann@example.test"):
        tab.keyboard.press("Tab")
        tab.keyboard.type(text)
    tab.keyboard.press("Enter")
    tab.get_by_text("You are scheduled").wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate("got") == []
    simulator = simulator_of(served)
    listed = requests.get(f"{served.url}/scheduled_events", params={"user": simulator.owner_uri},
                          headers={"Authorization": "Bearer t"}, timeout=5).json()["collection"]  # fmt: skip
    assert listed[0]["invitees_counter"] == {"total": 1, "active": 1, "limit": 2}
