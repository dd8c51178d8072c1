"""Runs as a real one would leave them, of any size, the same for the same arguments.

No booking is made: the records are written as the runner would write them, so that what reads them can be tested with
failures, flaky cases, kills and sizes that a real suite does not have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

from harness.records import (
    Body,
    CalendlyCall,
    Check,
    Delivery,
    Exchange,
    Log,
    Record,
    RowChange,
    Scenario,
    Step,
)
from harness.report import EventWriter, Manifest, RunInfo, finish, start
from tests.report.planned import Plan, plans

__all__ = ["NOW", "records_of", "start_run", "write_run"]

NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)

Facts = dict[str, Any]


def records_of(plan: Plan, *, seed: int = 7, worker: int = 0, pace: int = 1) -> Iterator[Record]:
    """The records of one attempt, its Scenario last. `pace` stretches what is measured and nothing else."""
    return _Player(plan, seed, worker, pace).play()


def start_run(directory: Path, found: Sequence[Plan], **more: Any) -> Manifest:
    """Start a run whose plan is `found`."""
    planned = tuple(dict.fromkeys(plan.scenario_id for plan in found))
    info: Facts = {
        "run_id": directory.name,
        "started_at": datetime(2026, 11, 22, 21, 0, tzinfo=UTC),
        "project": directory,
        "seed": 7,
        "command": ("harness", "run", "scenarios/"),
        "database": {"kind": "embedded", "version": "18.6", "image": None, "image_digest": None, "choice": "auto"},
        "planned": planned,
    }
    return start(directory, RunInfo(**(info | more)))


def write_run(
    directory: Path,
    count: int = 60,
    *,
    failing: bool = True,
    seed: int = 7,
    workers: int = 1,
    pace: int = 1,
    finished: bool = True,
    **more: Any,
) -> Manifest:
    """A whole run in `directory`; with `finished=False` it is left as a kill would leave it."""
    found = plans(count, failing=failing, seed=seed)
    manifest = start_run(directory, found, seed=seed, workers=workers, **more)
    writers = [EventWriter(directory, worker) for worker in range(workers)]
    for number, plan in enumerate(found):
        worker = number % workers
        for record in records_of(plan, seed=seed, worker=worker, pace=pace):
            writers[worker].write(record)
    for writer in writers:
        writer.close()
    return finish(directory, ended_at=manifest.start + timedelta(seconds=30)) if finished else manifest


class _Player:
    def __init__(self, plan: Plan, seed: int, worker: int, pace: int) -> None:
        self.plan, self.seed, self.worker, self.pace = plan, seed, worker, pace
        self.random = Random(f"{seed} {plan.scenario_id} {plan.attempt}")
        self.ids: Facts = {"scenario_id": plan.scenario_id, "attempt": plan.attempt}
        self.booking = f"{self.random.getrandbits(32):08x}-5b0c-4b1e-9d0e-{self.random.getrandbits(48):012x}"
        self.event = f"https://api.calendly.com/scheduled_events/{self.random.getrandbits(48):012x}"
        self.slow = self.random.lognormvariate(0, 0.4) * (1.0 if plan.actor == "anonymous" else 1.35)

    def play(self) -> Iterator[Record]:
        if self.plan.outcome != "skipped":
            yield from self._given()
            yield from self._schedule()
            yield from self._create()
            yield from self._deliver()
            yield from self._then()
        yield self._scenario()

    def _took(self, typical: int) -> int:
        return round(typical * self.slow) * self.pace + self.pace - 1

    def _step(self, step: int, phase: str, verb: str, title: str, typical: int, **more: Any) -> Step:
        outcome = more.pop("outcome", "passed")
        return Step(
            **self.ids,
            step=step,
            phase=cast(Any, phase),
            verb=verb,
            title=title,
            line=self.plan.line + 3 + step,
            column=9,
            outcome=outcome,
            clock=NOW + timedelta(seconds=step),
            detail=json.dumps(more),
            duration_us=self._took(typical),
        )

    def _check(
        self, step: int, kind: str, path: str, matcher: str, expected: str, actual: str, ok: bool = True
    ) -> Check:
        return Check(
            **self.ids,
            step=step,
            kind=cast(Any, kind),
            path=path,
            matcher=matcher,
            expected=expected,
            actual=actual,
            outcome="passed" if ok else "failed",
            line=self.plan.line + 3 + step,
            column=17,
            tries=self.pace,
        )

    def _body(self, value: Any) -> Body:
        return Body.of(json.dumps(value, separators=(",", ":")), **self.ids)

    def _given(self) -> Iterator[Record]:
        yield self._step(
            0, "given", "given", f"catalog production, visitor {self.plan.actor}", 700, catalog="production"
        )
        yield self._step(1, "when", "select_session", f"select_session {self.plan.session}", 300)
        if self.plan.actor == "client":
            yield from self._exchange(
                1,
                1,
                "POST",
                "/api/scheduling/bookings/initialize",
                {"sessionTypeId": self.plan.session},
                200,
                {"success": True, "bookingId": self.booking, "state": "SESSION_TYPE_SELECTED"},
                3900,
            )

    def _schedule(self) -> Iterator[Record]:
        yield self._step(2, "when", "schedule", "schedule at 2030-03-06T10:00Z, invitee ***", 900, as_="event")

    def _exchange(
        self, step: int, number: int, method: str, path: str, asked: Any, status: int, answer: Any, typical: int
    ) -> Iterator[Record]:
        request, response = self._body(asked), self._body(answer)
        headers = {"content-type": "application/json"} | (
            {"authorization": "***"} if self.plan.actor == "client" else {}
        )
        yield request
        yield response
        yield Exchange(
            **self.ids,
            step=step,
            exchange=number,
            actor=self.plan.actor,
            method=method,
            path=path,
            request_headers=json.dumps(headers),
            request_body=request.body_id,
            status=status,
            response_headers='{"content-type": "application/json"}',
            response_body=response.body_id,
            error=None,
            clock=NOW + timedelta(seconds=step),
            duration_us=self._took(typical),
        )

    def _create(self) -> Iterator[Record]:
        wrong = self.plan.defect in ("state", "flicker")
        state = "IDLE" if wrong else "BOOKING_CONFIRMED"
        yield self._step(3, "when", "create", "create {}", 6200, outcome="failed" if wrong else "passed")
        answer = self._body(
            {"resource": {"uri": self.event, "status": "active", "start_time": "2030-03-06T10:00:00.000000Z"}}
        )
        yield answer
        yield CalendlyCall(
            **self.ids,
            step=3,
            call=1,
            provider="calendly",
            method="GET",
            url=self.event,
            request_body=None,
            status=200,
            response_body=answer.body_id,
            fault=None,
            matched=True,
            clock=NOW + timedelta(seconds=3),
            duration_us=self._took(800),
        )
        asked = {
            "calendlyEventUri": self.event,
            "customQuestionResponse": {"Booking ID": self.booking},
            "clientEmail": "***@***",
        }
        yield from self._exchange(
            3,
            2,
            "POST",
            "/api/scheduling/bookings/create",
            asked,
            200,
            {"success": True, "bookingId": self.booking, "state": state},
            5600,
        )
        yield self._check(3, "response", "$.status", "equals", "200", "200")
        yield self._check(3, "response", "$.body.success", "equals", "true", "true")
        yield self._check(3, "response", "$.body.state", "equals", "BOOKING_CONFIRMED", state, not wrong)
        yield from self._rows(state)
        fields = {"userId": self.plan.actor, "isAuthenticated": self.plan.actor == "client", "bookingId": self.booking}
        yield Log(
            **self.ids,
            step=3,
            log=1,
            level="info",
            logger="booking",
            message="booking.created",
            fields=json.dumps(fields),
            clock=NOW + timedelta(seconds=3),
        )

    def _rows(self, state: str) -> Iterator[Record]:
        client = None if self.plan.actor == "anonymous" else '"11111111-1111-4111-8111-111111111111"'
        cells = {
            "id": f'"{self.booking}"',
            "clientId": client,
            "status": '"CONFIRMED"',
            "paymentStatus": '"PAID"',
            "amount": "0.00",
            "currentState": f'"{state}"',
            "startTime": '"2030-03-06T10:00:00"',
            "calendlyEventUri": f'"{self.event}"',
        }
        for column, value in cells.items():
            yield self._cell(1, "Booking", {"id": self.booking}, "insert", column, None, value)
        for column, value in {"bookingId": f'"{self.booking}"', "from": '"IDLE"', "to": f'"{state}"'}.items():
            yield self._cell(2, "BookingTransition", {"id": 1}, "insert", column, None, value)

    def _cell(
        self, change: int, table: str, key: Any, operation: str, column: str, before: str | None, after: str | None
    ) -> RowChange:
        return RowChange(
            **self.ids,
            step=3 + change // 3,
            change=change,
            transaction=1 + change // 3,
            table=table,
            key=json.dumps(key),
            operation=cast(Any, operation),
            column=column,
            before=before,
            after=after,
        )

    def _deliver(self) -> Iterator[Record]:
        yield self._step(
            4, "when", "deliver", "deliver invitee.created 2 times", 2600, event="invitee.created", times=2
        )
        body = self._body(
            {"event": "invitee.created", "payload": {"uri": f"{self.event}/invitees/1", "email": "***@***"}}
        )
        yield body
        for number in (1, 2):
            yield Delivery(
                **self.ids,
                step=4,
                delivery=1,
                provider="calendly",
                event="invitee.created",
                url="/api/webhooks/calendly",
                delivery_attempt=number,
                request_headers='{"calendly-webhook-signature": "***"}',
                request_body=body.body_id,
                status=200,
                response_body=None,
                outcome="delivered",
                clock=NOW + timedelta(seconds=4),
                duration_us=self._took(1100),
            )
        yield self._cell(
            3, "Booking", {"id": self.booking}, "update", "updatedAt", '"2030-03-04T09:00:03"', '"2030-03-04T09:00:04"'
        )
        yield self._check(4, "delivery", "$.outcome", "equals", "delivered", "delivered")

    def _then(self) -> Iterator[Record]:
        count = "2" if self.plan.defect == "rows" else "1"
        failed = self.plan.defect == "rows"
        yield self._step(5, "then", "rows", "rows Booking count 1", 450, outcome="failed" if failed else "passed")
        yield self._check(5, "count", "Booking", "equals", "1", count, not failed)
        yield self._check(5, "row", "Booking.clientId", "null", "null", "null")
        yield self._check(5, "log", "booking.created", "some", "isAuthenticated false", "isAuthenticated false")
        yield self._check(5, "invariant", "one active booking per invitee", "no row", "no row", "no row")

    def _scenario(self) -> Scenario:
        plan, failure = self.plan, self._failure()
        rerun = f"harness run '{plan.file}:{plan.line}' --seed {self.seed}"
        text = (
            None
            if failure is None
            else f"{plan.outcome.upper():5} {plan.file}:{plan.line}  {plan.title}\n  step 3  create\n    {failure}"
        )
        return Scenario(
            **self.ids,
            case_id=plan.scenario_id if plan.round is None else plan.scenario_id.removesuffix(f"#{plan.round}"),
            name=plan.title,
            feature=plan.feature,
            file=plan.file,
            line=plan.line,
            tags=plan.tags,
            covers=plan.covers,
            actor=plan.actor,
            target="reference",
            params=json.dumps({"session": plan.session}),
            seed=self.seed,
            outcome=plan.outcome,
            flaky=plan.flaky,
            failure=failure,
            failure_text=text,
            fault=False,
            notes=(),
            rerun=rerun,
            worker=self.worker * self.pace,
            started_at=datetime(2026, 11, 22, 21, plan.attempt, self.pace, tzinfo=UTC),
            duration_us=self._took(16_000),
        )

    def _failure(self) -> str | None:
        return {
            "state": "$.body.state   expected BOOKING_CONFIRMED   got IDLE",
            "flicker": "$.body.state   expected BOOKING_CONFIRMED   got IDLE",
            "rows": "Booking   expected 1 row   got 2",
            "connection": "the database closed the connection",
        }.get(self.plan.defect, "not on this database" if self.plan.outcome == "skipped" else None)
