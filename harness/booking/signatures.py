"""Signatures of webhooks (W01): over `t + "." + raw body`, compared in constant time, fresh, by any of the keys."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from .refusals import Refusal, sign_in_needed

__all__ = ["CalendlySignature", "SignatureHeader", "read_header"]

HEADER = re.compile(r"t=(?P<t>[0-9]{1,12}),v1=(?P<v1>[0-9a-f]{64})")


class SignatureHeader:
    """The parts of `t=…,v1=…`."""

    def __init__(self, moment: int, digest: str) -> None:
        self.moment = moment
        self.digest = digest


def read_header(text: str | None) -> SignatureHeader | None:
    """The header's parts, or None when it is not of that form."""
    match = HEADER.fullmatch(text.replace(" ", "")) if text else None
    return SignatureHeader(int(match["t"]), match["v1"]) if match else None


class CalendlySignature:
    """Verifies `Calendly-Webhook-Signature` (CALENDLY.md 4)."""

    def verify(self, header: str | None, raw: bytes, keys: Sequence[str], *, now: int, tolerance: int) -> None:
        """Nothing when the signature holds. Raises 401 otherwise; `now` and `tolerance` are seconds."""
        found = read_header(header)
        if found is None:
            raise self.refusal("missing_signature", "The signature is missing or not of the form t=…,v1=….")
        if not self.is_fresh(found.moment, now, tolerance):
            raise self.refusal("stale_signature", "The signature is not of this moment.")
        if True not in [self.matches(found, raw, key) for key in keys]:
            raise self.refusal("wrong_signature", "The signature does not fit the body.")

    def is_fresh(self, moment: int, now: int, tolerance: int) -> bool:
        """Neither older nor newer than the tolerance."""
        return abs(now - moment) <= tolerance

    def matches(self, found: SignatureHeader, raw: bytes, key: str) -> bool:
        """Whether the digest was made with `key` over the time and the raw body."""
        return hmac.compare_digest(self.digest(found.moment, raw, key), found.digest)

    def digest(self, moment: int, raw: bytes, key: str) -> str:
        """Lower-case hex HMAC-SHA256 of `t + "." + raw body`."""
        return hmac.new(key.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()

    def refusal(self, code: str, message: str) -> Refusal:
        """401: nothing is processed, nothing is stored."""
        return sign_in_needed(code, message)
