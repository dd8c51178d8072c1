"""`harness serve`: the reference (or legacy) with its page on a port, Calendly and Stripe simulated beside it.

Everything is thrown away at the end: the database, the simulators' state, the keys.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from harness.calendly.options import Options
from harness.calendly.server import Served
from harness.calendly.server import serve as serve_calendly
from harness.errors import InputError, MachineError
from harness.postgres import Database, open_server
from harness.provider.serving import serve_until_signal
from harness.scenario.fixtures import Catalogue, catalogue, history, populate
from harness.scenario.simulators import furnish
from harness.scenario.targets import Target, parse_target
from harness.session.signing_in import PATH as SIGN_IN
from harness.session.signing_in import with_sign_in
from harness.stripe.options import Options as StripeOptions
from harness.stripe.site import stripe_site

__all__ = ["Deployment", "deployment", "serve"]

SIGN_IN_LIFETIME = timedelta(hours=12)


class Deployment(Struct, frozen=True):
    """What is being served. `tokens` signs in each user of the catalogue by key."""

    url: str
    providers: Served
    database: Database
    tokens: dict[str, str]


def serve(
    *,
    port: int,
    calendly_port: int,
    profile: str,
    database: str,
    catalog: str,
    root: Path | None = None,
    say: Callable[[str], Any] | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        MachineError: a port is busy, or no database can be had.
        InputError: no such profile or catalogue.
    """
    target = parse_target(profile)
    if target.url is not None:
        raise InputError(f"{profile!r} is no profile.", "Use reference, legacy or defect:ID.")
    tell = say or _print
    with deployment(target, root or Path.cwd(), port, calendly_port, database, catalog) as deployed:
        serve_until_signal(deployed.providers, ready=lambda _: tell(_greeting(deployed, target)))
    return 0


@contextmanager
def deployment(
    target: Target, root: Path, port: int, calendly_port: int, database: str, catalog: str
) -> Iterator[Deployment]:
    """The application on a port over a throwaway database; the providers are ready, but not started, beside it."""
    fixtures = root / "fixtures"
    rows = catalogue(fixtures, catalog)
    migrations = history(fixtures, target.sections)
    with open_server(database) as server:
        clone = server.template("serve", lambda connection: populate(connection, migrations, rows)).clone()
        keys = _Keys()
        listening = _listen(port)
        url = f"http://127.0.0.1:{listening.server_address[1]}"
        providers = _providers(calendly_port, rows, url, keys)
        app = _application(target, clone, url, providers.url, keys)
        tokens = _tokens(rows, app, keys)
        listening.set_app(with_sign_in(app, rows.rows("User"), tokens))
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield Deployment(url, providers, clone, tokens)
        finally:
            listening.shutdown()
            thread.join()
            listening.server_close()
            app.dispose()


class _Keys:
    """Secrets that live as long as this deployment."""

    def __init__(self) -> None:
        self.token_key = secrets.token_hex(32)
        self.calendly_token = secrets.token_hex(16)
        self.calendly_webhook = secrets.token_hex(16)
        self.stripe = f"sk_test_{secrets.token_hex(16)}"
        self.stripe_webhook = f"whsec_{secrets.token_hex(16)}"


def _providers(port: int, rows: Catalogue, url: str, keys: _Keys) -> Served:
    def calendly(simulator: Any) -> None:
        furnish(simulator, rows)
        simulator.subscribe(f"{url}/api/webhooks/calendly", signing_key=keys.calendly_webhook)

    def stripe(simulator: Any) -> None:
        simulator.subscribe(f"{url}/api/webhooks/stripe", signing_key=keys.stripe_webhook)

    return serve_calendly(
        port=port,
        options=Options(token=keys.calendly_token, journal_limit=10_000),
        own_uris=False,
        prepare=calendly,
        beside=[lambda own: stripe_site(own, options=StripeOptions(api_key=keys.stripe), prepare=stripe)],
    )


def _application(target: Target, database: Database, url: str, providers: str, keys: _Keys) -> Any:
    from harness.booking import Parts, Settings

    if target.profile == "legacy":
        from harness.booking.legacy import create_app
    else:
        from harness.booking import create_app
    settings = Settings(
        database_url=database.sqlalchemy_url,
        token_key=keys.token_key,
        calendly_token=keys.calendly_token,
        calendly_webhook_keys=(keys.calendly_webhook,),
        stripe_key=keys.stripe,
        stripe_webhook_keys=(keys.stripe_webhook,),
        calendly_base=providers,
        calendly_embed_base=f"{providers}/embed",
        stripe_base=providers,
        public_url=url,
        sign_in_url=f"{url}{SIGN_IN}",
    )
    parts = Parts()
    if target.defects:
        from harness.defects import inject

        parts = inject(parts, target.defects)
    return create_app(settings, parts)


class _Listening:
    """A threaded WSGI server whose application comes later, because the application must know the port."""

    def __init__(self, port: int) -> None:
        from werkzeug.serving import ThreadedWSGIServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app: Any = None
        self._server = ThreadedWSGIServer("127.0.0.1", port, self._call)

    def _call(self, environ: dict[str, Any], start_response: Any) -> Any:
        """The answer, read whole: the server never closes one whose reader hangs up in the middle, nor its file."""
        answer = self._app(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()

    def set_app(self, app: Any) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


def _listen(port: int) -> Any:
    try:
        return _Listening(port)
    except (OSError, SystemExit) as error:  # werkzeug leaves the process itself when a port is taken
        raise MachineError(f"Port {port} is taken.", "Choose another with --port N, or 0 for any free one.") from error


def _tokens(rows: Catalogue, app: Any, keys: _Keys) -> dict[str, str]:
    from harness.booking import issue_token

    settings = dataclasses.replace(app.context.settings, token_key=keys.token_key)
    now = app.context.parts.clock()
    return {
        key: issue_token(user["clerkId"], settings, now, SIGN_IN_LIFETIME) for key, user in rows.rows("User").items()
    }


def _greeting(deployed: Deployment, target: Target) -> str:
    lines = [
        f"the booking page ({target.name})   {deployed.url}/",
        f"Calendly and Stripe, simulated     {deployed.providers.url}/",
        "sign in as:",
        *(f"  {key:20} {deployed.url}/#signin={token}" for key, token in deployed.tokens.items()),
        "Stop with Ctrl-C. Nothing is kept.",
    ]
    return "\n".join(lines)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
