"""The signature that Calendly and Stripe share: `t=<unix seconds>,v1=<hex HMAC-SHA256(key, t + "." + body)>`."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from harness.errors import InputError

__all__ = ["SIGNINGS", "SignedBody", "Signing", "sign", "sign_as"]

Signing = Literal["valid", "none", "wrong_key", "stale", "future", "reserialised", "garbled", "almost", "cut"]

SIGNINGS: dict[str, str] = {
    "valid": "with the subscription's key, over the bytes sent, now",
    "none": "no signature header",
    "wrong_key": "with a key nobody knows",
    "stale": "301 seconds ago",
    "future": "301 seconds ahead",
    "reserialised": "over the original bytes; the body is then parsed and written again, as middleware does",
    "garbled": "a header that is not a signature",
    "almost": "with the last digit of the signature changed",
    "cut": "with the first half of the signature alone",
}
_SKEW = timedelta(seconds=301)


class SignedBody(Struct, frozen=True):
    """A body and its signature header value; None when nothing is signed."""

    body: bytes
    header: str | None


def sign(key: str, body: bytes, at: datetime) -> str:
    """The header value for `body` signed with `key` at the moment `at` (whole seconds)."""
    moment = int(at.timestamp())
    digest = hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def sign_as(how: str, key: str | None, body: bytes, at: datetime) -> SignedBody:
    """Signs as `how` (one of `SIGNINGS`) says. Without a key nothing can be signed.

    Raises InputError for an unknown `how`.
    """
    if how not in SIGNINGS:
        raise InputError(f"unknown way to sign: {how!r}.", f"Use one of {', '.join(SIGNINGS)}.")
    if how == "garbled":
        return SignedBody(body, "t=now,v1=not-hex")
    if key is None or how == "none":
        return SignedBody(body, None)
    moment = {"stale": at - _SKEW, "future": at + _SKEW}.get(how, at)
    header = sign("a key that nobody knows" if how == "wrong_key" else key, body, moment)
    if how == "almost":
        header = header[:-1] + ("1" if header[-1] == "0" else "0")
    if how == "cut":
        header = header[:-32]
    return SignedBody(_reserialised(body) if how == "reserialised" else body, header)


def _reserialised(body: bytes) -> bytes:
    return json.dumps(json.loads(body), indent=1, sort_keys=True).encode()
