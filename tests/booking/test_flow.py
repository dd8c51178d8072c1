"""The client side: what the page decides, in which order, with which ids (F01 to F09, R10 to R15)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.booking import legacy
from harness.booking.flow import Answer, Flow, NotAllowed
from harness.postgres import Server

from .conftest import SESSIONS, SLOT, Bench, populate

ORIGIN = "https://calendly.com"


class Page:
    """A flow over the bench, with what it sent."""

    def __init__(self, bench: Bench, by: str | None, app: Any = None, **options: Any) -> None:
        self.bench, self.by, self.app = bench, by, app
        self.sent: list[str] = []
        self.flow = Flow(self._send, signed_in=by is not None, new_id=bench.ids, **options)

    def _send(self, method: str, path: str, payload: Any) -> Answer:
        self.sent.append(f"{method} {path.partition('?')[0].removeprefix('/api/')}")
        answer = self.bench.call(method, path.removeprefix("/api/"), payload, by=self.by, app=self.app)
        return Answer(answer.status, answer.body, dict(answer.headers))

    def schedule(self, session: str, start: Any = SLOT) -> Any:
        embed = self.flow.embed()
        return self.bench.schedule(session, start, answers=embed["answers"], utm=embed["utm"])


def test_anonymous_order_choose_schedule_create(bench: Bench) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    assert page.sent == []

    event = page.schedule("intro-call")
    assert page.sent == []
    page.flow.on_message(ORIGIN, event.message)
    answer = page.flow.create()

    assert answer.status == 200
    assert page.sent == ["POST scheduling/bookings/create"]
    assert page.flow.state == "BOOKING_CONFIRMED"
    assert bench.booking(page.flow.booking_id or "")["calendlyInviteeUri"] == event.invitee_uri


def test_authenticated_order_choose_initialize_schedule_create_pay(bench: Bench) -> None:
    page = Page(bench, "client")
    page.flow.select_session(SESSIONS["pathway-30"], pathway="pivot")
    page.flow.initialize()
    page.flow.on_message(ORIGIN, page.schedule("pathway-30").message)
    page.flow.create()
    page.flow.pay()

    assert [sent.split("/")[-1] for sent in page.sent] == ["initialize", "create", "create"]
    assert page.flow.state == "PAYMENT_PENDING"
    assert bench.stripe.session(page.flow.checkout_id or "")["amount_total"] == 5000


def test_one_id_per_attempt_the_same_everywhere(bench: Bench) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    first = page.flow.booking_id
    page.flow.select_session(SESSIONS["intro-call"])
    embed = page.flow.embed()

    assert page.flow.booking_id == first
    assert embed["answers"] == {"Booking ID": first}
    assert embed["utm"] == {"utm_content": first}
    page.flow.select_session(SESSIONS["office-hours"])
    assert page.flow.booking_id != first


@pytest.mark.parametrize("session", ["pathway-30", "member-call", "group-build", "retired-call"])
@pytest.mark.parametrize("by_url", [False, True])
def test_an_anonymous_visitor_is_offered_free_and_open_sessions_only(bench: Bench, session: str, by_url: bool) -> None:
    page = Page(bench, None)

    with pytest.raises(NotAllowed) as refused:
        page.flow.select_session(SESSIONS[session], pathway="play", by_url=by_url)

    assert refused.value.code == "session_not_offered"
    assert page.sent == []


def test_the_page_shows_what_the_visitor_may_book(bench: Bench) -> None:
    anonymous, client = Page(bench, None), Page(bench, "client")
    builder = SESSIONS["intro-call"]["builderId"]
    anonymous.flow.sessions(builder)
    client.flow.sessions(builder)

    assert [session["title"] for session in anonymous.flow.shown_sessions] == [
        "Introductory call",
        "Office hours",
        "Quick question",
    ]
    assert len(client.flow.shown_sessions) == 8
    anonymous.flow.select_session(SESSIONS["intro-call"]["id"], by_url=True)
    with pytest.raises(NotAllowed):
        anonymous.flow.select_session(SESSIONS["pathway-30"]["id"], by_url=True)


def test_a_pathway_is_asked_for_before_scheduling(bench: Bench) -> None:
    page = Page(bench, "client")

    with pytest.raises(NotAllowed) as refused:
        page.flow.select_session(SESSIONS["pathway-60"])

    assert refused.value.code == "pathway_required"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://calendly.com.evil.example", "http://calendly.com", "null", ""]
)
def test_a_message_from_elsewhere_is_not_believed(bench: Bench, origin: str) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    event = page.schedule("intro-call")

    with pytest.raises(NotAllowed) as refused:
        page.flow.on_message(origin, event.message)

    assert refused.value.code == "wrong_origin"
    with pytest.raises(NotAllowed):
        page.flow.create()
    assert page.sent == []


def test_other_messages_of_the_widget_mean_nothing(bench: Bench) -> None:
    page = Page(bench, None)

    assert page.flow.on_message(ORIGIN, {"event": "calendly.date_and_time_selected", "payload": {}}) is False
    with pytest.raises(NotAllowed):
        page.flow.on_message(ORIGIN, {"event": "calendly.event_scheduled", "payload": {}})


def test_after_a_failed_create_the_same_id_is_sent_again(bench: Bench) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    page.flow.on_message(ORIGIN, page.schedule("intro-call").message)
    bench.calendly.add_fault("GET /scheduled_events/*", "timeout", times=1)
    first, chosen = page.flow.create(), page.flow.booking_id

    second = page.flow.create()

    assert (first.status, second.status, page.flow.booking_id) == (504, 200, chosen)
    assert len(bench.rows("Booking")) == 1


def test_payment_waits_for_the_server_and_for_a_price(bench: Bench) -> None:
    page = Page(bench, "client")
    page.flow.select_session(SESSIONS["pathway-30"], pathway="play")
    with pytest.raises(NotAllowed) as too_early:
        page.flow.pay()
    page.flow.select_session(SESSIONS["intro-call"])
    with pytest.raises(NotAllowed) as free:
        page.flow.pay()

    assert (too_early.value.code, free.value.code) == ("not_scheduled", "nothing_to_pay")


def test_coming_back_goes_on_where_the_booking_stands(bench: Bench) -> None:
    page = Page(bench, "client")
    page.flow.select_session(SESSIONS["intro-call"])
    page.flow.initialize()
    event = page.schedule("intro-call")
    bench.deliver()

    answer = page.flow.resume()

    assert (answer.status, page.flow.state) == (200, "BOOKING_CONFIRMED")
    assert page.flow.invitee_uri == event.invitee_uri
    assert page.flow.confirm().body["state"] == page.flow.state


def test_an_anonymous_visitor_sees_and_cancels_the_own_booking(bench: Bench) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    page.flow.on_message(ORIGIN, page.schedule("intro-call").message)
    page.flow.create()

    assert page.flow.confirm().body["state"] == "BOOKING_CONFIRMED"
    assert page.flow.cancel("ill").status == 200
    assert page.flow.state == "CANCELLATION_COMPLETED"


def test_what_the_page_shows_is_what_the_server_says(bench: Bench) -> None:
    page = Page(bench, None)
    page.flow.select_session(SESSIONS["intro-call"])
    page.flow.on_message(ORIGIN, page.schedule("intro-call").message)
    bench.calendly.add_fault("GET /scheduled_events/*", "500", times=1)
    page.flow.create()

    assert page.flow.state is None


# ---- before the update (R20)


@pytest.fixture
def before_the_update(server: Server, bench: Bench) -> Any:
    database = server.template(
        "before-the-update", lambda connection: populate(connection, "before", "reference")
    ).clone()
    from dataclasses import replace

    app = legacy.create_app(replace(bench.settings, database_url=database.sqlalchemy_url), bench.parts)
    yield app
    app.dispose()
    database.drop()


def test_before_the_update_an_anonymous_visitor_is_turned_away(bench: Bench, before_the_update: Any) -> None:
    page = Page(bench, None, before_the_update, profile="legacy")

    began = page.flow.select_session(SESSIONS["intro-call"])
    page.flow.on_message(ORIGIN, page.schedule("intro-call").message)
    created = page.flow.create()

    assert began is not None
    assert (began.status, created.status) == (401, 401)
    assert page.sent == ["POST scheduling/bookings/initialize", "POST scheduling/bookings/create"]


def test_before_the_update_a_client_books_as_ever(bench: Bench, before_the_update: Any) -> None:
    page = Page(bench, "client", before_the_update, profile="legacy")
    page.flow.select_session(SESSIONS["intro-call"])
    page.flow.initialize()
    page.flow.on_message(ORIGIN, page.schedule("intro-call").message)

    assert page.flow.create().body["state"] == "BOOKING_CONFIRMED"


def test_the_reference_on_the_old_schema_stores_nobody_and_says_nothing_of_the_database(
    bench: Bench, server: Server
) -> None:
    database = server.template(
        "before-the-update", lambda connection: populate(connection, "before", "reference")
    ).clone()
    app = bench.build(database_url=database.sqlalchemy_url)

    answer = bench.call(
        "POST",
        "scheduling/bookings/initialize",
        {"builderId": SESSIONS["intro-call"]["builderId"], "sessionTypeId": SESSIONS["intro-call"]["id"]},
        app=app,
    )
    app.dispose()
    database.drop()

    assert (answer.status, answer.code) == (500, "internal_error")
    assert "clientId" not in answer.text
