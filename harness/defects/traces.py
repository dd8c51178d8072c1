"""What the log and the record of transitions say, and to whom (R05, B18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from harness.booking.identity import Caller
from harness.booking.journal import Journal
from harness.booking.progress import Progress, Transitioned, TransitionLog
from harness.booking.store import Store

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "B18-not-logged",
    "Transitions are recorded, and not logged",
    seen="The log says nothing of a transition.",
    rules="B18",
)
class NotLogged(Journal):
    """The table is there to be read."""

    def transitions(self, progress: Progress) -> None:
        del progress


@BOOK.part(
    "B18-log-turned",
    "The log has from and to the wrong way round",
    seen="The log says that a booking went from confirmed to scheduled.",
    rules="B18",
)
class Turned(Journal):
    """Two arguments of the same type."""

    def _write(self, level: int, message: str, fields: Mapping[str, Any]) -> None:
        turned = {"from": fields["to"], "to": fields["from"]} if {"from", "to"} <= set(fields) else {}
        super()._write(level, message, {**fields, **turned})


@BOOK.part(
    "B18-turned",
    "Transitions are recorded the wrong way round",
    seen="The table of transitions begins with the last state.",
    rules="B18",
)
class RecordedTurned(TransitionLog):
    """The newest first."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        super().record(connection, store, booking_id, steps[::-1], now)


@BOOK.part(
    "B18-event",
    "A transition is recorded without its event",
    seen="The table of transitions says from where to where, and not why.",
    rules="B18",
)
class NoEvent(TransitionLog):
    """The states are thought to say it."""

    def record(
        self, connection: Connection, store: Store, booking_id: str, steps: list[Transitioned], now: datetime
    ) -> None:
        super().record(connection, store, booking_id, [replace(step, event="UPDATE") for step in steps], now)


@BOOK.part(
    "R05-always-anonymous",
    "The log calls every visitor anonymous",
    seen="A client's booking is logged with `userId: anonymous`.",
    rules="R05",
)
class NobodyLogged(Journal):
    """Since the update the user is not passed on."""

    def of_caller(self, message: str, caller: Caller, **fields: Any) -> None:
        self.info(message, userId="anonymous", isAuthenticated=caller.is_authenticated, **fields)
