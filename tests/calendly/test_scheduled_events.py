"""Scheduled events, invitees, canceling, no-shows, links: what the API shows and does."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calendly import Options
from harness.errors import InputError


def test_a_booking_shows_in_event_and_invitee(world: Any) -> None:
    booked = world.book(answers={"Booking ID": "b-1"}, utm={"content": "b-1", "utm_source": "page"})
    event = world.api.get(booked.event_uri).resource
    assert (event["start_time"], event["end_time"]) == ("2030-03-06T10:00:00.000000Z", "2030-03-06T10:30:00.000000Z")
    assert event["invitees_counter"] == {"total": 1, "active": 1, "limit": 1}
    assert event["event_type"] == world.kind
    assert event["calendar_event"]["kind"] == "google"
    invitee = world.api.get(booked.invitee_uri).resource
    assert invitee["questions_and_answers"] == [{"question": "Booking ID", "answer": "b-1", "position": 0}]
    assert invitee["tracking"] == {"utm_campaign": None, "utm_source": "page", "utm_medium": None,
                                   "utm_content": "b-1", "utm_term": None, "salesforce_uuid": None}  # fmt: skip
    assert "cancellation" not in invitee
    assert (invitee["first_name"], invitee["last_name"], invitee["scheduling_method"]) == (None, None, None)
    assert event["created_at"] < invitee["created_at"]


@pytest.mark.parametrize(
    ("place", "location"),
    [
        (None, None),
        ({"kind": "custom", "location": "https://x.test"}, {"type": "custom", "location": "https://x.test"}),
        ({"kind": "physical", "location": "Here"}, {"type": "physical", "location": "Here", "additional_info": None}),
        ({"kind": "outbound_call"}, {"type": "outbound_call", "location": None}),
    ],
)
def test_a_location_has_a_kind_before_and_a_type_after(world: Any, place: Any, location: Any) -> None:
    kind = world.simulator.add_event_type(name="Placed", locations=[place] if place else None)
    assert world.simulator.event(world.book(kind=kind).event_uri)["location"] == location


def test_zoom_and_meet_look_as_in_real_traffic(make_world: Any) -> None:
    for ready, status in [(False, "processing"), (True, "pushed")]:
        world = make_world(Options(google_meet_ready=ready))
        zoom = world.simulator.add_event_type(name="Zoom", locations=[{"kind": "zoom_conference"}])
        meet = world.simulator.add_event_type(name="Meet", locations=[{"kind": "google_conference"}])
        shown = world.simulator.event(world.book(kind=zoom).event_uri)["location"]
        assert (shown["type"], type(shown["data"]["id"]), shown["data"]["extra"]) == ("zoom", int, None)
        booked = world.simulator.event(world.book("2030-03-06T12:00", meet).event_uri)
        uuid = booked["uri"].rpartition("/")[2]
        assert booked["location"]["status"] == status
        assert booked["location"]["join_url"] == f"https://calendly.com/events/{uuid}/google_meet"


def test_events_are_listed_by_start_filtered_and_paged(world: Any) -> None:
    made = [world.book(f"2030-03-{day:02}T10:00") for day in (8, 6, 7)]
    world.simulator.cancel(made[2].invitee_uri)
    owner = {"user": world.simulator.owner_uri}

    def days(**query: Any) -> list[str]:
        return [row["start_time"][8:10] for row in world.api.get("/scheduled_events", **owner, **query).rows]

    assert days() == ["06", "07", "08"]
    assert days(sort="start_time:desc") == ["08", "07", "06"]
    assert days(status="active") == ["06", "08"]
    assert days(status="canceled") == ["07"]
    assert days(min_start_time="2030-03-07T10:00:00Z") == ["07", "08"]
    assert days(max_start_time="2030-03-07T10:00:00Z") == ["06", "07"]
    assert days(min_start_time="2030-03-07T00:00:00Z", max_start_time="2030-03-07T23:00:00Z", sort="start_time:desc") == ["07"]  # fmt: skip
    assert days(invitee_email="SAM@example.test") == ["06", "07", "08"]
    assert days(invitee_email="nobody@example.test") == []
    assert world.api.get("/scheduled_events", **owner, status="cancelled").status == 400
    assert world.api.get("/scheduled_events").status == 400


@pytest.mark.parametrize("sort", ["start_time:asc", "start_time:desc"])
def test_a_walk_over_the_pages_meets_every_event_once_even_when_one_is_added(world: Any, sort: str) -> None:
    made = {world.book(f"2030-03-06T{hour:02}:{minute}").event_uri for hour in range(9, 16) for minute in ("00", "30")}
    url = f"/scheduled_events?user={world.simulator.owner_uri}&count=5&sort={sort}"
    seen = []
    while url:
        page = world.api.get(url)
        seen += [row["uri"] for row in page.rows]
        url = page.json["pagination"]["next_page"]
        if len(seen) == 5:
            world.book("2030-03-20T10:00" if sort.endswith("desc") else "2030-03-05T10:00")
    assert sorted(seen) == sorted(made)


def test_a_group_of_users_can_be_asked_for(world: Any) -> None:
    hal = world.simulator.add_user(name="Hal", email="hal@example.test")
    kind = world.simulator.add_event_type(name="Hal's", owner=hal)
    group = world.simulator.add_group("g1", [hal])
    world.book()
    booked = world.book(kind=kind)
    assert [row["uri"] for row in world.api.get("/scheduled_events", group=group).rows] == [booked.event_uri]


def test_invitees_of_a_group_event_are_listed_filtered_and_paged(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Class", capacity=3)
    people = [world.book(kind=kind, invitee={"name": n, "email": f"{n}@example.test"}) for n in ("a", "b", "c")]
    assert len({person.event_uri for person in people}) == 1
    world.simulator.cancel(people[1].invitee_uri)
    path = people[0].event_uri + "/invitees"

    def names(**query: Any) -> list[str]:
        return [row["name"] for row in world.api.get(path, **query).rows]

    assert names() == ["a", "b", "c"]
    assert names(sort="created_at:desc") == ["c", "b", "a"]
    assert names(status="canceled") == ["b"]
    assert names(email="C@example.test") == ["c"]
    first = world.api.get(path, count=2)
    assert [row["name"] for row in world.api.get(first.json["pagination"]["next_page"]).rows] == ["c"]
    event = world.api.get(people[0].event_uri).resource
    assert event["status"] == "active"
    assert event["invitees_counter"] == {"total": 3, "active": 2, "limit": 3}
    assert "cancellation" not in event


def test_canceling_answers_201_and_cancels_every_invitee_from_the_hosts_side(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Class", capacity=2)
    people = [world.book(kind=kind, invitee={"name": n, "email": f"{n}@example.test"}) for n in ("a", "b")]
    answered = world.api.post(people[0].event_uri + "/cancellation", {"reason": "ill"})
    assert answered.status == 201
    assert {k: answered.resource[k] for k in ("canceled_by", "reason", "canceler_type")} == {
        "canceled_by": "Olive Owner", "reason": "ill", "canceler_type": "host"}  # fmt: skip
    for person in people:
        shown = world.api.get(person.invitee_uri).resource
        assert (shown["status"], shown["rescheduled"], shown["new_invitee"]) == ("canceled", False, None)
    assert world.api.get(people[0].event_uri).resource["invitees_counter"] == {"total": 2, "active": 0, "limit": 2}


@pytest.mark.parametrize("body", [None, {}, {"reason": None}])
def test_a_reason_is_not_needed(world: Any, body: Any) -> None:
    assert world.api.post(world.book().event_uri + "/cancellation", body).resource["reason"] is None


def test_what_cannot_be_canceled_is_403_with_its_text(world: Any) -> None:
    booked, other = world.book(), world.book("2030-03-06T12:00")
    world.api.post(booked.event_uri + "/cancellation")
    again = world.api.post(booked.event_uri + "/cancellation")
    assert (again.status, again.json["message"]) == (403, "Event is already canceled")
    world.clock.advance(days=3)
    past = world.api.post(other.event_uri + "/cancellation")
    assert (past.status, past.json["message"]) == (403, "Event in the past")
    assert world.api.post(other.event_uri + "/cancellation", {"reason": "x" * 10_001}).status == 400


def test_canceling_frees_the_slot(world: Any) -> None:
    booked = world.book()
    with pytest.raises(InputError, match="filled"):
        world.book()
    world.simulator.cancel(booked.invitee_uri, by="invitee", reason="changed my mind")
    cancellation = world.simulator.invitee(booked.invitee_uri)["cancellation"]
    assert (cancellation["canceled_by"], cancellation["canceler_type"]) == ("Sam Visitor", "invitee")
    assert world.book().event_uri != booked.event_uri


def test_no_shows_are_marked_read_and_unmarked(world: Any) -> None:
    booked = world.book()
    before = world.simulator.invitee(booked.invitee_uri)["updated_at"]
    world.clock.advance(days=2, hours=2)
    made = world.api.post("/invitee_no_shows", {"invitee": booked.invitee_uri})
    assert made.status == 201
    assert world.api.get(made.resource["uri"]).resource == made.resource
    shown = world.api.get(booked.invitee_uri).resource
    assert shown["no_show"] == {"uri": made.resource["uri"], "created_at": made.resource["created_at"]}
    assert shown["updated_at"] == before
    assert world.api.post("/invitee_no_shows", {"invitee": booked.invitee_uri}).status == 400
    gone = world.api.delete(made.resource["uri"])
    assert (gone.status, gone.text) == (204, "")
    assert world.api.get(made.resource["uri"]).status == 404
    assert world.api.get(booked.invitee_uri).resource["no_show"] is None


def test_a_scheduling_link_is_made_for_one_event(world: Any) -> None:
    body = {"max_event_count": 1, "owner": world.kind, "owner_type": "EventType"}
    link = world.api.post("/scheduling_links", body)
    assert link.status == 201
    assert link.resource["booking_url"].startswith("https://calendly.com/d/")
    assert world.api.post("/scheduling_links", {**body, "max_event_count": 2}).status == 400
    assert world.api.post("/scheduling_links", {**body, "owner_type": "User"}).status == 400
    assert world.api.post("/shares", {"event_type": world.kind}).status == 201


@pytest.mark.parametrize(
    "path",
    ["/users/x", "/event_types/x", "/scheduled_events/x", "/scheduled_events/x/invitees", "/invitee_no_shows/x",
     "/webhook_subscriptions/x", "/organizations/x", "/organization_memberships/x"],
)  # fmt: skip
def test_what_is_unknown_is_404(world: Any, path: str) -> None:
    refused = world.api.get(path)
    assert refused.status == 404
    assert refused.json == {
        "title": "Resource Not Found", "message": "The server could not find the requested resource."}  # fmt: skip


def test_an_invitee_of_another_event_is_404(world: Any) -> None:
    one, other = world.book(), world.book("2030-03-06T12:00")
    crossed = one.event_uri + "/invitees/" + other.invitee_uri.rpartition("/")[2]
    assert world.api.get(crossed).status == 404


@pytest.mark.parametrize(("form", "pattern"), [("uuid", r"[0-9a-f-]{36}"), ("legacy", r"[A-Z0-9]{16}")])
def test_ids_come_in_both_forms(make_world: Any, form: Any, pattern: str) -> None:
    import re

    world = make_world(Options(id_form=form))
    assert re.fullmatch(f"https://api.calendly.com/scheduled_events/{pattern}", world.book().event_uri)


def test_the_same_seed_gives_the_same_ids_and_another_seed_others(make_world: Any) -> None:
    assert make_world(seed=1).book() == make_world(seed=1).book()
    assert make_world(seed=1).book().event_uri != make_world(seed=2).book().event_uri


def test_a_uri_given_is_kept_and_only_its_last_segment_counts(world: Any) -> None:
    uri = "https://api.calendly.com/event_types/AAAABBBBCCCCDDDD"
    assert world.simulator.add_event_type(name="Known", uri=uri) == uri
    old_style = "https://calendly.com/api/v2/event_types/AAAABBBBCCCCDDDD"
    query = {"start_time": "2030-03-06T00:00:00Z", "end_time": "2030-03-07T00:00:00Z"}
    assert world.api.get("/event_type_available_times", event_type=old_style, **query).status == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"invitee": {"name": "Sam", "email": "not an address"}}, "is not an e-mail address"),
        ({"invitee": {"email": "sam@example.test"}}, "needs a name"),
        ({"invitee": {"nmae": "Sam", "email": "sam@example.test"}}, "Did you mean 'name'"),
        ({"answers": {"Bokking ID": "x"}}, "Did you mean 'Booking ID'"),
        ({"utm": {"gclid": "x"}}, "tracking has no 'utm_gclid'"),
        ({"start": "2030-03-01T10:00"}, "is past"),
        ({"kind": "https://api.calendly.com/event_types/none"}, "no event type"),
        ({"start": "2030-03-06T03:00", "check": "offered"}, "does not offer"),
    ],
)
def test_what_a_person_could_not_do_is_an_input_error(world: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        world.book(**change)


def test_a_required_question_must_be_answered(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Strict", questions=[{"name": "Why?", "required": True}])
    with pytest.raises(InputError, match="requires an answer to 'Why\\?'"):
        world.book(kind=kind)


def test_a_long_utm_value_is_dropped_silently(world: Any) -> None:
    booked = world.book(utm={"content": "x" * 256, "source": "x" * 255})
    tracking = world.simulator.invitee(booked.invitee_uri)["tracking"]
    assert (tracking["utm_content"], tracking["utm_source"]) == (None, "x" * 255)
