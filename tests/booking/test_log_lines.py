"""The lines that a deployment logs: JSON, with the fields of the record, and of an exception no more than its kind."""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.booking.journal import JsonLines


@pytest.fixture
def written() -> Any:
    """Logs one record through the formatter; the line that came out."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())

    def write(message: str, *args: object, level: int = logging.INFO, **extra: Any) -> str:
        record = logging.LogRecord("any", level, "any.py", 1, message, args, extra.pop("exc_info", None))
        record.__dict__.update(extra, created=1_898_845_200.25)
        stream.seek(0)
        stream.truncate()
        handler.handle(record)
        return stream.getvalue()

    return write


def test_a_line_is_one_json_object_with_time_level_message_and_the_fields(written: Any) -> None:
    line = written("booking.created", level=logging.WARNING, fields={"bookingId": "b1", "isAuthenticated": False})

    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": datetime.fromtimestamp(1_898_845_200.25, UTC).strftime("%Y-%m-%dT%H:%M:%S.250+00:00"),
        "level": "warning",
        "message": "booking.created",
        "bookingId": "b1",
        "isAuthenticated": False,
    }


def test_a_record_of_somebody_elses_has_no_fields_and_is_a_line_all_the_same(written: Any) -> None:
    assert json.loads(written("Task queue depth is %d", 3))["message"] == "Task queue depth is 3"


def test_letters_stand_as_they_are_so_that_they_can_be_searched_for(written: Any) -> None:
    assert '"Zoë 李"' in written("Zoë 李")


def test_an_exception_is_told_by_its_kind_alone(written: Any) -> None:
    try:
        raise KeyError("sam@secret.test")
    except KeyError:
        line = written("request.failed", level=logging.ERROR, exc_info=sys.exc_info())

    assert json.loads(line)["error"] == "KeyError"
    assert "secret" not in line
