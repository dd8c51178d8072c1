"""How failures are told, and to whom (DOMAIN.md 8: S3, W9; B19, W11, the shape of errors)."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from harness.booking.calendly_client import CalendlyClient
from harness.booking.failures import FailureMap
from harness.booking.json_body import JsonReader
from harness.booking.records import Booking
from harness.booking.refusals import Refusal, invalid
from harness.booking.rows import RowBuilder

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()

CONTROLS = re.compile(rb"\\u00[01][0-9a-f]")


@BOOK.part(
    "S3",
    "Database errors are reported as validation errors, with their text",
    seen="The body of a 400 names tables and constraints.",
    rules="B19 W11",
)
class DatabaseText(FailureMap):
    """Whatever goes wrong in the database is the caller's mistake."""

    def refusal(self, error: BaseException) -> Refusal:
        return invalid("validation_error", str(error)) if isinstance(error, SQLAlchemyError) else super().refusal(error)


@BOOK.part(
    "W9",
    "Our failure is answered with 400",
    seen="When Calendly or the database does not answer, the caller is told that the request is wrong.",
    rules="W11",
)
class OursIsTheirs(FailureMap):
    """Every failure is the caller's."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(400, found.code, found.message) if found.status >= 500 else found


@BOOK.part(
    "W11-200",
    "Our failure is answered with 200",
    seen="The provider does not send the webhook again, and it is lost.",
    rules="W11",
)
class AllIsWell(FailureMap):
    """Errors are swallowed, so that nobody complains."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(200, found.code, found.message) if found.status >= 500 else found


@BOOK.part(
    "B19-message",
    "The message of an error tells what went wrong inside",
    seen="The body of an error holds the text of an exception.",
    rules="B19",
)
class InsideOut(FailureMap):
    """The exception is shown, for debugging."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        if isinstance(error, Refusal):
            return found
        return Refusal(found.status, found.code, f"{type(error).__name__}: {error}")


@BOOK.part(
    "B19-log",
    "The contact of an invitee is logged",
    seen="A log record holds a name and an e-mail address.",
    rules="B19",
)
class LoggedContact(RowBuilder):
    """A line for debugging was left behind."""

    def contact(self, booking: Booking, name: str | None, email: str | None) -> dict[str, Any]:
        logging.getLogger("booking").info("contact of %s: %s <%s>", booking.id, name, email)
        return super().contact(booking, name, email)


@BOOK.part(
    "B19-secret",
    "Our token is logged",
    seen="A log record holds the token for Calendly's API.",
    rules="B19",
)
class LoggedToken(CalendlyClient):
    """The headers of every request are logged."""

    def event(self, event_id: str) -> dict[str, Any]:
        logging.getLogger("booking").debug("calling Calendly with %s", self._session.headers["Authorization"])
        return super().event(event_id)


@BOOK.part(
    "E-shape",
    "Errors have another shape",
    seen="The body of an error is a text instead of type, message and code.",
    rules="B19",
)
class BareErrors(FailureMap):
    """The page shows what it gets, so a text will do."""

    def refusal(self, error: BaseException) -> Refusal:
        return _Bare(super().refusal(error))


class _Bare(Refusal):
    def __init__(self, found: Refusal) -> None:
        super().__init__(found.status, found.code, found.message, retry_after=found.retry_after)

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.message}


@BOOK.part(
    "E-malformed",
    "A malformed body is a failure of ours",
    seen="A body that is not JSON is answered 500.",
    rules="B19",
)
class Trusting(JsonReader):
    """The body is parsed as it comes."""

    def read(self, raw: bytes) -> dict[str, Any]:
        import json

        found = json.loads(raw)
        return dict(found)


@BOOK.part(
    "F05-retried",
    "A failure of Calendly's is called an unknown event",
    seen="A timeout at Calendly is answered 404, and the page gives up.",
    rules="F05 W11",
)
class LostIsUnknown(FailureMap):
    """What cannot be asked is thought not to exist."""

    def refusal(self, error: BaseException) -> Refusal:
        found = super().refusal(error)
        return Refusal(404, found.code, found.message) if found.status in (502, 503, 504) else found


@BOOK.part(
    "E-control",
    "Control characters are let through to the database",
    seen="A name with a NUL in it is answered 500.",
    rules="B19",
)
class Unscrubbed(JsonReader):
    """Any text is text."""

    def read(self, raw: bytes) -> dict[str, Any]:
        found = super().read(CONTROLS.sub(b"", raw))
        return {**found, **json.loads(raw)}
