"""The commands and what `harness --help` says of them. Each command's work is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from harness import __version__

__all__ = ["app_for"]

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

HELP = "Scenarios, rehearsed migrations and evidence for a booking flow, on a throwaway PostgreSQL with Calendly simulated."

_COMMANDS: Mapping[str, tuple[str, str | None]] = {
    "run": ("run:run", None),
    "list": ("listing:list_", None),
    "validate": ("listing:validate", "Say every mistake of every file, with its place."),
    "schema": ("listing:schema", "Write the editor's schema and the tables' columns."),
    "replay": ("audit:replay", "Run a recorded scenario again; what differs?"),
    "strength": ("strength:strength", "Put defects in one by one; which are noticed?"),
    "audit": ("audit:audit", "Execute the notebooks on a run; write a dossier."),
    "verify": ("audit:verify", "Recompute the hashes of a run or a dossier."),
    "compare": ("audit:compare", "Say what changed between two runs."),
    "history": ("audit:history", "Over the last runs: what is flaky, what became slower."),
    "serve": ("serve:serve", "Serve the booking page, the providers simulated."),
    "calendly": ("serve:calendly_app", "The Calendly simulator by itself, on a port."),
    "migrate": ("migrate:migrate_app", "Rehearse a migration, then apply it."),
    "doctor": ("machine:doctor", None),
}
"""Each command: where it stands in this package, as `module:name`, and what the list of commands says of it, where that is
not the beginning of its own help. A Typer of its own has commands below it."""


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line as far as `words` need it: reading the options of every command takes longer than those of one."""
    app = typer.Typer(
        name="harness",
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(harness)
    first = words[0] if words else ""
    for name in [first] if first in _COMMANDS else _COMMANDS:
        place, short = _COMMANDS[name]
        module, _, attribute = place.partition(":")
        found = getattr(import_module(f"harness.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, short_help=short)
        else:
            app.command(name, short_help=short)(found)
    if words in ([], ["-h"], ["--help"]):
        app.rich_markup_mode = None  # see EPILOG
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"booking-harness {__version__}")
        raise typer.Exit


def harness(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Scenarios, rehearsed migrations and evidence for a booking flow."""
