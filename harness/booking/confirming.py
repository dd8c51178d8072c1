"""What follows at once from a time that was taken: a free session needs nothing more (P11)."""

from __future__ import annotations

from .machine_table import Event, State
from .progress import Progress

__all__ = ["FreeConfirmation"]


class FreeConfirmation:
    """Confirms what costs nothing."""

    def after_scheduling(self, progress: Progress) -> None:
        """A free booking that is scheduled is confirmed; one with a price waits for its payment."""
        if progress.state == State.CALENDLY_EVENT_SCHEDULED and progress.booking.is_free:
            progress.fire(Event.PAYMENT_SUCCEEDED)
