"""The body of a request as JSON that is safe to keep: no depth, no control characters, no NaN, no huge numbers."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from .refusals import Refusal, invalid

__all__ = ["JsonReader", "scrubbed"]

DEEPEST = 16
ALLOWED_CONTROLS = frozenset("\t\n\r")
MALFORMED = "The body is not well-formed JSON."


class JsonReader:
    """Reads bytes as a JSON object. Every way of being wrong is a 400."""

    def read(self, raw: bytes) -> dict[str, Any]:
        """The object in `raw`, as a caller sent it. Raises a 400 Refusal."""
        value = self._object(raw)
        _check(value, 1)
        return value

    def read_delivery(self, raw: bytes) -> dict[str, Any]:
        """The object in `raw`, as a provider signed it, without what cannot be kept. Raises a 400 Refusal.

        What a person typed at Calendly stands in it. Refused, it would be sent again for a day, and then the
        subscription would be disabled: one control character would silence the webhooks of everybody.
        """
        kept: dict[str, Any] = scrubbed(self._object(raw))
        return kept

    def _object(self, raw: bytes) -> dict[str, Any]:
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise invalid("malformed_json", MALFORMED) from None
        if not isinstance(value, dict):
            raise invalid("invalid_body", "The body must be a JSON object.")
        return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise invalid("json_too_deep", f"The body nests deeper than {DEEPEST} levels.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > 2**53):
        raise _out_of_range()


def _out_of_range() -> Refusal:
    return invalid("number_out_of_range", "A number in the body is out of range.")


def _check_text(text: str) -> None:
    if text.isprintable():
        return
    if any(_is_refused(character) for character in text):
        raise invalid("control_character", "The body holds a control character or half a surrogate pair.")


def _is_refused(character: str) -> bool:
    code = ord(character)
    control = (code < 32 or 127 <= code < 160) and character not in ALLOWED_CONTROLS
    return control or 0xD800 <= code <= 0xDFFF


def scrubbed(value: Any) -> Any:
    """A provider's JSON without what PostgreSQL cannot keep (NUL, half surrogate pairs, infinity) and without depth."""
    return _scrub(value, 1)


def _scrub(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return "".join(character for character in value if not _is_refused(character))
    if isinstance(value, (dict, list)) and depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {_scrub(key, depth): _scrub(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item, depth + 1) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
