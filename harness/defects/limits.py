"""What falls due with time, and how much one caller may begin (B20, B21)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from harness.booking.identity import Caller
from harness.booking.limits import RateLimiter, Windows
from harness.booking.refusals import Refusal
from harness.booking.settings import Settings
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "B21-unlimited",
    "Anonymous inserts are not limited",
    seen="One caller begins any number of bookings.",
    rules="B21",
)
class Unlimited(RateLimiter):
    """Nobody counts."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        del caller, windows, settings, now


@BOOK.part(
    "B21-one-for-all",
    "All anonymous callers share one limit",
    seen="A visitor is answered 429 because of others.",
    rules="B21",
    hidden_by="B21-unlimited",
)
class OneForAll(RateLimiter):
    """The address of the caller is not read."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        super().check(replace(caller, address=""), windows, settings, now)


@BOOK.part(
    "B21-clients-too",
    "Signed-in clients are limited like anonymous callers",
    seen="A client is answered 429.",
    rules="B21",
    hidden_by="B21-unlimited",
)
class ClientsToo(RateLimiter):
    """Whether somebody is signed in is not asked."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        super().check(replace(caller, user_id=None), windows, settings, now)


@BOOK.part(
    "B21-for-ever",
    "The limit never ends",
    seen="A caller who waited is still answered 429.",
    rules="B21",
    hidden_by="B21-unlimited",
)
class ForEver(RateLimiter):
    """The window does not move on."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        super().check(caller, windows, replace(settings, anonymous_window=timedelta(days=365)), now)


@BOOK.part(
    "B21-not-expired",
    "Unconfirmed anonymous bookings never expire",
    seen="What was begun and never scheduled stays for ever.",
    rules="B21",
)
class NeverExpires(Store):
    """The timer looks for nothing."""

    def overdue(self, connection: Connection, created_before: datetime, states: Iterable[str]) -> list[str]:
        return super().overdue(connection, created_before - timedelta(days=3650), states)


@BOOK.part(
    "B21-expires-all",
    "Begun bookings expire at once",
    seen="A booking that was begun a minute ago is cancelled.",
    rules="B21",
)
class ExpiresEarly(Store):
    """The age is compared the wrong way round."""

    def overdue(self, connection: Connection, created_before: datetime, states: Iterable[str]) -> list[str]:
        return super().overdue(connection, created_before + timedelta(days=1), states)


@BOOK.part(
    "B20-never-completed",
    "Sessions that took place are never marked",
    seen="A confirmed session whose end has passed stays CONFIRMED.",
    rules="B20",
)
class NeverCompleted(Store):
    """The timer looks for a state that no booking has."""

    def ended(self, connection: Connection, before: datetime, state: str) -> list[str]:
        del connection, before, state
        return []


@BOOK.part(
    "B21-expires-clients",
    "What clients began expires too",
    seen="A client's begun booking is cancelled after half an hour.",
    rules="B21",
)
class ExpiresClients(Store):
    """The owner is not looked at."""

    def overdue(self, connection: Connection, created_before: datetime, states: Iterable[str]) -> list[str]:
        rows = connection.execute(
            text('SELECT id FROM "Booking" WHERE "createdAt" <= :before AND "currentState" = ANY(:states)'),
            {"before": created_before, "states": list(states)},
        )
        return [row[0] for row in rows]


@BOOK.part(
    "B20-completed-early",
    "A session is marked as held when it begins",
    seen="A booking is COMPLETED while the session is on.",
    rules="B20",
)
class CompletedEarly(Store):
    """The start is compared."""

    def ended(self, connection: Connection, before: datetime, state: str) -> list[str]:
        rows = connection.execute(
            text('SELECT id FROM "Booking" WHERE "startTime" <= :before AND "currentState" = :state'),
            {"before": before, "state": state},
        )
        return [row[0] for row in rows]


@BOOK.part(
    "B21-no-wait",
    "Who is limited is not told how long to wait",
    seen="A 429 has no Retry-After.",
    rules="B21",
)
class NoWait(RateLimiter):
    """The number is thrown away."""

    def check(self, caller: Caller, windows: Windows, settings: Settings, now: datetime) -> None:
        try:
            super().check(caller, windows, settings, now)
        except Refusal as refused:
            raise Refusal(refused.status, refused.code, refused.message) from None
