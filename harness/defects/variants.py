"""Correct references that look different: what no scenario may mind, because no rule says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from harness.booking.failures import FailureMap
from harness.booking.journal import Journal
from harness.booking.parts import Parts
from harness.booking.presenter import Presenter
from harness.booking.records import Booking, SessionType
from harness.booking.refusals import Refusal

from .defect import Book, Defect

__all__ = ["VARIANTS"]

BOOK = Book()


def _ids(parts: Parts) -> Parts:
    made = parts.new_id
    return replace(parts, new_id=lambda: str(uuid5(NAMESPACE_URL, made())))


def _turned(value: Any) -> Any:
    """JSON with the keys of every object in the other order."""
    if isinstance(value, Mapping):
        return {key: _turned(value[key]) for key in reversed(list(value))}
    return [_turned(item) for item in value] if isinstance(value, list) else value


@BOOK.part(
    "other-json",
    "Answers have their keys in another order, and one more",
    seen="Nothing that a rule speaks of.",
)
class OtherJson(Presenter):
    """An object's keys have no order, and a client ignores those that it does not know."""

    def outcome(self, booking: Booking, *, token: str | None = None) -> dict[str, Any]:
        return _turned({**super().outcome(booking, token=token), "apiVersion": "2"}) or {}

    def booking(self, booking: Booking, *, recovery_token: str | None = None) -> dict[str, Any]:
        return _turned({**super().booking(booking, recovery_token=recovery_token), "apiVersion": "2"}) or {}

    def sessions(self, offered: Iterable[SessionType]) -> dict[str, Any]:
        return _turned({**super().sessions(offered), "apiVersion": "2"}) or {}


@BOOK.part("other-json")
class OtherErrors(FailureMap):
    """The error's keys are turned round too."""

    def refusal(self, error: BaseException) -> Refusal:
        return _Turned(super().refusal(error))


class _Turned(Refusal):
    def __init__(self, found: Refusal) -> None:
        super().__init__(found.status, found.code, found.message, retry_after=found.retry_after)

    @property
    def body(self) -> dict[str, Any]:
        return _turned({**super().body, "apiVersion": "2"}) or {}


@BOOK.part(
    "other-words",
    "Log records and messages of errors are worded otherwise",
    seen="Nothing that a rule speaks of: levels, fields and codes are the same.",
)
class OtherWords(Journal):
    """What a rule asks of the log are fields, not words."""

    def _write(self, level: int, message: str, fields: Mapping[str, Any]) -> None:
        super()._write(level, f"flow: {message.replace('.', ' ').capitalize()}", {**fields, "count": 1})


@BOOK.part("other-words")
class OtherMessages(FailureMap):
    """Messages are for people; `type` and `code` are for programs."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(found.status, found.code, f"Sorry: {found.code}.", retry_after=found.retry_after)


@BOOK.history(
    "wider-schema",
    "The tables have more columns, and there are more tables",
    seen="Nothing that a rule speaks of.",
    rules="",
)
def wider(file: str, sql: str) -> str:
    """Another part of the product has added what it needs."""
    if not file.endswith("05_used_token.sql"):
        return sql
    more = """
ALTER TABLE "Booking" ADD COLUMN "tenant" TEXT NOT NULL DEFAULT 'main', ADD COLUMN "notes" JSONB;
ALTER TABLE "SessionType" ADD COLUMN "archivedAt" TIMESTAMP(3);
ALTER TABLE "BookingTransition" ADD COLUMN "requestId" TEXT;
CREATE TABLE "Newsletter" ("id" TEXT PRIMARY KEY, "userId" TEXT REFERENCES "User"("id") ON DELETE CASCADE);
INSERT INTO "Newsletter" VALUES ('n1', NULL);
CREATE INDEX "Booking_status_idx" ON "Booking"("status", "startTime");
"""
    return sql + more


@BOOK.part(
    "coarser-time",
    "Times are told to the second, with an offset instead of a Z",
    seen="Nothing that a rule speaks of: the same instants.",
)
class CoarserTime(Presenter):
    """2030-03-06T10:00:00+00:00 is the same instant as 2030-03-06T10:00:00.000Z."""

    def booking(self, booking: Booking, *, recovery_token: str | None = None) -> dict[str, Any]:
        body = super().booking(booking, recovery_token=recovery_token)
        told = {key: _coarser(value) for key, value in body["booking"].items()}
        return {**body, "booking": told}


def _coarser(value: Any) -> Any:
    if not isinstance(value, str) or not value.endswith("Z"):
        return value
    try:
        return datetime.fromisoformat(value).isoformat(timespec="seconds")
    except ValueError:
        return value


def _made(id_: str, title: str, wrong: str, change: Callable[[Parts], Parts]) -> Defect:
    return Defect(id_, title, wrong, "Nothing that a rule speaks of.", (), changes=(change,))


VARIANTS: Mapping[str, Defect] = MappingProxyType(
    {
        "other-ids": _made("other-ids", "The server makes its ids in another way", "UUIDs of version 5.", _ids),
        **BOOK.defects,
    }
)
"""The correct variants by name, for `--target variant:NAME`."""
