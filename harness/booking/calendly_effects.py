"""What Calendly's news do to a booking (W06 to W09), on a booking that is locked and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calendly_news import CANCELED, CREATED, NO_SHOW, News
from .deliveries import APPLIED, FLAGGED, PARKED, Outcome
from .instants import iso
from .machine import Guard
from .machine_table import Event, State
from .progress import Progress
from .records import Booking, SessionType
from .rows import RowBuilder

if TYPE_CHECKING:
    from .parts import Parts

__all__ = ["CalendlyEffects", "recover"]


class CalendlyEffects:
    """Applies one piece of news. Returns what became of it; the caller saves."""

    def apply(self, progress: Progress, news: News, session: SessionType | None, parts: Parts) -> Outcome:
        """The booking after the news. Nothing is changed unless the outcome is `applied`."""
        if news.event == CREATED and not self.is_of(news, session):
            return self._flagged(progress, "event_type_mismatch")
        if news.event == CREATED:
            return self.created(progress, news, parts)
        if news.event == CANCELED:
            return self.canceled(progress, news, parts)
        return self.no_show(progress, news)

    def is_of(self, news: News, session: SessionType | None) -> bool:
        """Whether the event is of the session's own event type; a session without one takes any."""
        expected = session.calendly_event_type_uri if session else None
        return expected is None or news.scheduled.event_type_uri == expected

    def created(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        """Schedules the booking, confirms a free one (W06), or moves it to its new event (W08)."""
        booking = progress.booking
        if news.old_invitee_uri and booking.calendly_invitee_uri == news.old_invitee_uri:
            return self.moved(progress, news, parts.rows)
        if booking.calendly_invitee_uri not in (None, news.invitee.uri):
            return self.overtaken(progress, news)
        if self._is_over(progress):
            return (
                self._flagged(progress, "expired")
                if self._has_expired(booking)
                else self._applied(progress, "already_over")
            )
        self._describe(progress, news, parts.rows)
        self._forward(progress, news)
        if booking.calendly_invitee_uri is None:
            recover(progress)
            progress.fire(Event.CALENDLY_WEBHOOK_RECEIVED)
            parts.confirming.after_scheduling(progress)
        return self._applied(progress)

    def overtaken(self, progress: Progress, news: News) -> Outcome:
        """News of another invitee than the booking's: from before its last move, or after one not heard of yet (W08)."""
        data = progress.booking.data
        if news.invitee.uri in data.get("rescheduledFrom", ()):
            self._forward(progress, news)
            return self._applied(progress, "rescheduled")
        if news.old_invitee_uri:
            return Outcome(PARKED, "earlier_move_missing", progress.booking.id)
        if iso(news.occurred_at) <= data.get("rescheduledAt", ""):
            return self._applied(progress, "rescheduled")
        return self._flagged(progress, "another_invitee")

    def moved(self, progress: Progress, news: News, rows: RowBuilder) -> Outcome:
        """The new event of a reschedule: where and when change, payment and state stay."""
        if self._is_over(progress):
            return self._applied(progress, "already_over")
        if progress.machine.states[progress.state].holds_slot:
            progress.fire(Event.CALENDLY_WEBHOOK_RECEIVED, holds=frozenset({Guard.MOVED}))
        progress.set(**rows.scheduling(news.scheduled))
        progress.note(noShow=None, noShowHeardAt=None)  # of the time that was left
        self._forward(progress, news)
        return self._applied(progress, "rescheduled")

    def canceled(self, progress: Progress, news: News, parts: Parts) -> Outcome:
        """Cancels from any live state, keeps who and why, works out the refund (W07); a reschedule cancels nothing."""
        if news.is_rescheduled:
            return self._applied(progress, "rescheduled")
        if progress.booking.calendly_invitee_uri not in (None, news.invitee.uri):
            return self._elsewhere(progress, news)
        if progress.machine.states[progress.state].terminal or self._is_stopped(progress):
            return self._applied(progress, "already_over")
        recover(progress)
        by = news.canceled_by if news.canceled_by in ("invitee", "host") else "calendly"
        parts.cancellation.begin(progress, by=by, reason=news.reason, at=news.occurred_at)
        if progress.state == State.CANCELLATION_REQUESTED:
            progress.fire(Event.CALENDLY_WEBHOOK_RECEIVED)
        parts.cancellation.settle(progress, parts.refunds, parts.new_id)
        return self._applied(progress)

    def no_show(self, progress: Progress, news: News) -> Outcome:
        """Marks and unmarks (W09). Of the two the later counts, in whichever order they come."""
        if progress.booking.calendly_invitee_uri is None and not self._is_over(progress):
            return Outcome(PARKED, "not_scheduled_yet", progress.booking.id)
        if progress.booking.calendly_invitee_uri != news.invitee.uri:
            return self._elsewhere(progress, news)
        at = iso(news.occurred_at)
        if at < progress.booking.data.get("noShowHeardAt", ""):
            return self._applied(progress, "overtaken")
        progress.note(noShow={"at": at} if news.event == NO_SHOW else None, noShowHeardAt=at)
        return self._applied(progress)

    def _elsewhere(self, progress: Progress, news: News) -> Outcome:
        """News of an invitee whom a move leads to that is still to be heard of (W08) waits; anybody else's is flagged."""
        if news.old_invitee_uri and news.invitee.uri not in progress.booking.data.get("rescheduledFrom", ()):
            return Outcome(PARKED, "earlier_move_missing", progress.booking.id)
        return self._flagged(progress, "another_invitee")

    def _forward(self, progress: Progress, news: News) -> None:
        if news.old_invitee_uri:
            data = progress.booking.data
            earlier = [uri for uri in data.get("rescheduledFrom", []) if uri != news.old_invitee_uri]
            latest = max(data.get("rescheduledAt", ""), iso(news.occurred_at))
            progress.note(rescheduledFrom=[*earlier, news.old_invitee_uri], rescheduledAt=latest)

    def _describe(self, progress: Progress, news: News, rows: RowBuilder) -> None:
        scheduled = news.scheduled
        progress.set(**rows.scheduling(scheduled))
        progress.set(
            **rows.details(
                progress.booking,
                client_timezone=scheduled.timezone,
                custom_question_response=scheduled.answers or None,
            )
        )
        progress.note(**rows.contact(progress.booking, scheduled.name, scheduled.email))

    def _is_over(self, progress: Progress) -> bool:
        return progress.booking.status in ("CANCELLED", "COMPLETED")

    def _has_expired(self, booking: Booking) -> bool:
        """Whether it was given up before its event was scheduled (B21): now somebody is expected whom nobody knows of."""
        return booking.calendly_invitee_uri is None and booking.data.get("cancellation", {}).get("by") == "system"

    def _is_stopped(self, progress: Progress) -> bool:
        """Whether a cancellation stopped at an error, its refund say: who recovers it asks for the money again."""
        return progress.state == State.ERROR and progress.booking.status == "CANCELLED"

    def _applied(self, progress: Progress, reason: str | None = None) -> Outcome:
        return Outcome(APPLIED, reason, progress.booking.id)

    def _flagged(self, progress: Progress, reason: str) -> Outcome:
        return Outcome(FLAGGED, reason, progress.booking.id)


def recover(progress: Progress) -> None:
    """Back to the state before the error, where the booking is in one."""
    if progress.state == State.ERROR:
        progress.fire(Event.RECOVER)
