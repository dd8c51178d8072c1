"""A bench for the booking flow: a real database put back between tests, simulated providers, a clock that is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import yaml

from harness.booking import Application, Parts, Settings, create_app, issue_token
from harness.calendly import Options as CalendlyOptions
from harness.calendly import Scheduled, Simulator
from harness.postgres import Sandbox, Server, Template, open_server
from harness.provider.in_process import ResponsesTransport
from harness.stripe import Options as StripeOptions
from harness.stripe import Simulator as Stripe
from tests.support.clock import Clock

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
SLOT = datetime(2030, 3, 6, 10, 0, tzinfo=UTC)
CALENDLY_KEYS = ("calendly-webhook-key-new", "calendly-webhook-key-old")
STRIPE_KEYS = ("whsec_new", "whsec_old")
CATALOGUE: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    (FIXTURES / "catalogues" / "production.yaml").read_text()
)
SESSIONS = CATALOGUE["SessionType"]
USERS = CATALOGUE["User"]
EVERYBODY = ("client", "other-client", "builder", "other-builder", "admin", None)


def migrations(*sections: str) -> list[Path]:
    """The files of the history's sections, in order."""
    found, section = [], ""
    for line in (FIXTURES / "migrations" / "history.txt").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
        elif text and section in sections:
            found.append(FIXTURES / "migrations" / text)
    return found


def signature(key: str, moment: int, body: bytes) -> str:
    """What Calendly and Stripe sign a delivery with: HMAC-SHA256 over the moment, a dot and the bytes, in hex."""
    return hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def populate(connection: psycopg.Connection[Any], *sections: str) -> None:
    """The schema of `sections` and the catalogue."""
    for path in migrations(*sections):
        connection.execute(path.read_bytes())
    for table, rows in CATALOGUE.items():
        for row in rows.values():
            columns = ", ".join(f'"{name}"' for name in row)
            values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
            marks = ", ".join("%s::jsonb" if isinstance(value, dict) else "%s" for value in row.values())
            connection.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', values)


class Ids:
    """Ids in order, each a UUID."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self._count += 1
            return f"00000000-0000-4000-8000-{self._count:012d}"


class Answer:
    """An answer with its status, headers and JSON."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.text: str = response.get_data(as_text=True)
        self.body: dict[str, Any] = json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    def __repr__(self) -> str:
        return f"<{self.status} {self.text[:300]}>"


class Logged(logging.Handler):
    """What the logger `booking` was told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Each message with its fields, which structured records carry."""
        return [(record.getMessage(), vars(record)["fields"]) for record in self.records]

    def fields(self, message: str) -> list[dict[str, Any]]:
        return [fields for said, fields in self.told() if said == message]


class Shared:
    """The application that tests share, so that its connections stay open; its clock and ids are the bench's of the moment."""

    url = ""
    made: Application | None = None

    @classmethod
    def app(cls, settings: Settings) -> Application:
        if cls.made is None or cls.url != settings.database_url:
            cls.dispose()
            parts = Parts(clock=lambda: Providers.now().clock(), new_id=lambda: Providers.now().ids())
            cls.url, cls.made = settings.database_url, create_app(settings, parts)
        cls.made.reset()
        return cls.made

    @classmethod
    def dispose(cls) -> None:
        if cls.made is not None:
            cls.made.dispose()
            cls.made = None


