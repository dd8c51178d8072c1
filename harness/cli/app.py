"""The commands and what `harness --help` says of them. Each command's work is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import __version__
from harness.cli import audit, listing, machine, run, serve, strength
from harness.cli.migrate import migrate_app

__all__ = ["app"]

EPILOG = """
Examples:

  harness run                                   the whole suite, on a throwaway PostgreSQL

  harness run scenarios/anonymous --tag smoke    some of it

  harness run --target legacy                   the flow before the update: see what fails, and why

  harness migrate check fixtures/migrations/make_client_id_nullable.sql --baseline fixtures/migrations

Exit codes: 0 good, 1 a check failed or a hazard was found, 2 interrupted, 3 a fault of the harness, 4 bad input,
5 nothing selected, 10 the machine can't, 11 flaky only, 12 an audit gate failed.
"""

app = typer.Typer(
    name="harness",
    help="Scenarios, rehearsed migrations and evidence for a booking flow, on a throwaway PostgreSQL with Calendly simulated.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"booking-harness {__version__}")
        raise typer.Exit


@app.callback()
def harness(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Scenarios, rehearsed migrations and evidence for a booking flow."""


app.command("run")(run.run)
app.command("list")(listing.list_)
app.command("validate")(listing.validate)
app.command("schema")(listing.schema)
app.command("replay")(audit.replay)
app.command("strength")(strength.strength)
app.command("audit")(audit.audit)
app.command("verify")(audit.verify)
app.command("compare")(audit.compare)
app.command("serve")(serve.serve)
app.add_typer(serve.calendly_app, name="calendly")
app.add_typer(migrate_app, name="migrate")
app.command("doctor")(machine.doctor)
