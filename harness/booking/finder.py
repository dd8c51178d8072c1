"""Which booking a webhook is about (W03): the answer, else utm_content, else the invitee; never a guess."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from .calendly_news import News
from .records import Booking
from .store import Store

__all__ = ["Finder", "Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """The booking, or why there is none: `conflict` names the disagreement, both None means not here yet."""

    booking: Booking | None = None
    conflict: str | None = None


class Finder:
    """Finds the booking of a delivery."""

    def find(self, connection: Connection, store: Store, news: News) -> Found:
        """The one booking that the delivery names, if all that it names agree."""
        if len(news.named) > 1:
            return Found(conflict="ids_disagree")
        named = news.named[0] if news.named else None
        candidates = {booking.id: booking for booking in store.named(connection, named, news.invitee_uris)}
        if len(candidates) > 1:
            return Found(conflict="bookings_disagree")
        return Found(next(iter(candidates.values()), None))
