"""The application under test, as the stage holds it: built once a database, put back before every scenario."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.interrupts import AskedToEnd
from harness.scenario.credentials import (
    CALENDLY_TOKEN,
    CALENDLY_WEBHOOK_KEYS,
    STRIPE_KEY,
    STRIPE_WEBHOOK_KEYS,
    TOKEN_KEY,
)
from harness.scenario.deployment import Deployment
from harness.scenario.transport import InProcess, Socket, Transport

if TYPE_CHECKING:
    from harness.booking import Settings
    from harness.postgres import Database
    from harness.scenario.targets import Target

__all__ = ["Application", "open_application", "preload", "settings_for"]


class Application(Struct):
    """`transport` reaches it; `app` is the WSGI application in this process, None for a deployment behind a URL."""

    transport: Transport
    app: Any = None
    deployment: Deployment | None = None

    def reset(self) -> None:
        """Forget what the process remembers between requests: limiters, caches."""
        if self.app is not None:
            self.app.reset()

    def expire(self) -> None:
        """Do what a deployment's timer does: expire unconfirmed anonymous bookings.

        What fails there is the product's failure: it is logged, as a timer would, and nobody is answered.
        """
        if self.app is None:
            return
        try:
            self.app.expire()
        except AskedToEnd:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the product raises is its own doing, and evidence
            logging.getLogger("booking").error("timer.failed", extra={"fields": {"error": type(error).__name__}})

    def quiesce(self) -> None:
        """Give back every connection, so that the database can be put back."""

    def close(self) -> None:
        self.transport.close()
        if self.deployment is not None:
            self.deployment.close()
        if self.app is not None:
            self.app.dispose()


def settings_for(database_url: str) -> Settings:
    """The settings of a reference that talks to this run's database and simulators."""
    from harness.booking import Settings

    return Settings(
        database_url=database_url,
        token_key=TOKEN_KEY,
        calendly_token=CALENDLY_TOKEN,
        calendly_webhook_keys=CALENDLY_WEBHOOK_KEYS,
        stripe_key=STRIPE_KEY,
        stripe_webhook_keys=STRIPE_WEBHOOK_KEYS,
        public_url="https://booking.test",
    )


def preload(target: Target) -> None:
    """Import what `open_application` will need: the better part of a second, so do it while something else is waited for."""
    if target.url is not None:
        return
    for name in ("booking.application", "calendly.simulator", "stripe.simulator"):
        import_module(f"harness.{name}")


def open_application(
    target: Target, database: Database, *, clock: Callable[[], datetime], new_id: Callable[[], str], providers: str = ""
) -> Application:
    """Build the target over `database`. A URL is reached by a socket, and started if the target has a command for that.

    `providers` is where a deployment finds the simulators.
    """
    if target.url is not None:
        started = Deployment(target.start, target.url, database, providers) if target.start else None
        return Application(Socket(target.url), deployment=started)
    from harness.booking import Parts

    settings = settings_for(database.sqlalchemy_url)
    parts = Parts(clock=clock, new_id=new_id)
    if target.defects:
        from harness.defects import inject

        parts = inject(parts, target.defects)
    if target.profile == "legacy":
        from harness.booking.legacy import create_app
    else:
        from harness.booking import create_app
    app = create_app(settings, parts)
    return Application(InProcess(app), app)
