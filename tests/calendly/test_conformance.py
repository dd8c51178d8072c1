"""Every answer and delivery of a long generated walk fits the schemas, and the schemas notice what does not."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import random
from datetime import timedelta
from typing import Any

import pytest

from harness.calendly import Answer, Options, Request, TransportFault
from harness.calendly.availability import round_the_clock
from harness.calendly.conformance import Conformance
from harness.errors import InputError
from harness.provider import Call

LOCATIONS = [
    None,
    [{"kind": "zoom_conference"}],
    [{"kind": "google_conference"}],
    [{"kind": "physical", "location": "1 High Street", "additional_info": "Ring twice"}],
    [{"kind": "custom", "location": "https://meet.example.test/room"}],
    [{"kind": "ask_invitee"}],
    [{"kind": "outbound_call"}],
    [{"kind": "inbound_call", "phone_number": "+441632960000", "additional_info": "PIN 1"}],
    [{"kind": "microsoft_teams_conference"}],
    [{"kind": "webex_conference"}],
    [{"kind": "gotomeeting_conference"}],
]


class Walker:
    """Does one random thing after another, as an application and as people at Calendly would."""

    def __init__(self, world: Any, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.simulator, self.api = world.simulator, world.api
        self.kinds = [world.kind]
        self.invitees: list[Any] = []
        self.events: list[Any] = []
        self.hooks: list[str] = []
        self.no_shows: list[str] = []
        self.users = [self.simulator.owner_uri, self.simulator.add_user(name="Hal Host", email="hal@example.test")]
        self.organization = self.simulator.organization_uri
        for number, places in enumerate(LOCATIONS):
            self.kinds.append(
                self.simulator.add_event_type(
                    name=f"Kind {number}", duration=15 + 15 * (number % 3), locations=places, capacity=1 + number % 4,
                    hosts=self.users if number == 2 else [self.users[number % 2]], hours=round_the_clock(),
                    pooling_type="round_robin" if number == 2 else None, names="split" if number % 2 else "single",
                    questions=["Booking ID", {"name": "Topic", "type": "single_select", "answer_choices": ["a", "b"]}],
                )
            )  # fmt: skip
        self.simulator.subscribe("https://app.example.test/all", signing_key="key", events=tuple(
            f"{kind}.{what}" for kind, what in [("invitee", "created"), ("invitee", "canceled"),
            ("invitee_no_show", "created"), ("invitee_no_show", "deleted"), ("event_type", "created"),
            ("event_type", "updated"), ("event_type", "deleted")]))  # fmt: skip

    def step(self) -> None:
        acts = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]
        with contextlib.suppress(InputError):  # a person could not do that: the slot is filled, already canceled
            self.random.choice(acts)()

    def start(self) -> Any:
        minutes = 15 * self.random.randrange(4 * 24 * 5)
        return self.world.clock.now.replace(minute=0) + timedelta(days=1, minutes=minutes)

    def keep(self, booked: Any) -> None:
        self.invitees.append(booked.invitee_uri)
        self.events.append(booked.event_uri)

    def do_book(self) -> None:
        number = self.random.randrange(50)
        person: dict[str, str | None] = {"name": f"Ann Other {number}", "email": f"ann{number}@example.test"}
        if number % 5 == 0:
            person = {"first_name": "Ann", "last_name": "Other", "email": "ann@example.test", "timezone": "Asia/Tokyo"}
        payment = {"external_id": "ch_1", "provider": "stripe", "amount": 50.0, "currency": "GBP", "terms": None,
                   "successful": True}  # fmt: skip
        self.keep(
            self.simulator.schedule(
                self.random.choice(self.kinds), self.start(), person, answers={"Booking ID": "ü\n<b>"},
                utm={"content": "x" * (number * 10)}, guests=["guest@example.test"] if number % 3 == 0 else [],
                payment=payment if number % 7 == 0 else None,
            )
        )  # fmt: skip

    def do_book_by_api(self) -> None:
        kind = self.random.choice(self.kinds)
        places = self.api.get(kind).resource["locations"]
        place = {"kind": places[0]["kind"], "location": "somewhere"} if places else None
        tracking = dict.fromkeys(
            ("utm_campaign", "utm_source", "utm_medium", "utm_content", "utm_term", "salesforce_uuid")
        )
        body = self.world.request(
            event_type=kind, start_time=self.start().isoformat(), location=place, tracking=tracking
        )
        if self.random.random() < 0.2:
            del body[self.random.choice(list(body))]
        answered = self.api.post("/invitees", body)
        if answered.status == 201:
            self.invitees.append(answered.resource["uri"])
            self.events.append(answered.resource["event"])

    def do_cancel(self) -> None:
        if self.invitees:
            self.simulator.cancel(self.random.choice(self.invitees), by=self.random.choice(["host", "invitee"]))

    def do_cancel_by_api(self) -> None:
        if self.events:
            self.api.post(self.random.choice(self.events) + "/cancellation", {"reason": "ill"})

    def do_reschedule(self) -> None:
        if self.invitees:
            self.keep(self.simulator.reschedule(self.random.choice(self.invitees), self.start()))

    def do_no_show(self) -> None:
        if self.invitees:
            answered = self.api.post("/invitee_no_shows", {"invitee": self.random.choice(self.invitees)})
            if answered.status == 201:
                self.no_shows.append(answered.resource["uri"])

    def do_undo_no_show(self) -> None:
        if self.no_shows:
            uri = self.random.choice(self.no_shows)
            self.api.get(uri)
            self.api.delete(uri)

    def do_read(self) -> None:
        for uri in (
            self.random.choice([*self.events, self.world.kind]),
            self.random.choice([*self.invitees, *self.users]),
        ):
            self.api.get(uri)
        if self.events:
            self.api.get(self.random.choice(self.events) + "/invitees", count=self.random.choice([1, 20]))

    def do_list(self) -> None:
        owner = self.random.choice([{"user": self.users[0]}, {"organization": self.organization}])
        query = {"count": self.random.choice([1, 3, 100, 0]), "status": self.random.choice(["active", "canceled", "x"])}
        self.api.get("/scheduled_events", **owner, **query)
        self.api.get("/event_types", **owner, sort=self.random.choice(["name:desc", "position:asc,name:asc", "bad"]))

    def do_available(self) -> None:
        start = self.start()
        days = self.random.choice([1, 31, 32])
        self.api.get("/event_type_available_times", event_type=self.random.choice(self.kinds),
                     start_time=start.isoformat(), end_time=(start + timedelta(days=days)).isoformat())  # fmt: skip

    def do_hooks(self) -> None:
        scope = self.random.choice(["organization", "user"])
        body = {"url": f"https://app.example.test/{self.random.randrange(9)}", "organization": self.organization,
                "events": ["invitee.created"], "scope": scope, "user": self.users[0]}  # fmt: skip
        answered = self.api.post("/webhook_subscriptions", body)
        if answered.status == 201:
            self.hooks.append(answered.resource["uri"])
        self.api.get("/webhook_subscriptions", organization=self.organization, scope=scope, user=self.users[0], count=2)
        if len(self.hooks) > 2:
            uri = self.hooks.pop(0)
            self.api.get(uri)
            self.api.delete(uri)

    def do_people(self) -> None:
        self.api.get("/users/me")
        self.api.get(self.organization)
        page = self.api.get("/organization_memberships", organization=self.organization, count=1)
        self.api.get(page.rows[0]["uri"])

    def do_links(self) -> None:
        kind = self.random.choice(self.kinds)
        self.api.post("/scheduling_links", {"max_event_count": 1, "owner": kind, "owner_type": "EventType"})
        self.api.post("/shares", {"event_type": kind})

    def do_sample(self) -> None:
        event = self.random.choice(["invitee.created", "invitee.canceled", "invitee_no_show.created",
                                    "event_type.updated", "contact.created"])  # fmt: skip
        self.api.get("/sample_webhook_data", event=event, organization=self.organization, scope="organization")

    def do_event_type(self) -> None:
        uri = self.simulator.add_event_type(name="Short lived", duration=20)
        self.simulator.change_event_type(uri, name="Renamed", description_plain="Text", active=False)
        self.simulator.delete_event_type(uri)
        self.api.get(uri)

    def do_deliver(self) -> None:
        def send(delivery: Any) -> Answer:
            if self.random.random() < 0.2:
                raise TransportFault("timeout")
            return Answer(self.random.choice([200, 200, 302, 500]))

        self.simulator.deliver(send, order=self.random.choice(["as-is", "reversed", "shuffled"]))

    def do_wait(self) -> None:
        self.world.clock.advance(hours=self.random.choice([1, 8, 30]))

    def do_unauthorised(self) -> None:
        self.simulator.handle(Request("GET", f"{self.simulator.base_url}/users/me"))


@pytest.mark.parametrize("seed", range(6))
def test_every_answer_and_delivery_of_a_walk_fits_the_schemas(make_world: Any, schemas: Any, seed: int) -> None:
    world = make_world(Options(rate_limits=False, id_form="mixed", reschedule_order="created_first" if seed % 2 else "canceled_first"))  # fmt: skip
    walker = Walker(world, seed)
    for _ in range(300):
        walker.step()
    conformance = Conformance(schemas)
    wrong = [text for call in world.simulator.calls for text in conformance.of_call(call)]
    wrong += [text for delivery in world.simulator.deliveries for text in conformance.of_delivery(delivery)]
    assert not wrong, "\n".join(wrong[:10])
    assert len(world.simulator.calls) > 300
    assert len(world.simulator.deliveries) > 30


def test_the_walk_reaches_every_endpoint_and_every_delivery(make_world: Any, schemas: Any) -> None:
    conformance = Conformance(schemas)
    for seed in range(2):
        world = make_world(Options(rate_limits=False))
        walker = Walker(world, seed)
        for _ in range(500):
            walker.step()
        for call in world.simulator.calls:
            conformance.of_call(call)
        for delivery in world.simulator.deliveries:
            conformance.of_delivery(delivery)
    answers = {f"{e} {s}" for e, statuses in conformance.index["responses"].items() for s in statuses}
    assert answers | set(conformance.index["deliveries"]) == conformance.seen


def test_after_a_walk_no_host_is_double_booked_and_counters_agree(make_world: Any) -> None:
    world = make_world(Options(rate_limits=False))
    walker = Walker(world, 99)
    for _ in range(500):
        walker.step()
    events = [world.simulator.event(uri) for uri in set(walker.events)]
    for event in events:
        people = [world.simulator.invitee(uri) for uri in walker.invitees if uri.startswith(event["uri"] + "/")]
        active = [person for person in people if person["status"] == "active"]
        assert event["invitees_counter"]["total"] == len(people)
        assert event["invitees_counter"]["active"] == len(active) <= event["invitees_counter"]["limit"]
        assert event["status"] == ("active" if active else "canceled")
    spans = sorted(
        (host["user"], event["start_time"], event["end_time"])
        for event in events
        for host in event["event_memberships"]
        if event["status"] == "active"
    )
    assert len(spans) > 10
    for (host, _, ends), (other, starts, _) in itertools.pairwise(spans):
        assert host != other or ends <= starts


def test_every_endpoint_of_the_simulator_has_a_schema_and_no_schema_is_left_over(world: Any, schemas: Any) -> None:
    index = Conformance(schemas).index
    assert {route.name for route in world.simulator.router.routes} == set(index["responses"])


def _keys(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every key of an object, free-form objects left out."""
    if isinstance(document, list):
        return [found for number, row in enumerate(document) for found in _keys(row, (*path, number))]
    if not isinstance(document, dict) or path[-1:] in (("data",), ("settings",)):
        return []
    own = [(*path, key) for key in document]
    return own + [found for key, value in document.items() for found in _keys(value, (*path, key))]


