"""The log: what happened, to which booking, by whom; never a name, an address, a token or a URI (B18, B19, R05)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .identity import Caller
from .progress import Progress

__all__ = ["LOGGED", "Journal", "JsonLines", "Redaction"]

LOGGED = frozenset(
    {
        "actor",
        "amount",
        "at",
        "bookingId",
        "builderId",
        "code",
        "count",
        "currency",
        "deliveryId",
        "endpoint",
        "error",
        "event",
        "from",
        "isAuthenticated",
        "outcome",
        "percent",
        "provider",
        "reason",
        "refundId",
        "sessionTypeId",
        "status",
        "to",
        "userId",
    }
)

logger = logging.getLogger("booking")


class Redaction:
    """Lets only the fields through that are known to be harmless: a new field must be named here first."""

    def __call__(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that may be logged."""
        return {name: value for name, value in fields.items() if name in LOGGED and value is not None}


class Journal:
    """Writes structured records to the logger `booking`; the fields are in `record.fields`."""

    def __init__(self, redact: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._redact = redact

    def info(self, message: str, **fields: Any) -> None:
        """Something happened as it should."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Somebody was refused, or a person should look."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """We failed."""
        self._write(logging.ERROR, message, fields)

    def of_caller(self, message: str, caller: Caller, **fields: Any) -> None:
        """Something that a visitor did: `userId` (or `anonymous`) and `isAuthenticated` (R05)."""
        self.info(message, userId=caller.name, isAuthenticated=caller.is_authenticated, **fields)

    def transitions(self, progress: Progress) -> None:
        """Every transition that was taken (B18)."""
        for step in progress.steps:
            fields = {"from": step.source, "to": step.target, "event": step.event, "actor": step.actor}
            self.info("booking.transition", bookingId=progress.booking.id, **fields)

    def _write(self, level: int, message: str, fields: Mapping[str, Any]) -> None:
        if logger.isEnabledFor(level):
            logger.log(level, message, extra={"fields": self._redact(fields)})


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message and the fields. Of an exception only its kind: its text may hold data."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)
