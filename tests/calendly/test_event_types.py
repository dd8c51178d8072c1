"""Event types and their available times."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from harness.calendly import Hours, Options
from harness.errors import InputError


def available(
    world: Any, start: str = "2030-03-06T00:00:00Z", end: str = "2030-03-07T00:00:00Z", kind: Any = None
) -> Any:
    return world.api.get("/event_type_available_times", event_type=kind or world.kind, start_time=start, end_time=end)


def starts(world: Any, *args: Any, **more: Any) -> list[str]:
    return [row["start_time"] for row in available(world, *args, **more).rows]


def test_a_deleted_event_type_is_readable_but_not_listed(world: Any) -> None:
    world.simulator.delete_event_type(world.kind)
    assert world.api.get(world.kind).resource["deleted_at"] == "2030-03-04T09:00:00.000000Z"
    assert world.api.get("/event_types", user=world.simulator.owner_uri).rows == []


def test_listing_needs_a_user_or_an_organization(world: Any) -> None:
    refused = world.api.get("/event_types")
    assert (refused.status, refused.json["title"]) == (400, "Invalid Argument")
    assert refused.json["details"][0]["parameter"] == "user"


def test_listing_filters_and_sorts(world: Any) -> None:
    world.simulator.add_event_type(name="Another", active=False)
    world.simulator.add_event_type(name="Zoo")
    owner = world.simulator.owner_uri

    def names(**query: Any) -> list[str]:
        return [row["name"] for row in world.api.get("/event_types", user=owner, **query).rows]

    assert names() == ["Another", "Intro call", "Zoo"]
    assert names(sort="name:desc") == ["Zoo", "Intro call", "Another"]
    assert names(sort="position:asc") == ["Intro call", "Another", "Zoo"]
    assert names(active="true") == ["Intro call", "Zoo"]
    assert world.api.get("/event_types", user=owner, sort="colour:asc").status == 400


def test_pages_lead_on_and_back(world: Any) -> None:
    for number in range(5):
        world.simulator.add_event_type(name=f"Type {number}")
    owner = world.simulator.owner_uri
    first = world.api.get("/event_types", user=owner, count=4)
    second = world.api.get(first.json["pagination"]["next_page"])
    assert [row["name"] for row in first.rows + second.rows] == ["Intro call", *(f"Type {n}" for n in range(5))]
    assert second.json["pagination"]["next_page"] is None
    back = world.api.get(second.json["pagination"]["previous_page"])
    assert back.rows == first.rows
    assert first.json["pagination"]["previous_page"] is None
    assert first.json["pagination"]["count"] == 4


@pytest.mark.parametrize("query", [{"count": 0}, {"count": 101}, {"count": "x"}, {"page_token": "stale"}])
def test_a_bad_page_is_400(world: Any, query: dict[str, Any]) -> None:
    assert world.api.get("/event_types", user=world.simulator.owner_uri, **query).status == 400


def test_times_follow_the_hours_in_the_hosts_zone(world: Any) -> None:
    assert starts(world)[0] == "2030-03-06T09:00:00Z"
    assert starts(world)[-1] == "2030-03-06T16:30:00Z"
    assert starts(world, "2030-03-09T00:00:00Z", "2030-03-11T00:00:00Z") == []  # a weekend


def test_a_clock_change_moves_the_hours_in_utc(world: Any) -> None:
    before = starts(world, "2030-03-29T00:00:00Z", "2030-03-30T00:00:00Z")[0]
    after = starts(world, "2030-04-01T00:00:00Z", "2030-04-02T00:00:00Z")[0]
    assert (before, after) == ("2030-03-29T09:00:00Z", "2030-04-01T08:00:00Z")  # London changes on the 31st


def test_a_single_day_can_differ(world: Any) -> None:
    day = date(2030, 3, 6)
    hours = Hours("h", "Mine", "UTC", {2: ((time(9), time(10)),)}, {day: ((time(20), time(21)),)})
    kind = world.simulator.add_event_type(name="Late", hours=hours)
    assert starts(world, kind=kind) == ["2030-03-06T20:00:00Z", "2030-03-06T20:30:00Z"]


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin(world: Any) -> None:
    nights = Hours("n", "Nights", "UTC", {day: ((time(22), time(2)),) for day in range(7)})
    kind = world.simulator.add_event_type(name="Night", hours=nights)

    seen = starts(world, "2030-03-06T00:15:00Z", "2030-03-06T03:00:00Z", kind=kind)

    assert seen == ["2030-03-06T00:30:00Z", "2030-03-06T01:00:00Z", "2030-03-06T01:30:00Z"]
    invitee = {"name": "Sam", "email": "sam@example.test", "timezone": "UTC"}
    booked = world.api.post("/invitees", {"event_type": kind, "start_time": seen[0], "invitee": invitee})
    assert booked.status == 201


def test_events_and_buffers_take_times_away(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Careful", before_buffer=30, after_buffer=30)
    world.book("2030-03-06T12:00")
    assert "2030-03-06T11:30:00Z" in starts(world)
    assert "2030-03-06T12:00:00Z" not in starts(world)
    careful = starts(world, kind=kind)
    assert "2030-03-06T11:00:00Z" in careful
    for taken in ("11:30", "12:00", "12:30"):
        assert f"2030-03-06T{taken}:00Z" not in careful
    assert "2030-03-06T13:00:00Z" in careful


def test_another_calendar_and_notice_take_times_away(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Slow", minimum_notice=timedelta(hours=50))
    world.simulator.add_busy(world.at("2030-03-06T14:00"), world.at("2030-03-06T15:00"))
    assert starts(world, kind=kind) == [f"2030-03-06T{t}:00Z" for t in ("11:00", "11:30", "12:00", "12:30", "13:00",
                                        "13:30", "15:00", "15:30", "16:00", "16:30")]  # fmt: skip


def test_a_group_start_stays_until_it_is_full(world: Any) -> None:
    kind = world.simulator.add_event_type(name="Class", capacity=2)
    world.book("2030-03-06T10:00", kind, invitee={"name": "A", "email": "a@example.test"})
    row = next(row for row in available(world, kind=kind).rows if row["start_time"] == "2030-03-06T10:00:00Z")
    assert row["invitees_remaining"] == 1
    world.book("2030-03-06T10:00", kind, invitee={"name": "B", "email": "b@example.test"})
    assert "2030-03-06T10:00:00Z" not in starts(world, kind=kind)


def test_round_robin_is_free_while_any_host_is_and_collective_only_while_all_are(world: Any) -> None:
    hosts = [world.simulator.owner_uri, world.simulator.add_user(name="Hal", email="hal@example.test")]
    robin = world.simulator.add_event_type(name="Robin", hosts=hosts, pooling_type="round_robin")
    together = world.simulator.add_event_type(name="Together", hosts=hosts, pooling_type="collective")
    world.book("2030-03-06T10:00")
    assert "2030-03-06T10:00:00Z" in starts(world, kind=robin)
    assert "2030-03-06T10:00:00Z" not in starts(world, kind=together)
    event = world.simulator.event(world.book("2030-03-06T10:00", robin).event_uri)
    assert [host["user_name"] for host in event["event_memberships"]] == ["Hal"]
    both = world.simulator.event(world.book("2030-03-06T12:00", together).event_uri)
    assert len(both["event_memberships"]) == 2


@pytest.mark.parametrize(
    ("start", "end", "parameter"),
    [
        ("2030-03-04T08:59:59Z", "2030-03-05T00:00:00Z", "start_time"),
        ("2030-03-06T00:00:00Z", "2030-03-06T00:00:00Z", "end_time"),
        ("2030-03-06T00:00:00Z", "2030-04-06T00:00:01Z", "end_time"),
        ("2030-03-06", "2030-03-07T00:00:00Z", "start_time"),
    ],
)
def test_the_window_is_checked(world: Any, start: str, end: str, parameter: str) -> None:
    refused = available(world, start, end)
    assert (refused.status, refused.json["details"][0]["parameter"]) == (400, parameter)


def test_the_window_was_seven_days_before_july_2026(make_world: Any) -> None:
    world = make_world(Options(window_days=7))
    assert available(world, end="2030-03-13T00:00:00Z").status == 200
    assert available(world, end="2030-03-13T00:00:01Z").status == 400


def test_the_start_that_is_now_is_not_offered(world: Any) -> None:
    assert starts(world, "2030-03-04T09:00:00Z", "2030-03-04T10:00:00Z") == ["2030-03-04T09:30:00Z"]


def test_thirty_one_days_are_allowed_and_there_is_no_pagination(world: Any) -> None:
    answered = available(world, end="2030-04-06T00:00:00Z")
    assert answered.status == 200
    assert set(answered.json) == {"collection"}


def test_an_unknown_event_type_is_404(world: Any) -> None:
    assert available(world, kind="https://api.calendly.com/event_types/unknown").status == 404


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"before_buffer": 7}, "a buffer of 7 minutes does not exist"),
        ({"start_time_increment": 3}, "a start time increment of 3 minutes does not exist"),
        ({"locations": [{"kind": "zoom"}]}, "unknown location kind 'zoom'"),
        ({"questions": [{"name": "Q", "type": "number"}]}, "unknown question type 'number'"),
        ({"questions": [{"title": "Q"}]}, "a question has name, type"),
        ({"capacity": 0}, "must be at least 1"),
    ],
)
def test_an_event_type_that_calendly_does_not_know_is_an_input_error(world: Any, settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        world.simulator.add_event_type(name="Odd", **settings)


def test_a_free_start_can_be_read_without_the_api(world: Any) -> None:
    day = datetime(2030, 3, 6, tzinfo=UTC)
    assert len(world.simulator.free_starts(world.kind, day, day + timedelta(days=1))) == 16
