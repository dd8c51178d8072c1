"""What a deployment sets; everything else is a part (see `harness.booking.parts`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta

__all__ = ["ConfigurationError", "Settings"]

SHORTEST_KEY = 32


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
    calendly_embed_base: str = "https://calendly.com"  # the widget's origin: framed, and believed (F04)
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

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from DATABASE_URL and BOOKING_… variables; lists are separated by commas."""
        values: dict[str, object] = {"database_url": _required(environ, "DATABASE_URL")}
        for item in fields(cls):
            if item.name == "database_url":
                continue
            text = environ.get(f"BOOKING_{item.name.upper()}")
            if text is not None:
                values[item.name] = _convert(item.name, str(item.type), text)
        for name in ("token_key", "calendly_token", "calendly_webhook_keys", "stripe_key", "stripe_webhook_keys"):
            if name not in values:
                _required(environ, f"BOOKING_{name.upper()}")
        return cls(**values)  # type: ignore[arg-type]  # each value was converted to its field's type


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigurationError(f"{name} is not set")
    return value


def _convert(name: str, kind: str, text: str) -> object:
    try:
        if kind.startswith("tuple"):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if kind == "timedelta":
            return timedelta(seconds=float(text))
        if kind in ("int", "float"):
            return int(text) if kind == "int" else float(text)
    except ValueError:
        raise ConfigurationError(f"BOOKING_{name.upper()} is not a number: {text!r}") from None
    return text
