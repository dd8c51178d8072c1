"""`harness serve` and `harness calendly serve`: the reference with its page, and the simulator, on ports."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["calendly_app", "serve"]

calendly_app = typer.Typer(
    help="The Calendly simulator by itself, for an application in any language.", no_args_is_help=True
)


@calendly_app.callback()
def calendly() -> None:
    """The Calendly simulator by itself, for an application in any language."""


def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the booking page; 0: any free one.")
    ] = 8080,
    calendly_port: Annotated[
        int,
        typer.Option(
            "--calendly-port", min=0, max=65535, help="Port of the simulated Calendly (the widget's own origin)."
        ),
    ] = 8081,
    profile: Annotated[
        str, typer.Option("--profile", help="reference, or legacy: the flow before the update.")
    ] = "reference",
    database: Annotated[
        str, typer.Option("--database", help="auto, embedded, testcontainers[:IMAGE] or postgresql://…")
    ] = "auto",
    catalog: Annotated[
        str, typer.Option("--catalog", help="Which catalogue of fixtures/catalogues to offer.")
    ] = "production",
) -> int:
    """Serve the booking page on a throwaway database, with Calendly and Stripe simulated, until Ctrl-C.

    Examples:

      harness serve

      harness serve --profile legacy --port 8090
    """
    from harness.session.serving import serve as serve_everything

    return serve_everything(port=port, calendly_port=calendly_port, profile=profile, database=database, catalog=catalog)


@calendly_app.command("serve")
def calendly_serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8081,
    host: Annotated[str, typer.Option("--host", help="Loopback unless you say otherwise.")] = "127.0.0.1",
    control: Annotated[
        bool, typer.Option("--control", help="Open /_simulator/: reset, seed, clock, faults, journal, deliver.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Ids follow from it.")] = 0,
    events: Annotated[int, typer.Option("--events", min=0, help="Start with N scheduled events.")] = 0,
    webhook_url: Annotated[
        str | None, typer.Option("--webhook-url", help="Your receiver, subscribed to every invitee event.")
    ] = None,
    webhook_key: Annotated[str | None, typer.Option("--webhook-key", help="The key that signs them.")] = None,
    deliver: Annotated[
        bool,
        typer.Option("--deliver/--no-deliver", help="Send webhooks as they fall due, or leave them in the outbox."),
    ] = True,
    rate_limits: Annotated[
        bool, typer.Option("--rate-limits/--no-rate-limits", help="Answer 429 beyond Calendly's limits.")
    ] = True,
    canonical_uris: Annotated[
        bool, typer.Option("--canonical-uris", help="Name resources https://api.calendly.com/…, not this server.")
    ] = False,
) -> int:
    """Serve the Calendly simulator over HTTP until Ctrl-C; Stripe's answers on the same port under /v1/.

    Examples:

      harness calendly serve --port 8081 --control

      curl -H 'Authorization: Bearer test-token' http://127.0.0.1:8081/users/me
    """
    from harness.calendly.command import serve_command
    from harness.stripe.site import stripe_site

    serve_command(
        port=port,
        host=host,
        control=control,
        seed=seed,
        events=events,
        webhook_url=webhook_url,
        webhook_key=webhook_key,
        deliver=deliver,
        rate_limits=rate_limits,
        canonical_uris=canonical_uris,
        beside=(stripe_site,),
    )
    return 0
