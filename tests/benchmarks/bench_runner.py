"""A scenario with evidence and report, against a bare loop: the same application, requests and SQL, and no harness.

One anonymous flow: three requests (what may be booked, create, the confirmation), in which the application asks
Calendly twice, assertions about the rows of three tables, and the reset.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import requests
import responses

from harness.booking import Parts, create_app
from harness.postgres import Server, open_server
from harness.scenario.application import settings_for
from harness.scenario.fixtures import catalogue, history, populate
from harness.session import RunOptions, run

ROOT = Path(__file__).parents[2]
SCENARIOS = 200
ROUNDS = 5
PROMISED = 2.0
NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)

SCENARIO = """
feature: The benchmark's flow
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A free session is booked
    when:
      - sessions: {}
        expect: {status: 200, body: {success: true}}
      - select_session: intro-call
      - schedule: {at: "2030-03-06T10:00Z", invitee: {name: Sam, email: sam@example.test}}
        as: event
      - create: {}
        as: booking
        expect: {status: 200, body: {success: true, bookingId: $flow.booking_id, state: BOOKING_CONFIRMED}}
      - confirm: {}
        expect: {status: 200, body: {booking: {id: $booking.id, status: CONFIRMED}}}
    then:
      - changed:
          Booking: {added: [{id: $booking.id, clientId: null, calendlyInviteeUri: $event.invitee_uri, status: CONFIRMED}]}
          BookingTransition: {added: <gte 1>}
"""


def main() -> bool:
    print(f"runner: {SCENARIOS} scenarios, one worker, evidence and report on; {ROUNDS} rounds interleaved")
    bare, harness = [], []
    with open_server("embedded") as server, tempfile.TemporaryDirectory() as folder:
        loop = BareLoop(server)
        path = Path(folder) / "scenario.yaml"
        path.write_text(SCENARIO)
        options = RunOptions(
            paths=(str(path),),
            root=ROOT,
            database="embedded",
            repeat=SCENARIOS,
            seed=1,
            reports=Path(folder) / "reports",
        )
        run(options)  # imports, caches and the template, which a run pays once
        for _ in range(ROUNDS):
            bare.append(timed(loop.run))
            harness.append(timed(lambda: run(options)) - start_up(options))
        loop.close()
    per_bare, per_harness = (statistics.median(x) / SCENARIOS * 1000 for x in (bare, harness))
    ratio = statistics.median(h / b for h, b in zip(harness, bare, strict=True))
    print(
        f"  bare loop {per_bare:.2f} ms   harness {per_harness:.2f} ms   ratio {ratio:.2f} (promised: at most {PROMISED})"
    )
    return ratio <= PROMISED


def start_up(options: RunOptions) -> float:
    """What a run of one scenario costs: starting the database, the template, the report's fixed part."""
    from msgspec.structs import replace

    one = replace(options, repeat=1)
    return timed(lambda: run(one))


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class BareLoop:
    """What remains when everything that is the harness is left out: client, application, SQL, a stub for Calendly."""

    def __init__(self, server: Server) -> None:
        fixtures = ROOT / "fixtures"
        rows = catalogue(fixtures, "production")
        migrations = history(fixtures, ("before", "update", "reference"))
        self.database = server.template("bench", lambda c: populate(c, migrations, rows)).clone()
        self.connection = psycopg.connect(self.database.dsn, autocommit=True)
        self.app = create_app(settings_for(self.database.sqlalchemy_url), Parts(clock=lambda: NOW))
        self.client = self.app.test_client()
        self.session = rows.rows("SessionType")["intro-call"]
        self.number = 0

    def run(self) -> None:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            import re

            pattern = re.compile(r"https://api\.calendly\.com/scheduled_events/.*")
            mock.add_callback(responses.GET, pattern, callback=self.calendly)
            for _ in range(SCENARIOS):
                self.once()

    def once(self) -> None:
        self.number += 1
        identifier = f"00000000-0000-4000-8000-{self.number:012d}"
        event = f"https://api.calendly.com/scheduled_events/{identifier}"
        offered = self.client.get("/api/scheduling/session-types")
        assert offered.status_code == 200
        assert offered.get_json()["success"] is True
        answer = self.client.post(
            "/api/scheduling/bookings/create",
            json={
                "builderId": self.session["builderId"],
                "sessionTypeId": self.session["id"],
                "calendlyEventUri": event,
                "calendlyInviteeUri": f"{event}/invitees/{identifier}",
                "customQuestionResponse": [{"question": "Booking ID", "answer": identifier, "position": 0}],
            },
        )
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["state"] == "BOOKING_CONFIRMED"
        token = answer.get_json()["bookingToken"]
        shown = self.client.get(f"/api/scheduling/bookings/{identifier}?token={token}")
        assert shown.status_code == 200
        assert shown.get_json()["booking"]["status"] == "CONFIRMED"
        one = self.connection.execute(
            'SELECT "clientId", "calendlyInviteeUri", status FROM "Booking" WHERE id = %s', [identifier]
        )
        assert one.fetchone() == (None, f"{event}/invitees/{identifier}", "CONFIRMED")
        count = self.connection.execute('SELECT count(*) FROM "BookingTransition" WHERE "bookingId" = %s', [identifier])
        assert (count.fetchone() or (0,))[0] >= 1
        others = self.connection.execute('SELECT count(*) FROM "WebhookDelivery"')
        assert others.fetchone() == (0,)
        self.connection.execute('DELETE FROM "BookingTransition"')
        self.connection.execute('DELETE FROM "Booking"')
        self.app.reset()

    def calendly(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        identifier = str(request.url).rsplit("/", 1)[1]
        event = f"https://api.calendly.com/scheduled_events/{identifier}"
        when = {"start_time": "2030-03-06T10:00:00.000000Z", "end_time": "2030-03-06T10:30:00.000000Z"}
        if "/invitees/" in str(request.url):
            answers = [{"question": "Booking ID", "answer": identifier, "position": 0}]
            resource: dict[str, Any] = {
                "uri": f"{event}/invitees/{identifier}", "event": event, "status": "active", "email": "sam@example.test",
                "name": "Sam", "questions_and_answers": answers, "tracking": {"utm_content": identifier}, "timezone": "Europe/London",
            }  # fmt: skip
        else:
            resource = {"uri": event, "status": "active", "event_type": self.session["calendlyEventTypeUri"], **when}
        return 200, {"Content-Type": "application/json"}, json.dumps({"resource": resource})

    def close(self) -> None:
        self.connection.close()
        self.app.dispose()
        self.database.drop()
