"""The booking flow as traffic: anonymous and signed-in visitors of one application profile, Calendly simulated.

The application is the reference implementation (or its legacy profile) over the database being migrated; its visitors
are the flow's own client side.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from harness.booking import Parts, create_app, issue_token, legacy
from harness.booking.flow import Answer, Flow
from harness.migrations.schema import Schema
from harness.migrations.statements import split
from harness.migrations.traffic import Counts, run_in_threads
from harness.scenario.application import settings_for
from harness.scenario.fixtures import catalogue, history, populate
from harness.scenario.simulators import Simulators
from harness.scenario.transport import HttpRequest, InProcess, Transport

if TYPE_CHECKING:
    from harness.postgres import Database

__all__ = ["BookingTraffic"]

NOW = datetime(2030, 1, 7, 9, tzinfo=UTC)
_FREE = "intro-call"


@dataclass
class BookingTraffic:
    """`fixtures` holds the catalogue and the migrations that the reference adds. `profile` is the running release."""

    fixtures: Path
    profile: str = "legacy"
    visitors: int = 4  # of each kind, at once
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"booking flow, {self.profile} application, anonymous and signed-in visitors"
        self._hours = itertools.count(1)

    def fits(self, schema: Schema) -> str:
        """Needs the tables of the booking flow."""
        missing = [
            table for table in ("Booking", "SessionType", "User", "BuilderProfile") if table not in schema.tables
        ]
        return f"there is no table {missing[0]}" if missing else ""

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """The reference's own tables, and the catalogue's rows. Backfills are left out: generated rows need none."""
        scripts, rows = history(self.fixtures, ("reference",)), catalogue(self.fixtures, "production")
        populate(connection, scripts, rows, _without_backfills)

    def run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        """Whole flows, one after the other, in several threads."""
        with _quiet():
            self._run(database, stop, counts)

    def _run(self, database: Database, stop: threading.Event, counts: Counts) -> None:
        simulators = Simulators(lambda: NOW)
        simulators.start()
        make = legacy.create_app if self.profile == "legacy" else create_app
        parts = Parts(clock=lambda: NOW, new_id=lambda: str(uuid.uuid4()))
        application = make(settings_for(database.sqlalchemy_url), parts)
        try:
            calendly = simulators.fresh(7, catalogue(self.fixtures, "production")).named("calendly")
            workers = [
                self._visitor(InProcess(application), calendly, stop, counts, signed_in=signed_in, number=number)
                for number, signed_in in enumerate([False, True] * self.visitors)
            ]
            run_in_threads(workers)
        finally:
            application.dispose()
            simulators.stop()

    def _visitor(
        self,
        transport: Transport,
        calendly: Any,
        stop: threading.Event,
        counts: Counts,
        *,
        signed_in: bool,
        number: int,
    ) -> Callable[[], None]:
        users = catalogue(self.fixtures, "production").rows("User")
        token = issue_token(users["client"]["clerkId"], settings_for(""), NOW, timedelta(days=1)) if signed_in else None
        kind = "signed-in" if signed_in else "anonymous"

        def work() -> None:
            for attempt in itertools.count():
                if stop.is_set():
                    return
                caller = f"192.0.2.{(number * 60 + attempt) % 250 + 1}"
                send = _sender(transport, token, caller, kind, counts, stop)
                with suppress(_Stopped):
                    self._one_flow(send, calendly, signed_in)

        return work

    def _one_flow(self, send: Callable[[str, str, Any], Answer], calendly: Any, signed_in: bool) -> None:
        """Look, choose, begin, schedule, create, look again; ends where the server refuses."""
        session = catalogue(self.fixtures, "production").rows("SessionType")[_FREE]
        flow = Flow(
            send,
            signed_in=signed_in,
            new_id=lambda: str(uuid.uuid4()),
            profile="legacy" if self.profile == "legacy" else "reference",
        )
        flow.sessions()
        begun = flow.select_session(session)
        if begun is not None and not begun.ok:
            return
        if signed_in and not flow.initialize().ok:
            return
        embed = flow.embed()
        start = NOW + timedelta(hours=24 + next(self._hours))
        person = {"name": "Sam Visitor", "email": "sam@example.test", "timezone": "Europe/London"}
        booked = calendly.schedule(
            embed["event_type_uri"], start, person, answers=embed["answers"], utm=embed["utm"], check="none"
        )
        flow.on_message("https://calendly.com", booked.message)
        if flow.create().ok:
            flow.confirm()


def _without_backfills(path: Path, text: str) -> str:
    statements = split(text, str(path)).statements
    return ";\n".join(statement.text for statement in statements if statement.kind != "UpdateStmt")


class _Stopped(Exception):
    """The rest of a flow is not played."""


@contextmanager
def _quiet() -> Iterator[None]:
    """What the application logs of thousands of requests is not what a check reports."""
    logger = logging.getLogger("booking")
    silent, propagate = logging.NullHandler(), logger.propagate
    logger.addHandler(silent)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(silent)
        logger.propagate = propagate


def _sender(
    transport: Transport, token: str | None, caller: str, kind: str, counts: Counts, stop: threading.Event
) -> Callable[[str, str, Any], Answer]:
    """Sends as one visitor and counts: a 5xx is a failure, a 4xx is what the application means."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def send(method: str, path: str, payload: Any = None) -> Answer:
        if stop.is_set():
            raise _Stopped
        body = b"" if payload is None else json.dumps(payload).encode()
        start = time.perf_counter()
        answer = transport.send(HttpRequest(method, path, headers, body, caller))
        error = (
            f"{method} {path.split('?', maxsplit=1)[0]} → {answer.status}: {_code(answer.json)}"
            if answer.status >= 500
            else ""
        )
        counts.add(kind, time.perf_counter() - start, error, refused=400 <= answer.status < 500)
        return Answer(answer.status, answer.json, dict(answer.headers))

    return send


def _code(body: Any) -> str:
    error = body.get("error", {}) if isinstance(body, Mapping) else {}
    return str(error.get("code", "")) if isinstance(error, Mapping) else ""
