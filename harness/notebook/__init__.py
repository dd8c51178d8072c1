"""The harness from a notebook: runs with a progress bar, and the control room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.notebook.interactive import run
    from harness.notebook.room import ControlRoom

__all__ = ["ControlRoom", "run"]


def __getattr__(name: str) -> Any:
    if name == "ControlRoom":  # needs ipywidgets
        from harness.notebook.room import ControlRoom

        return ControlRoom
    if name == "run":
        from harness.notebook.interactive import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
