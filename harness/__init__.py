"""The booking harness: scenarios, rehearsed migrations and evidence for a booking flow.

From a notebook or a prompt:

    import harness

    run = harness.run("scenarios/anonymous", seed=7)      # a progress bar, then the run, which shows itself
    harness.report.load("reports/latest").checks          # a DataFrame
    harness.migrations.check("fixtures/migrations/make_client_id_nullable.sql", baseline="fixtures/migrations")

Each is imported when it is first asked for: `import harness` alone costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own, without the import: what comes before the command line listens is kept short
if TYPE_CHECKING:
    from typing import Any

    from harness import migrations, report
    from harness.notebook.interactive import run

__all__ = ["__version__", "migrations", "report", "run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "run":
        from harness.notebook.interactive import run

        return run
    if name in {"migrations", "report"}:
        from importlib import import_module

        return import_module(f"harness.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