class Bench:
    """The application on its database, with Calendly and Stripe simulated."""

    def __init__(self, sandbox: Sandbox, settings: Settings, clock: Clock) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.clock = clock
        self.ids = Ids()
        self.apps: list[Application] = []
        self.parts = Parts(clock=clock, new_id=self.ids)
        self.app = Shared.app(settings)
        self.calendly = Simulator(clock=clock, options=CalendlyOptions(token=settings.calendly_token))
        self.stripe = Stripe(clock=clock, options=StripeOptions(api_key=settings.stripe_key))
        self.logged = Logged()
        self._furnish()

    def build(self, parts: Parts | None = None, **settings: Any) -> Application:
        """Another application on the same database."""
        from dataclasses import replace

        app = create_app(replace(self.settings, **settings), parts or self.parts)
        self.apps.append(app)
        return app

    def _furnish(self) -> None:
        for key, session in SESSIONS.items():
            self.calendly.add_event_type(
                name=session["title"],
                duration=session["durationMinutes"],
                capacity=session["maxParticipants"],
                questions=[{"name": "Booking ID", "type": "string", "required": False}],
                slug=key,
                uri=session["calendlyEventTypeUri"],
            )
        self.calendly.subscribe("https://booking.test/api/webhooks/calendly", signing_key=CALENDLY_KEYS[0])
        self.stripe.subscribe("https://booking.test/api/webhooks/stripe", signing_key=STRIPE_KEYS[0])

    # ---- talking to it

    def call(
        self,
        method: str,
        path: str,
        payload: Any = None,
        *,
        by: str | None = None,
        app: Application | None = None,
        **options: Any,
    ) -> Answer:
        """One request; `by` is a user of the catalogue, None an anonymous visitor."""
        headers = dict(options.pop("headers", {}))
        if by:
            headers["Authorization"] = f"Bearer {self.token(by)}"
        if payload is not None:
            options["data"] = json.dumps(payload)
        with (app or self.app).test_client() as client:
            return Answer(client.open(f"/api/{path}", method=method, headers=headers, **options))

    def token(self, user: str) -> str:
        return issue_token(USERS[user]["clerkId"], self.settings, self.clock())

    def schedule(
        self, session: str, start: datetime = SLOT, booking_id: str | None = None, **options: Any
    ) -> Scheduled:
        """A person books at Calendly."""
        answers = {"Booking ID": booking_id} if booking_id else {}
        utm = {"utm_content": booking_id} if booking_id else {}
        invitee = {"name": "Sam Sample", "email": "sam@example.test", "timezone": "Europe/Paris"}
        given = {"answers": answers, "utm": utm, "check": "none", **options}
        return self.calendly.schedule(SESSIONS[session]["calendlyEventTypeUri"], start, invitee, **given)

    def create(
        self, session: str, event: Scheduled, booking_id: str | None = None, *, by: str | None = None, **more: Any
    ) -> Answer:
        """POST create for an event at Calendly."""
        return self.call("POST", "scheduling/bookings/create", self.creation(session, event, booking_id, **more), by=by)

    def creation(self, session: str, event: Scheduled, booking_id: str | None = None, **more: Any) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "builderId": SESSIONS[session]["builderId"],
            "sessionTypeId": SESSIONS[session]["id"],
            "calendlyEventUri": event.event_uri,
            "calendlyInviteeUri": event.invitee_uri,
        }
        if booking_id:
            payload["customQuestionResponse"] = [{"question": "Booking ID", "answer": booking_id, "position": 0}]
        return payload | more

    def initialize(self, session: str, booking_id: str | None = None, *, by: str | None = None, **more: Any) -> Answer:
        payload: dict[str, Any] = {
            "builderId": SESSIONS[session]["builderId"],
            "sessionTypeId": SESSIONS[session]["id"],
        }
        if booking_id:
            payload["bookingId"] = booking_id
        return self.call("POST", "scheduling/bookings/initialize", payload | more, by=by)

    def read(self, booking_id: str, *, by: str | None = "admin", **query: str) -> Answer:
        suffix = f"?{urlencode(query)}" if query else ""
        return self.call("GET", f"scheduling/bookings/{booking_id}{suffix}", by=by)

    def transition(
        self, booking_id: str, event: str, data: dict[str, Any] | None = None, *, by: str | None = "client", **more: Any
    ) -> Answer:
        payload: dict[str, Any] = {"event": event, **more}
        if data is not None:
            payload["data"] = data
        return self.call("POST", f"scheduling/bookings/{booking_id}/transition", payload, by=by)

    def deliver(self, provider: str = "calendly", **options: Any) -> list[Any]:
        """Sends what waits in a provider's outbox to the application."""
        simulator = self.calendly if provider == "calendly" else self.stripe

        def send(delivery: Any) -> Any:
            with self.app.test_client() as client:
                response = client.post(f"/api/webhooks/{provider}", data=delivery.body, headers=dict(delivery.headers))
            from harness.provider import Answer as Delivered

            return Delivered(response.status_code, response.get_data())

        return simulator.deliver(send, **options)

    # ---- looking at the database

    def rows(self, table: str, order: str = "1") -> list[dict[str, Any]]:
        return self.sandbox.query(f'SELECT * FROM "{table}" ORDER BY {order}')

    def booking(self, booking_id: str) -> dict[str, Any]:
        return self.sandbox.query('SELECT * FROM "Booking" WHERE "id" = %s', (booking_id,))[0]

    def path(self, booking_id: str) -> list[str]:
        """The states that a booking went through."""
        found = self.sandbox.query(
            'SELECT "fromState", "toState" FROM "BookingTransition" WHERE "bookingId" = %s ORDER BY "id"', (booking_id,)
        )
        return [found[0]["fromState"], *(row["toState"] for row in found)] if found else []

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self.sandbox.execute(statement, values)


def settings_for(url: str) -> Settings:
    return Settings(
        database_url=url,
        token_key="a key of the tests, thirty-two bytes or more",
        calendly_token="calendly-token-of-the-tests",
        calendly_webhook_keys=CALENDLY_KEYS,
        stripe_key="sk_test_of_the_tests",
        stripe_webhook_keys=STRIPE_KEYS,
        anonymous_inserts=1000,
    )


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server("embedded") as opened:
        yield opened


@pytest.fixture(scope="session")
def template(server: Server) -> Template:
    return server.template("booking-tests", lambda connection: populate(connection, "before", "update", "reference"))


@pytest.fixture(scope="session")
def sandbox(template: Template) -> Iterator[Sandbox]:
    made = Sandbox(template)
    yield made
    Shared.dispose()
    made.close()


class Providers:
    """The bench of the moment, for the one mock that lasts a whole module."""

    bench: Bench | None = None

    @classmethod
    def now(cls) -> Bench:
        assert cls.bench is not None
        return cls.bench


@pytest.fixture(scope="module")  # not longer: the tests of other rooms reach real servers on this machine
def mock() -> Iterator[None]:
    transport = ResponsesTransport(
        {
            "https://api.calendly.com": lambda: Providers.now().calendly,
            "https://api.stripe.com": lambda: Providers.now().stripe,
        },
        sleep=lambda seconds: None,
    )
    transport.start()
    yield
    transport.stop()


@pytest.fixture
def bench(sandbox: Sandbox, mock: None) -> Iterator[Bench]:
    sandbox.begin()
    made = Providers.bench = Bench(sandbox, settings_for(sandbox.database.sqlalchemy_url), Clock())
    logger = logging.getLogger("booking")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(made.logged)
    yield made
    logger.removeHandler(made.logged)
    for app in made.apps:
        app.dispose()
    sandbox.reset()


def money(text: str) -> Decimal:
    return Decimal(text)
