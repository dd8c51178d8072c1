"""Signed tokens: who is signed in, who made an anonymous booking (B16), who may recover one (B17).

All are JWT, HS256, signed with `Settings.token_key`; their audience keeps one kind from passing for another.
Time is the caller's, never the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.types import Options

from .records import Booking
from .settings import Settings

__all__ = ["Recovery", "TokenInvalid", "Tokens", "issue_token"]

ALGORITHM = "HS256"
BOOKING, RECOVERY = "booking", "recovery"
OPTIONS: Options = {"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}


class TokenInvalid(Exception):
    """The token is not ours, not of this kind, or its time has passed."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery token is bound to: one booking, its state, and when it came into that state."""

    token_id: str
    booking_id: str
    state: str
    since: str


class Tokens:
    """Issues and reads tokens."""

    def sign_in(self, token: str, settings: Settings, now: datetime) -> str:
        """The `clerkId` of a bearer token. Raises TokenInvalid."""
        return str(self._read(token, settings, now, None)["sub"])

    def for_booking(self, booking_id: str, settings: Settings, now: datetime) -> str:
        """The token that an anonymous visitor gets when the booking is made."""
        claims = {"sub": booking_id, "aud": BOOKING, "exp": _seconds(now + settings.booking_token_lifetime)}
        return jwt.encode(claims, settings.token_key, ALGORITHM)

    def opens(self, token: str, booking_id: str, settings: Settings, now: datetime) -> bool:
        """Whether `token` was issued for exactly this booking and still counts."""
        try:
            return bool(self._read(token, settings, now, BOOKING)["sub"] == booking_id)
        except TokenInvalid:
            return False

    def for_recovery(self, booking: Booking, token_id: str, settings: Settings, now: datetime) -> str:
        """A token that recovers `booking` from the state it is in now."""
        claims = {
            "sub": booking.id,
            "aud": RECOVERY,
            "jti": token_id,
            "state": booking.current_state,
            "since": since(booking),
            "exp": _seconds(now + settings.recovery_token_lifetime),
        }
        return jwt.encode(claims, settings.token_key, ALGORITHM)

    def recovery(self, token: str, settings: Settings, now: datetime) -> Recovery:
        """What a recovery token is bound to. Raises TokenInvalid."""
        claims = self._read(token, settings, now, RECOVERY)
        try:
            return Recovery(claims["jti"], claims["sub"], claims["state"], claims["since"])
        except KeyError as missing:
            raise TokenInvalid(f"no {missing}") from None

    def fits(self, bound: Recovery, booking: Booking) -> bool:
        """Whether the booking still stands where it stood when the token was issued."""
        return (booking.current_state, since(booking)) == (bound.state, bound.since)

    def _read(self, token: str, settings: Settings, now: datetime, audience: str | None) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                settings.token_key,
                algorithms=[ALGORITHM],
                audience=audience,
                options=OPTIONS,
            )
            expires = int(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise TokenInvalid(type(error).__name__) from None
        if expires <= _seconds(now):
            raise TokenInvalid("expired")
        return claims


def since(booking: Booking) -> str:
    """When the booking came into its state, as text; empty when the row does not say."""
    return booking.last_transition.isoformat() if booking.last_transition else ""


def issue_token(clerk_id: str, settings: Settings, now: datetime, lifetime: timedelta = timedelta(hours=1)) -> str:
    """A sign-in token as the provider would issue it: `sub` is the `clerkId`. `now` is aware."""
    return jwt.encode({"sub": clerk_id, "exp": _seconds(now + lifetime)}, settings.token_key, ALGORITHM)


def _seconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp())
