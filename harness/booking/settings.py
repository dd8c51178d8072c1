"""What a deployment sets; everything else is a part (see `harness.booking.parts`)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

__all__ = ["ConfigurationError", "Settings", "variable_of"]

SHORTEST_KEY = 32
A_CENTURY = 36_525 * 86_400  # seconds: what is longer leaves the calendar when it is added to a date, or taken from it
BETWEEN: dict[str, tuple[float, float]] = {
    "provider_timeout": (0.001, 3600),
    "max_body_bytes": (1, 1 << 40),
    "max_delivery_bytes": (1, 1 << 40),
}


class ConfigurationError(Exception):
    """The deployment cannot start; the message names the setting and what it needs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one deployment.

    Keys are never shown by `repr`. Times are seconds unless a `timedelta`.
    Raises ConfigurationError when no signing key worth the name is set (DOMAIN.md B17).
    """

    database_url: str = field(repr=False)
    token_key: str = field(repr=False)
    calendly_token: str = field(repr=False)
    calendly_webhook_keys: tuple[str, ...] = field(repr=False)
    stripe_key: str = field(repr=False)
    stripe_webhook_keys: tuple[str, ...] = field(repr=False)
    calendly_base: str = "https://api.calendly.com"
    calendly_embed_base: str = "https://calendly.com"  # Calendly's pages; their origin is framed, and believed (F04)
    stripe_base: str = "https://api.stripe.com"
    public_url: str = "http://localhost:8000"
    sign_in_url: str = ""  # where the page sends somebody to sign in; empty: no such link
    provider_timeout: float = 10.0
    provider_read_retries: int = 0
    calendly_tolerance: int = 180
    stripe_tolerance: int = 300
    anonymous_inserts: int = 30
    anonymous_window: timedelta = timedelta(minutes=1)
    unconfirmed_lifetime: timedelta = timedelta(minutes=30)
    booking_token_lifetime: timedelta = timedelta(days=90)
    recovery_token_lifetime: timedelta = timedelta(hours=1)
    forwarded_proxies: int = 0
    max_body_bytes: int = 64 * 1024
    max_delivery_bytes: int = 1024 * 1024  # of a webhook
    pool_size: int = 5
    pool_overflow: int = 20

    def __post_init__(self) -> None:
        if len(self.token_key.encode()) < SHORTEST_KEY:
            raise ConfigurationError(
                f"token_key (BOOKING_TOKEN_KEY) signs every token and needs {SHORTEST_KEY} bytes or more; "
                f"found {len(self.token_key.encode())}. Try: python -c 'import secrets; print(secrets.token_hex(32))'"
            )
        for name in ("calendly_webhook_keys", "stripe_webhook_keys"):
            if not all(getattr(self, name)) or not getattr(self, name):
                raise ConfigurationError(f"{name} holds no key or an empty one: webhooks could not be verified")
        for name in ("calendly_base", "calendly_embed_base", "stripe_base", "public_url", "sign_in_url"):
            self._check_address(name, getattr(self, name))
        for name in ("calendly_token", "stripe_key"):
            self._check_sendable(name, getattr(self, name))
        for item in fields(self):
            value = getattr(self, item.name)
            number = value.total_seconds() if isinstance(value, timedelta) else value
            if isinstance(number, (int, float)):
                self._check_number(item.name, number)

    def _check_number(self, name: str, number: float) -> None:
        if number < 0:
            raise ConfigurationError(f"{name} ({variable_of(name)}) is below zero")
        least, most = BETWEEN.get(name, (0, A_CENTURY))
        if not least <= number <= most:  # what is no number at all (NaN) is not between either
            raise ConfigurationError(
                f"{name} ({variable_of(name)}) is {number:g}, and needs to be {least:g} to {most:g}"
            )

    def _check_sendable(self, name: str, text: str) -> None:
        """The providers are told these in a header, which carries neither line ends nor other alphabets."""
        if not (text.isascii() and text.isprintable()):
            raise ConfigurationError(f"{name} ({variable_of(name)}) holds a character that no header can carry")

    def _check_address(self, name: str, text: str) -> None:
        if name == "sign_in_url" and not text:
            return
        if not _is_address(text):
            shown = re.sub("//.*@", "//…@", text)  # a password may stand before the @
            raise ConfigurationError(f"{name} ({variable_of(name)}) is no address like https://host: {shown!r}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from DATABASE_URL and BOOKING_… variables; lists are separated by commas, an empty one is not set.

        Space around a value is not part of it: a secret that was read from a file ends with a line end.
        """
        given = {item.name: environ.get(variable_of(item.name), "").strip() for item in fields(cls)}
        missing = [variable_of(item.name) for item in fields(cls) if item.default is MISSING and not given[item.name]]
        if missing:
            raise ConfigurationError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set")
        kinds = {item.name: str(item.type) for item in fields(cls)}
        values: dict[str, Any] = {name: _convert(name, kinds[name], text) for name, text in given.items() if text}
        return cls(**values)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return "DATABASE_URL" if name == "database_url" else f"BOOKING_{name.upper()}"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for one that is no port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable() and " " not in text


def _convert(name: str, kind: str, text: str) -> object:
    try:
        if kind.startswith("tuple"):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if kind == "timedelta":
            return timedelta(seconds=float(text))
        if kind in ("int", "float"):
            return int(text) if kind == "int" else float(text)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{variable_of(name)} is not a number: {text!r}") from None
    return text
