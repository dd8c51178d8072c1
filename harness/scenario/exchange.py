"""What is sent and what comes back, whichever way it takes."""

from __future__ import annotations

import re
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

__all__ = ["LARGEST", "HttpAnswer", "HttpRequest", "NoAnswer", "decoded", "joined", "jsonable"]

LARGEST = 64 * 2**20
"""Bytes of an answer that are read and unpacked: a thousandth as many, packed, would else fill the memory."""
_PIECE = 4096  # bytes unpacked at once: what is left of them is copied for every member that they hold
_NO_PADDING = re.compile(rb"[^\0]")


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

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON; one that is empty says nothing else."""
        return self.json is not None or self.content.strip() in {b"", b"null"}


class NoAnswer(Exception):
    """The request was sent, or may have been, and no answer came: the outcome is unknown."""


def decoded(headers: Mapping[str, str], content: bytes) -> bytes:
    """The body of an answer without its Content-Encoding (RFC 9110 section 8.4), as a browser's script sees it; of one that
    is none of these, as it came.

    Raises:
        NoAnswer: it is not what its headers say, or larger than `LARGEST`.
    """
    codings = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    if not codings or not content:
        return content
    import zlib

    for coding in reversed([word.strip().lower() for word in codings.split(",")]):
        try:
            if coding in {"gzip", "x-gzip"}:
                content = _unpacked(content, 16 + zlib.MAX_WBITS)
            elif coding == "deflate":  # in zlib's format, but not everybody reads the standard
                content = _unpacked(content, zlib.MAX_WBITS if content[0] & 15 == 8 else -zlib.MAX_WBITS)
            elif coding != "identity":
                break
        except (EOFError, zlib.error) as error:
            raise NoAnswer(f"the body is not the {coding} that its Content-Encoding says: {error}") from error
        if len(content) > LARGEST:
            raise NoAnswer(f"the body is larger than {LARGEST >> 20} MiB when its {coding} is unpacked")
        if not content:
            break
    return content


def _unpacked(packed: bytes, bits: int) -> bytes:
    """What is packed in `packed`, or of what is too large a little more than `LARGEST` bytes. Of gzip all members count."""
    import zlib

    pieces, room, at = list[bytes](), LARGEST + 1, 0
    while at < len(packed):
        member = zlib.decompressobj(bits)
        while at < len(packed) and room > 0 and not member.eof:
            piece = packed[at : at + _PIECE]
            pieces.append(member.decompress(piece, room))
            room -= len(pieces[-1])
            at += len(piece) - len(member.unused_data)
        if room <= 0 or bits <= zlib.MAX_WBITS:
            break
        if member.eof and (following := _NO_PADDING.search(packed, at)):
            at = following.start()
        elif member.eof:
            break
    if room > 0 and not member.eof:
        raise EOFError("it ends too soon")
    return b"".join(pieces)


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