OPTIONAL = {"cancellation", "meeting_notes_plain", "meeting_notes_html", "user_email", "user_name",
            "buffered_start_time", "buffered_end_time", "join_url", "data"}  # fmt: skip


def test_a_missing_key_is_noticed_wherever_it_is(world: Any, conformance: Conformance) -> None:
    world.simulator.subscribe("https://app.example.test/", signing_key="k")
    world.book(answers={"Booking ID": "1"}, guests=["g@example.test"])
    document = json.loads(world.simulator.deliveries[0].body)
    for path in _keys(document):
        if path[-1] in OPTIONAL:
            continue
        broken = copy.deepcopy(document)
        node = broken
        for part in path[:-1]:
            node = node[part]
        del node[path[-1]]
        assert conformance.of_document("delivery_invitee.json", broken), path


def test_an_unknown_key_is_noticed_wherever_it_is(world: Any, conformance: Conformance) -> None:
    event = world.simulator.event(world.book(guests=["g@example.test"]).event_uri)
    for path in [(), *(path for path in _keys(event))]:
        broken = copy.deepcopy(event)
        node = broken
        for part in path:
            node = node[part]
        if isinstance(node, dict):
            node["surprise"] = None
            assert conformance.of_document("scheduled_event.json", broken), path


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": "cancelled"},  # the British spelling of public mocks
        {"cancellation": None},  # null while active
        {"cancellation": {}},
        {"uri": "https://calendly.com/scheduled_events/x/invitees/y"},
        {"reschedule_url": "https://calendly.com/reschedules/abc"},
    ],
)
def test_what_public_mocks_get_wrong_is_noticed(world: Any, conformance: Conformance, spoil: dict[str, Any]) -> None:
    invitee = world.simulator.invitee(world.book().invitee_uri)
    assert conformance.of_document("invitee.json", invitee) == []
    assert conformance.of_document("invitee.json", {**invitee, **spoil})


def test_an_answer_without_a_schema_is_a_violation(world: Any, conformance: Conformance) -> None:
    call = Call(1, "GET", "u", None, 202, "{}", None, True, world.clock.now, endpoint="GET /users/{uuid}")
    assert conformance.of_call(call) == ["GET /users/{uuid} 202: no schema for this answer"]


def test_an_answer_that_is_not_json_is_a_violation(world: Any, conformance: Conformance) -> None:
    call = Call(1, "GET", "u", None, 200, "<html>", None, True, world.clock.now, endpoint="GET /users/{uuid}")
    assert "not JSON" in conformance.of_call(call)[0]


def test_a_directory_without_schemas_is_an_error_not_a_pass(tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"index\.json is missing"):
        Conformance(tmp_path)


def test_the_message_of_the_embed_fits(world: Any, conformance: Conformance) -> None:
    booked = world.book()
    assert conformance.of_message(booked.message) == []
    assert conformance.of_message({**booked.message, "payload": {**booked.message["payload"], "start_time": "x"}})
