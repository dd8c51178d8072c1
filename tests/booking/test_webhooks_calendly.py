"""Calendly's deliveries: verified, taken once, kept until their booking comes, applied whole (W01 to W11)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harness.booking.calendly_effects import CalendlyEffects

from .conftest import CALENDLY_KEYS, SLOT, Answer, Bench, signature

ID = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"


def post(
    bench: Bench, payload: Any, *, key: str = CALENDLY_KEYS[0], at: int | None = None, header: str | None = None
) -> Answer:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    moment = int(bench.clock().timestamp()) if at is None else at
    digest = signature(key, moment, raw)
    headers = {"Calendly-Webhook-Signature": f"t={moment},v1={digest}" if header is None else header}
    return bench.call("POST", "webhooks/calendly", data=raw, headers=headers)


def created(bench: Bench, session: str = "intro-call", booking_id: str | None = ID, **options: Any) -> dict[str, Any]:
    """The envelope of a person booking at Calendly."""
    bench.schedule(session, booking_id=booking_id, **options)
    delivery = bench.calendly.outbox[-1]
    bench.calendly.lose()
    return dict(json.loads(delivery.body))


@pytest.mark.parametrize("key", CALENDLY_KEYS)
def test_both_keys_are_accepted_during_rotation(bench: Bench, key: str) -> None:
    assert post(bench, created(bench), key=key).status == 200


@pytest.mark.parametrize("age", [181, 3600, -181])
def test_old_and_future_signatures_are_refused_and_nothing_is_stored(bench: Bench, age: int) -> None:
    answer = post(bench, created(bench), at=int(bench.clock().timestamp()) - age)

    assert (answer.status, answer.code) == (401, "stale_signature")
    assert bench.rows("WebhookDelivery") == []


@pytest.mark.parametrize("age", [180, 0, -180])
def test_signatures_of_the_last_three_minutes_count(bench: Bench, age: int) -> None:
    assert post(bench, created(bench), at=int(bench.clock().timestamp()) - age).status == 200


@pytest.mark.parametrize("header", ["", "t=1,v1=", "v1=abc", "t=12345,v1=" + "0" * 64, "t=x,v1=" + "0" * 64])
def test_missing_and_wrong_signatures_are_refused(bench: Bench, header: str) -> None:
    assert post(bench, created(bench), header=header).status == 401
    assert bench.rows("WebhookDelivery") == []


def test_another_key_is_refused(bench: Bench) -> None:
    assert post(bench, created(bench), key="somebody else's").code == "wrong_signature"


def test_the_signature_is_over_the_raw_body(bench: Bench) -> None:
    envelope = created(bench)
    raw = json.dumps(envelope).encode()
    moment = int(bench.clock().timestamp())
    digest = signature(CALENDLY_KEYS[0], moment, raw)

    answer = post(bench, json.dumps(envelope, indent=1).encode(), header=f"t={moment},v1={digest}")

    assert answer.code == "wrong_signature"


def test_created_schedules_and_confirms_a_free_booking_that_was_begun(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")

    answer = post(bench, created(bench))

    assert answer.body == {"success": True, "outcome": "applied"}
    row = bench.booking(ID)
    assert (row["currentState"], row["status"], row["paymentStatus"]) == ("BOOKING_CONFIRMED", "CONFIRMED", "PAID")
    assert row["calendlyInviteeUri"].endswith(row["calendlyInviteeUri"].rpartition("/")[2])
    assert row["calendlyEventId"] == row["calendlyEventUri"].rpartition("/")[2]
    assert row["startTime"] == SLOT.replace(tzinfo=None)
    assert bench.path(ID) == ["IDLE", "SESSION_TYPE_SELECTED", "CALENDLY_EVENT_SCHEDULED", "BOOKING_CONFIRMED"]


def test_create_after_the_delivery_is_answered_with_the_same_booking(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    event = bench.schedule("intro-call", booking_id=ID)
    bench.deliver()
    transitions = bench.rows("BookingTransition")

    answer = bench.create("intro-call", event, ID, by="client")

    assert answer.body == {"success": True, "bookingId": ID, "state": "BOOKING_CONFIRMED"}
    assert bench.rows("BookingTransition") == transitions


def test_a_duplicate_changes_nothing_and_is_a_200(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    envelope = created(bench)
    post(bench, envelope)
    before = (bench.rows("Booking"), bench.rows("WebhookDelivery"), bench.rows("BookingTransition"))

    answer = post(bench, envelope)

    assert (answer.status, answer.body["outcome"]) == (200, "duplicate")
    assert (bench.rows("Booking"), bench.rows("WebhookDelivery"), bench.rows("BookingTransition")) == before


def test_two_invitees_of_one_group_event_are_two_deliveries(bench: Bench) -> None:
    for booking_id in (ID, OTHER):
        event = bench.schedule("group-class", booking_id=booking_id)
        assert bench.create("group-class", event, booking_id).status == 200
    bench.deliver()

    assert [row["outcome"] for row in bench.rows("WebhookDelivery")] == ["applied", "applied"]


def test_a_delivery_counts_only_once_it_is_committed(bench: Bench) -> None:
    class Failing(CalendlyEffects):
        def apply(self, *arguments: Any) -> Any:
            raise RuntimeError("a secret of ours")

    bench.initialize("intro-call", ID, by="client")
    envelope = created(bench)
    good, bench.app = bench.app, bench.build(replace(bench.parts, calendly_effects=Failing()))
    failed = post(bench, envelope)
    bench.app = good

    assert (failed.status, failed.code) == (500, "internal_error")
    assert "secret" not in failed.text
    assert bench.rows("WebhookDelivery") == []
    assert post(bench, envelope).body["outcome"] == "applied"


def test_an_id_that_disagrees_with_utm_content_is_flagged_and_kept(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.initialize("intro-call", OTHER, by="other-client")
    event = bench.schedule("intro-call", answers={"Booking ID": ID}, utm={"utm_content": OTHER})

    bench.deliver()

    row = bench.rows("WebhookDelivery")[0]
    assert (row["outcome"], row["reason"]) == ("flagged", "ids_disagree")
    assert row["payload"]["payload"]["uri"] == event.invitee_uri
    assert {row["currentState"] for row in bench.rows("Booking")} == {"SESSION_TYPE_SELECTED"}


def test_an_answer_that_names_another_booking_than_the_invitee_is_flagged(bench: Bench) -> None:
    bench.initialize("intro-call", OTHER, by="other-client")
    event = bench.schedule("intro-call", answers={"Booking ID": OTHER})
    bench.create("intro-call", event, ID)

    bench.deliver()

    assert bench.rows("WebhookDelivery")[0]["reason"] == "bookings_disagree"
    assert bench.booking(OTHER)["currentState"] == "SESSION_TYPE_SELECTED"


def test_utm_content_finds_the_booking_where_the_answer_is_no_id(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.schedule("intro-call", answers={"Booking ID": "hello"}, utm={"utm_content": ID})

    bench.deliver()

    assert bench.booking(ID)["currentState"] == "BOOKING_CONFIRMED"


def test_the_invitee_finds_the_booking_where_no_id_was_carried(bench: Bench) -> None:
    event = bench.schedule("intro-call")
    answer = bench.create("intro-call", event)

    bench.deliver()

    assert [row["bookingId"] for row in bench.rows("WebhookDelivery")] == [answer.body["bookingId"]]


def test_somebody_elses_event_cannot_take_over_a_scheduled_booking(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    bench.deliver()
    before = bench.booking(ID)
    forged = bench.schedule("intro-call", SLOT + timedelta(hours=3), booking_id=ID)
    bench.deliver()
    bench.calendly.cancel(forged.invitee_uri)
    bench.deliver()

    assert bench.booking(ID) == before
    assert [row["reason"] for row in bench.rows("WebhookDelivery", '"receivedAt", "id"')] == [
        None,
        "another_invitee",
        "another_invitee",
    ]


def test_an_event_of_another_session_type_is_flagged(bench: Bench) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")

    post(bench, created(bench, "intro-call"))

    assert bench.rows("WebhookDelivery")[0]["reason"] == "event_type_mismatch"
    assert bench.booking(ID)["currentState"] == "SESSION_TYPE_SELECTED"


@pytest.mark.parametrize("order", ["as-is", "reversed"])
def test_a_reschedule_moves_the_booking_and_keeps_the_payment(bench: Bench, order: Any) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    bench.deliver()

    moved = bench.calendly.reschedule(event.invitee_uri, SLOT + timedelta(days=1))
    bench.deliver(order=order)

    row = bench.booking(ID)
    assert (row["currentState"], row["status"], row["paymentStatus"]) == ("BOOKING_CONFIRMED", "CONFIRMED", "PAID")
    assert (row["calendlyInviteeUri"], row["calendlyEventUri"]) == (moved.invitee_uri, moved.event_uri)
    assert row["startTime"] == (SLOT + timedelta(days=1)).replace(tzinfo=None)
    assert len(bench.rows("Booking")) == 1


def test_a_cancellation_keeps_who_and_why(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    bench.calendly.cancel(event.invitee_uri, by="host", reason="ill")
    bench.deliver()

    row = bench.booking(ID)
    assert (row["currentState"], row["status"]) == ("CANCELLATION_COMPLETED", "CANCELLED")
    assert row["stateData"]["cancellation"] == {"at": "2030-03-04T09:00:00.000Z", "by": "host", "reason": "ill"}


def test_a_cancelled_time_can_be_booked_again(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    bench.calendly.cancel(event.invitee_uri)
    bench.deliver()

    again = bench.schedule("intro-call", booking_id=OTHER)

    assert bench.create("intro-call", again, OTHER).status == 200


def test_created_after_its_own_cancellation_changes_nothing(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    bench.calendly.cancel(event.invitee_uri)

    bench.deliver(order="reversed")

    assert bench.booking(ID)["currentState"] == "CANCELLATION_COMPLETED"


def test_a_begun_booking_is_cancelled_with_its_event(bench: Bench) -> None:
    bench.initialize("pathway-30", ID, by="client", pathway="play")
    event = bench.schedule("pathway-30", booking_id=ID)
    bench.calendly.lose()
    bench.calendly.cancel(event.invitee_uri)

    bench.deliver()

    assert bench.path(ID)[-1] == "CANCELLATION_COMPLETED"
    assert bench.booking(ID)["paymentStatus"] == "UNPAID"


def test_a_no_show_is_marked_and_unmarked_as_often_as_it_happens(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    seen = []
    for _ in range(2):
        bench.clock.advance(days=2)
        mark = bench.calendly.mark_no_show(event.invitee_uri)
        bench.deliver()
        seen.append(bench.booking(ID)["stateData"].get("noShow"))
        bench.clock.advance(minutes=1)
        bench.calendly.unmark_no_show(mark)
        bench.deliver()
        seen.append(bench.booking(ID)["stateData"].get("noShow"))

    assert [mark is not None for mark in seen] == [True, False, True, False]


def test_an_unknown_event_is_recorded_and_answered_with_200(bench: Bench) -> None:
    envelope = created(bench) | {"event": "routing_form_submission.created"}

    answers = [post(bench, envelope), post(bench, envelope)]

    assert [answer.status for answer in answers] == [200, 200]
    rows = bench.rows("WebhookDelivery")
    assert [(row["outcome"], row["event"], row["payload"]) for row in rows] == [
        ("ignored", "routing_form_submission.created", None)
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda envelope: envelope | {"payload": {"invitee": envelope["payload"], "event": {}}},
        lambda envelope: envelope | {"payload": None},
        lambda envelope: envelope | {"payload": envelope["payload"] | {"scheduled_event": {}}},
        lambda envelope: (
            envelope | {"payload": envelope["payload"] | {"uri": "https://evil.example/scheduled_events/a/invitees/b"}}
        ),
        lambda envelope: {"event": "invitee.created"},
        lambda envelope: b"{",
        lambda envelope: b"[]",
    ],
)
def test_a_signed_delivery_that_cannot_be_read_is_a_400_and_leaves_nothing(bench: Bench, damage: Any) -> None:
    answer = post(bench, damage(created(bench)))

    assert answer.status == 400
    assert bench.rows("WebhookDelivery") == []


def test_parked_deliveries_are_forgotten_after_a_month(bench: Bench) -> None:
    post(bench, created(bench))
    bench.clock.advance(days=31)

    bench.app.expire()

    row = bench.rows("WebhookDelivery")[0]
    assert (row["outcome"], row["payload"]) == ("ignored", None)


def test_a_parked_cancellation_cancels_the_booking_when_it_comes(bench: Bench) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.calendly.cancel(event.invitee_uri)
    bench.deliver()

    begun = bench.initialize("intro-call", ID, by="client")

    assert begun.body["state"] == "CANCELLATION_COMPLETED"
    assert {row["outcome"] for row in bench.rows("WebhookDelivery")} == {"applied"}


def test_news_that_do_not_fit_the_booking_are_left_to_a_person(bench: Bench) -> None:
    bench.initialize("intro-call", ID, by="client")
    bench.execute(
        """UPDATE "Booking" SET "currentState" = 'PAYMENT_PENDING', "calendlyInviteeUri" = NULL WHERE "id" = %s""",
        (ID,),
    )
    before = bench.booking(ID)

    answer = post(bench, created(bench))

    assert answer.body["outcome"] == "flagged"
    assert bench.rows("WebhookDelivery")[0]["reason"] == "not_possible"
    assert bench.booking(ID) == before


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::9])
@pytest.mark.parametrize("first", ["created", "begun"])
def test_two_moves_told_in_any_order_end_where_the_person_ended(
    bench: Bench, order: tuple[int, ...], first: str
) -> None:
    if first == "begun":
        bench.initialize("intro-call", ID, by="client")
    event = bench.schedule("intro-call", booking_id=ID)
    if first == "created":
        bench.create("intro-call", event, ID)
    moved = bench.calendly.reschedule(event.invitee_uri, SLOT + timedelta(days=1))
    last = bench.calendly.reschedule(moved.invitee_uri, SLOT + timedelta(days=2))
    waiting = list(bench.calendly.outbox)

    for place in order:
        assert (
            bench.call(
                "POST", "webhooks/calendly", data=waiting[place].body, headers=dict(waiting[place].headers)
            ).status
            == 200
        )

    row = bench.booking(ID)
    assert (row["calendlyInviteeUri"], row["currentState"]) == (last.invitee_uri, "BOOKING_CONFIRMED")
    assert row["startTime"] == (SLOT + timedelta(days=2)).replace(tzinfo=None)
    assert {delivery["outcome"] for delivery in bench.rows("WebhookDelivery")} <= {"applied", "ignored"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_moved_and_cancelled_told_in_any_order_is_cancelled(bench: Bench, order: tuple[int, ...]) -> None:
    event = bench.schedule("intro-call", booking_id=ID)
    bench.create("intro-call", event, ID)
    moved = bench.calendly.reschedule(event.invitee_uri, SLOT + timedelta(days=1))
    bench.calendly.cancel(moved.invitee_uri)
    waiting = list(bench.calendly.outbox)

    for place in order:
        bench.call("POST", "webhooks/calendly", data=waiting[place].body, headers=dict(waiting[place].headers))

    row = bench.booking(ID)
    assert (row["currentState"], row["calendlyInviteeUri"]) == ("CANCELLATION_COMPLETED", moved.invitee_uri)
    assert {delivery["outcome"] for delivery in bench.rows("WebhookDelivery")} <= {"applied", "ignored"}
