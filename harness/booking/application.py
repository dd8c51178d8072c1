"""Building one application: engine, services and routes, in a Flask application that can take more blueprints."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import Engine

from .asking import Asking
from .context import Context
from .database import open_engine
from .endpoints import Endpoints
from .limits import MemoryWindows
from .page import Profile, page_blueprint, page_failure
from .parts import Parts
from .services import Services, wire
from .settings import Settings
from .web import blueprint, register_failures

__all__ = ["Application", "create_app", "from_env"]


class Application(Flask):
    """The booking flow as a WSGI application."""

    def __init__(self, context: Context, services: Services) -> None:
        super().__init__("harness.booking", static_folder=None)
        self.context = context
        self.services = services

    @property
    def engine(self) -> Engine:
        """The engine behind every statement."""
        return self.context.engine

    def reset(self) -> None:
        """Forgets what is kept in memory only: who inserted how much lately (B21)."""
        self.context.windows.clear()

    def expire(self) -> int:
        """Does what has fallen due by the clock, as a deployment's timer would. How much it changed."""
        return self.services.housekeeping.run()

    def dispose(self) -> None:
        """Closes every connection."""
        self.context.calendly.close()
        self.context.stripe.close()
        self.context.engine.dispose()


def create_app(settings: Settings, parts: Parts | None = None, *, profile: Profile = "reference") -> Application:
    """The reference. Raises ConfigurationError rather than start without keys or with an address that is none.

    `profile` says which page it shows, this one or the one before the update."""
    context = build_context(settings, parts or Parts())
    services = wire(context)
    app = Application(context, services)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False  # each thing has one address
    app.register_blueprint(blueprint(Endpoints(Asking(context), services)))
    app.register_blueprint(page_blueprint(context, services, profile))
    register_failures(app, context, page_failure(settings))
    return app


def from_env() -> Application:
    """The reference with its settings from the environment, for a WSGI server: `harness.booking.application:from_env()`."""
    return create_app(Settings.from_env())


def build_context(settings: Settings, parts: Parts) -> Context:
    """The connections of one application; none is opened yet."""
    engine = open_engine(settings)
    return Context(
        settings=settings,
        parts=parts,
        engine=engine,
        reader=engine.execution_options(isolation_level="AUTOCOMMIT"),
        calendly=parts.calendly(settings),
        stripe=parts.stripe(settings),
        windows=parts.windows or MemoryWindows(),
        journal=parts.journal(parts.redaction),
    )
