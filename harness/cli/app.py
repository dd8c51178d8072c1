"""The commands and what `harness --help` says of them. Each command's work is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import __version__
from harness.cli import audit, listing, machine, run, serve, strength
from harness.cli.migrate import migrate_app

__all__ = ["app"]

# The first page is plain: what draws the panels of the other pages takes longer to import than everything else.
EPILOG = """
Examples:

\b
  harness run                                    the whole suite
  harness run scenarios/anonymous --tag smoke    some of it
  harness run --target legacy                    what the update mends
  harness migrate check fixtures/migrations/make_client_id_nullable.sql \\
      --baseline fixtures/migrations             may it go to production?
  harness COMMAND --help                         options and examples

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
app.command("validate", short_help="Say every mistake of every file, with its place.")(listing.validate)
app.command("schema", short_help="Write the editor's schema and the tables' columns.")(listing.schema)
app.command("replay", short_help="Run a recorded scenario again; what differs?")(audit.replay)
app.command("strength", short_help="Put defects in one by one; which are noticed?")(strength.strength)
app.command("audit", short_help="Execute the notebooks on a run; write a dossier.")(audit.audit)
app.command("verify", short_help="Recompute the hashes of a run or a dossier.")(audit.verify)
app.command("compare", short_help="Say what changed between two runs.")(audit.compare)
app.command("history", short_help="Over the last runs: what is flaky, what became slower.")(audit.history)
app.command("serve", short_help="Serve the booking page, the providers simulated.")(serve.serve)
app.add_typer(serve.calendly_app, name="calendly", short_help="The Calendly simulator by itself, on a port.")
app.add_typer(migrate_app, name="migrate", short_help="Rehearse a migration, then apply it.")
app.command("doctor")(machine.doctor)
