"""Every exception as an answer (S3, W9, W11): database errors are ours, never the caller's, and never shown."""

from __future__ import annotations

import traceback
from pathlib import PurePath

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from .machine import IllegalTransition
from .refusals import Refusal, conflict

__all__ = ["FailureMap", "place_of"]

UNIQUE = "23505"
MESSAGES = {
    400: ("invalid_request", "The request is not valid."),
    404: ("unknown_path", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take that method."),
    413: ("body_too_large", "The body is too large."),
}


class FailureMap:
    """Maps an exception to a Refusal."""

    def refusal(self, error: BaseException) -> Refusal:
        """The answer to `error`."""
        if isinstance(error, Refusal):
            return error
        if isinstance(error, IllegalTransition):
            return conflict("illegal_transition", f"{error}.")
        if isinstance(error, HTTPException):
            return self._http(error)
        if isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", None) == UNIQUE:
            return conflict("already_taken", "Somebody else was faster. Read the booking and try again.")
        if isinstance(error, (OperationalError, PoolTimeout)):
            return Refusal(503, "database_unavailable", "The bookings cannot be reached just now. Try again.")
        return Refusal(500, "internal_error", "Something went wrong on our side.")

    def _http(self, error: HTTPException) -> Refusal:
        status = error.code or 500
        if 300 <= status < 400 or status not in MESSAGES:
            status = 400 if status < 500 else 500
        code, message = MESSAGES.get(status, ("internal_error", "Something went wrong on our side."))
        return Refusal(status, code, message)


def place_of(error: BaseException) -> str:
    """Where `error` was raised, as `file:line`; its text may hold data and is not told."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
