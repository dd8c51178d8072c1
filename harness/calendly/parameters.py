"""Reading query and body; every mistake becomes a 400 that names the parameter (CALENDLY.md 2.9)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import tzdata

from harness.calendly.refusals import Refusal, invalid
from harness.provider import Request
from harness.provider.times import parse_instant

__all__ = ["Fields", "is_email", "is_timezone", "last_segment", "timezones"]

Word = TypeVar("Word", bound=str)

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URI = re.compile(r"https?://[^/\s]+/(?:.*/)?([^/\s?#]+)/?")


def last_segment(uri: str) -> str:
    """Resources are told apart by the last path segment; the base does not count (CALENDLY.md 1)."""
    return uri.rstrip("/").rpartition("/")[2]


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text)) and len(text) <= 320


def is_timezone(text: str) -> bool:
    return text in timezones()


@cache
def timezones() -> frozenset[str]:
    """IANA's names as the package `tzdata` lists them: the same on every machine, and no walk through its files."""
    return frozenset(Path(tzdata.__file__).with_name("zones").read_text(encoding="utf-8").split())


class Fields:
    """The parameters of one request, or of one object inside its body. `prefix` names the object in messages."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self.values = values
        self._prefix = prefix

    @classmethod
    def of_query(cls, request: Request) -> Fields:
        """The query; a JSON object sent with a GET counts too, the query wins (some clients send it so)."""
        body = _body(request) if request.body else {}
        return cls({**body, **request.query})

    @classmethod
    def of_body(cls, request: Request) -> Fields:
        return cls(_body(request))

    def name(self, key: str) -> str:
        return f"{self._prefix}{key}"

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def text(self, key: str, *, longest: int = 10_000) -> str | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(self.name(key), "must be a string")
        if len(value) > longest:
            raise invalid(self.name(key), f"size cannot be greater than {longest}")
        return value

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None:
            raise invalid(self.name(key), "is missing")
        if not value.strip():
            raise invalid(self.name(key), "must be filled")
        return value

    def uri(self, key: str) -> str | None:
        """The id that a resource URI ends with."""
        value = self.text(key)
        if value is None:
            return None
        match = _URI.fullmatch(value)
        if match is None:
            raise invalid(self.name(key), "must be a valid URI")
        return match[1]

    def needed_uri(self, key: str) -> str:
        self.needed(key)
        return self.uri(key) or ""

    def instant(self, key: str) -> datetime | None:
        value = self.text(key)
        if value is None:
            return None
        moment = parse_instant(value)
        if moment is None:
            raise invalid(self.name(key), "must be a date time in ISO 8601 with a zone")
        return moment

    def needed_instant(self, key: str) -> datetime:
        self.needed(key)
        moment = self.instant(key)
        if moment is None:
            raise invalid(self.name(key), "is missing")
        return moment

    def choice(self, key: str, allowed: Collection[Word]) -> Word | None:
        value = self.text(key)
        if value is None:
            return None
        for word in allowed:
            if word == value:
                return word
        raise invalid(self.name(key), f"must be one of: {', '.join(allowed)}")

    def boolean(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise invalid(self.name(key), "must be boolean")
        return bool(value == "true")

    def count(self) -> int:
        """Rows a page: 1 to 100, 20 unless told (CALENDLY.md 2.8)."""
        value = self.values.get("count", 20)
        text = str(value)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
            raise invalid(self.name("count"), "must be between 1 and 100")
        return int(text)

    def sort(
        self, default: str, allowed: Collection[str], directions: Collection[str] = ("asc", "desc")
    ) -> list[tuple[str, bool]]:
        """`name:asc,position:desc` → [(name, False), (position, True)]; True is descending."""
        orders = []
        for part in (self.text("sort") or default).split(","):
            key, _, direction = part.strip().partition(":")
            if key not in allowed or (direction or "asc") not in directions:
                raise invalid(self.name("sort"), f"must be one of: {', '.join(allowed)} with {' or '.join(directions)}")
            orders.append((key, direction == "desc"))
        return orders

    def object(self, key: str) -> Fields | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(self.name(key), "must be a hash")
        return Fields(value, f"{self.name(key)}.")

    def objects(self, key: str) -> list[Fields]:
        items = self._array(key)
        for number, item in enumerate(items):
            if not isinstance(item, dict):
                raise invalid(f"{self.name(key)}[{number}]", "must be a hash")
        return [Fields(item, f"{self.name(key)}[{number}].") for number, item in enumerate(items)]

    def texts(self, key: str) -> list[str]:
        items = self._array(key)
        for number, item in enumerate(items):
            if not isinstance(item, str):
                raise invalid(f"{self.name(key)}[{number}]", "must be a string")
        return items

    def _array(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid(self.name(key), "must be an array")
        return value


def _body(request: Request) -> dict[str, Any]:
    if not request.body.strip():
        return {}
    try:
        parsed = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The request body is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise Refusal(400, "The request body must be a JSON object.")
    if "\\ud" in request.text.lower():
        _demand_text(parsed)
    return parsed


def _demand_text(parsed: dict[str, Any]) -> None:
    """Half of a surrogate pair is no text; it can be escaped in JSON, but not sent on."""
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refusal(400, "The request body is not valid JSON.") from error
