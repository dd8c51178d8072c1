"""What every service of one application shares: settings, parts, connections, the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from .calendly_client import CalendlyClient
from .identity import Caller
from .instants import naive
from .journal import Journal
from .limits import Windows
from .parts import Parts
from .progress import Progress
from .records import Booking
from .refusals import not_found
from .settings import Settings
from .stripe_client import StripeClient

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """One application's things. `engine` begins transactions; `reader` reads without one."""

    settings: Settings
    parts: Parts
    engine: Engine
    reader: Engine
    calendly: CalendlyClient
    stripe: StripeClient
    windows: Windows
    journal: Journal

    def now(self) -> datetime:
        """The clock as the database keeps it."""
        return naive(self.parts.clock())

    def may_read(self, caller: Caller, booking: Booking) -> bool:
        """Whether the caller may see the booking."""
        parts = self.parts
        return parts.access.may_read(caller, booking, tokens=parts.tokens, settings=self.settings, now=self.now())

    def may_move(self, caller: Caller, booking: Booking) -> bool:
        """Whether the caller may move the booking."""
        parts = self.parts
        return parts.access.may_move(caller, booking, tokens=parts.tokens, settings=self.settings, now=self.now())

    def progress(self, booking: Booking, actor: str, *, is_new: bool = False) -> Progress:
        """The booking on its way."""
        return Progress(self.parts.machine, booking, actor=actor, now=self.now(), is_new=is_new)

    def save(self, connection: Connection, progress: Progress) -> None:
        """Writes what `progress` changed."""
        progress.save(connection, self.parts.store, self.parts.transition_log)

    @contextmanager
    def locked(
        self, booking_id: str, caller: Caller, holding: Sequence[str] = ()
    ) -> Iterator[tuple[Connection, Booking]]:
        """A transaction over one booking that the caller may move, its row locked. Raises 401, 403, 404."""
        if not (caller.is_authenticated or caller.token):
            raise self.parts.access.refusal(caller)
        with self.engine.begin() as connection:
            if holding:
                self.parts.store.hold(connection, *holding)
            booking = self.parts.store.lock(connection, booking_id)
            if booking is None:
                raise unknown_booking()
            if not self.may_move(caller, booking):
                raise self.parts.access.refusal(caller)
            yield connection, booking


def unknown_booking() -> Exception:
    """404: no booking has this id."""
    return not_found("unknown_booking", "There is no such booking.")
