"""Values as messages show them: short, and such that 1 and "1" look different."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from harness.scenario.equality import Typed
from harness.scenario.instants import show_duration, show_instant
from harness.scenario.matchers import ABSENT
from harness.scenario.plain import as_data, as_map
from harness.scenario.yamltree import scalar_value

__all__ = ["name_of", "show", "visible", "written_out"]

LIMIT = 200
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+(?=>)")  # of an object in memory: another in every run
_BREAKS = str.maketrans({"\n": "\\n", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def visible(text: str) -> str:
    """`text` with its control characters written out, so that what a product answers cannot steer a terminal; and halves of
    surrogate pairs, which no terminal can be sent."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def name_of(text: str) -> str:
    """`text` as a name that lists and reports write on one line: what a block of YAML broke is one text again."""
    lines = [line.strip() for line in visible(text).splitlines()]
    return " ".join(filter(None, lines)) if len(lines) > 1 or text.endswith("\n") else visible(text)


def written_out(text: str) -> str:
    """`text` as part of a name, in which a line break tells it from others."""
    return visible(text).translate(_BREAKS)


def show(value: Any, *, beside: Any = None) -> str:
    """`value` on one line, at most 200 characters. Text that reads like a number, a boolean or null is quoted.

    `beside` is the value on the other side of a comparison: text that differs from it only in blanks is quoted, and written
    in ASCII where the difference is one that nobody sees (another kind of blank, an accent apart, a sign without width).
    """
    text = _short(value)
    if isinstance(value, str) and isinstance(beside, str) and value != beside and _seen(value) == _seen(beside):
        text = json.dumps(value, ensure_ascii=_marks(value) != _marks(beside))
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 2]} …"


def _seen(text: str) -> str:
    """What a reader sees of `text`: blanks are alike, accents stand on their letters, signs without width are not there."""
    whole = unicodedata.normalize("NFKC", "".join(sign for sign in text if unicodedata.category(sign) != "Cf"))
    return " ".join(whole.split())


def _marks(text: str) -> str:
    """`text` without the blanks that a quoted text shows."""
    return text.translate(dict.fromkeys(map(ord, " \t\r\n")))


def _short(value: Any) -> str:
    """`value` as text, or a beginning of it longer than is shown: a verb of one's own may give what holds itself."""
    text = ""
    for piece in _pieces(value, inner=False):
        text += piece
        if len(text) > LIMIT:
            break
    return text


def _pieces(value: Any, *, inner: bool) -> Iterator[str]:
    if isinstance(value, Typed):
        value = value.value
    value = as_data(value)
    scalar = _scalar(value, inner=inner)
    if scalar is not None:
        yield scalar
    elif isinstance(value, Mapping):
        yield "{"
        for number, (key, each) in enumerate(value.items()):
            yield f"{', ' if number else ''}{key}: "
            yield from _pieces(each, inner=True)
        yield "}"
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        yield "["
        for number, each in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(each, inner=True)
        yield "]"
    elif (named := as_map(value)) is not value:
        yield from _pieces(named, inner=inner)
    else:
        yield _ADDRESS.sub("", str(value))


def _scalar(value: Any, *, inner: bool) -> str | None:
    if value is None or value is ABSENT:
        return "null" if value is None else "<absent>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value, inner=inner)
    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, timedelta):
        return show_duration(value)
    return str(value) if isinstance(value, int | float | Decimal) else None


def _text(value: str, *, inner: bool) -> str:
    ambiguous = (
        not value or value != value.strip() or not value.isprintable() or not isinstance(scalar_value(value), str)
    )
    if ambiguous or value.startswith("<") or (inner and any(char in value for char in ",[]{}:\"'")):
        return json.dumps(value[: LIMIT + 1], ensure_ascii=False)
    return value
