"""What is sent and what comes back, whichever way it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from harness.errors import InputError
from harness.jsontext import parse_digits
from harness.scenario.instants import show_instant
from harness.scenario.plain import as_data, as_map
from harness.scenario.show import show

__all__ = ["HttpAnswer", "HttpRequest", "NoAnswer", "decoded", "joined", "jsonable"]


class HttpRequest(Struct, frozen=True):
    """A request as the target will see it; `path` includes the query, `caller` is the visitor's IP address."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: str = "192.0.2.1"


class HttpAnswer(Struct, frozen=True, dict=True):
    """What came back, its body as it was before its Content-Encoding. `json` is None when the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        try:
            return parse_digits(self.content)
        except ValueError:
            return None


class NoAnswer(Exception):
    """The request was sent, or may have been, and no answer came: the outcome is unknown."""


def decoded(headers: Mapping[str, str], content: bytes) -> bytes:
    """The body of an answer without its Content-Encoding (RFC 9110 section 8.4), as a browser's script sees it; of one that
    is none of these, as it came.

    Raises:
        NoAnswer: it is not what its headers say.
    """
    codings = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    if not codings or not content:
        return content
    import gzip
    import zlib

    for coding in reversed([word.strip().lower() for word in codings.split(",")]):
        try:
            if coding in {"gzip", "x-gzip"}:
                content = gzip.decompress(content)
            elif coding == "deflate":  # in zlib's format, but not everybody reads the standard
                content = zlib.decompress(content, zlib.MAX_WBITS if content[0] & 15 == 8 else -zlib.MAX_WBITS)
            elif coding != "identity":
                break
        except (OSError, EOFError, zlib.error) as error:
            raise NoAnswer(f"the body is not the {coding} that its Content-Encoding says: {error}") from error
    return content


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name; the values of one that comes several times with commas between them (RFC 9110 section 5.3), as
    browsers give those of Set-Cookie too."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in fields:
        first, before = found.get(name.lower(), (name, None))
        found[name.lower()] = first, value if before is None else f"{before}, {value}"
    return dict(found.values())


def jsonable(value: Any) -> Any:
    """What `json.dumps` asks for of a value that JSON does not have. Raises InputError where nothing stands for it."""
    if (data := as_data(value)) is not value:
        return data
    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, date | time):
        return str(value)
    named = as_map(value)
    if named is value:
        raise InputError(f"{show(value)} cannot be sent as JSON.")
    return named
