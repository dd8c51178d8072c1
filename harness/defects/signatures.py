"""Calendly's signature, checked wrongly (DOMAIN.md 8: W2, W3; W01)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from harness.booking.signatures import CalendlySignature, SignatureHeader

from .defect import Book

__all__ = ["BOOK"]

BOOK = Book()


@BOOK.part(
    "W2",
    "The arguments of the verifier are swapped",
    seen="Every genuine delivery is answered 401.",
    rules="W01",
)
class Swapped(CalendlySignature):
    """The body signs the key."""

    def digest(self, moment: int, raw: bytes, key: str) -> str:
        return super().digest(moment, key.encode(), raw.decode(errors="replace"))


@BOOK.part(
    "W3",
    "The digest covers the body alone",
    seen="Every genuine delivery is answered 401.",
    rules="W01",
    hidden_by="W2",
)
class BodyAlone(CalendlySignature):
    """The time is checked and not signed."""

    def digest(self, moment: int, raw: bytes, key: str) -> str:
        import hashlib
        import hmac

        del moment
        return hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()


@BOOK.part(
    "W01-unsigned",
    "A delivery without a signature is taken",
    seen="Anybody cancels a booking with a made-up webhook.",
    rules="W01",
)
class Unsigned(CalendlySignature):
    """Only a signature that is there is checked."""

    def verify(self, header: str | None, raw: bytes, keys: Sequence[str], *, now: int, tolerance: int) -> None:
        if header is not None:
            super().verify(header, raw, keys, now=now, tolerance=tolerance)


@BOOK.part(
    "W01-unchecked",
    "A wrong signature is taken",
    seen="A delivery signed with another key is answered 200.",
    rules="W01",
)
class Unchecked(CalendlySignature):
    """The header's form is all that is looked at."""

    def matches(self, found: SignatureHeader, raw: bytes, key: str) -> bool:
        del found, raw, key
        return True


@BOOK.part(
    "W01-stale",
    "An old signature is taken",
    seen="A recorded delivery is played again an hour later and answered 200.",
    rules="W01",
)
class Stale(CalendlySignature):
    """Only signatures from the future are refused."""

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        return moment - now <= tolerance


@BOOK.part(
    "W01-future",
    "A signature from the future is taken",
    seen="A delivery dated tomorrow is answered 200.",
    rules="W01",
)
class Future(CalendlySignature):
    """Only old signatures are refused."""

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        return now - moment <= tolerance


@BOOK.part(
    "W01-tolerance",
    "The tolerance is ten times what it should be",
    seen="A signature that is ten minutes old is taken.",
    rules="W01",
    hidden_by="W01-stale",
)
class Patient(CalendlySignature):
    """Half an hour instead of three minutes."""

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        return super().is_fresh(moment, now, 10 * tolerance)


@BOOK.part(
    "W01-one-key",
    "Only the first key counts",
    seen="During rotation, deliveries signed with the other key are answered 401.",
    rules="W01",
)
class OneKey(CalendlySignature):
    """The second key was not thought of."""

    def verify(self, header: str | None, raw: bytes, keys: Sequence[str], *, now: int, tolerance: int) -> None:
        super().verify(header, raw, keys[:1], now=now, tolerance=tolerance)


@BOOK.part(
    "W01-403",
    "A wrong signature is answered 200 and dropped",
    seen="A forged delivery is answered 200 instead of 401.",
    rules="W01",
)
class Dropped(CalendlySignature):
    """Who sends a forged delivery is told nothing."""

    def refusal(self, code: str, message: str) -> Any:
        from harness.booking.refusals import Refusal

        return Refusal(200, code, message)


@BOOK.part(
    "W01-no-dot",
    "Time and body are signed without the dot between them",
    seen="Every genuine delivery is answered 401.",
    rules="W01",
    hidden_by="W2 W3",
)
class NoDot(CalendlySignature):
    """`t + body`."""

    def digest(self, moment: int, raw: bytes, key: str) -> str:
        import hashlib
        import hmac

        return hmac.new(key.encode(), str(moment).encode() + raw, hashlib.sha256).hexdigest()


@BOOK.part(
    "W01-reserialised",
    "The signature is checked over the parsed body, written again",
    seen="A genuine delivery is answered 401: its spaces or its order are not those of our own JSON.",
    rules="W01",
    hidden_by="W2 W3",
)
class Reserialised(CalendlySignature):
    """The framework had parsed the body already."""

    def digest(self, moment: int, raw: bytes, key: str) -> str:
        with contextlib.suppress(ValueError):
            raw = json.dumps(json.loads(raw), sort_keys=True).encode()
        return super().digest(moment, raw, key)


@BOOK.part(
    "W01-prefix",
    "The beginning of the digest is compared",
    seen="A signature whose last digit differs is taken.",
    rules="W01",
    hidden_by="W2 W3",
)
class Prefix(CalendlySignature):
    """The first half must fit."""

    def matches(self, found: SignatureHeader, raw: bytes, key: str) -> bool:
        return self.digest(found.moment, raw, key)[:32] == found.digest[:32]


@BOOK.part(
    "W01-exactly",
    "A signature of exactly 180 seconds ago is refused",
    seen="A genuine delivery that took three minutes is answered 401.",
    rules="W01",
    hidden_by="W2 W3",
)
class Exactly(CalendlySignature):
    """`<` instead of `<=`."""

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        return abs(now - moment) < tolerance
