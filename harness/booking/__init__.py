"""The reference implementation of the booking flow: deployable alone, knows nothing of the harness.

create_app(Settings(...))           the WSGI application
Parts                               every policy that can be replaced
legacy.create_app(Settings(...))    the flow before the update
flow.Flow                           what the visitor's browser decides
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .application import Application, create_app
    from .parts import Parts
    from .settings import ConfigurationError, Settings
    from .tokens import issue_token

__all__ = ["Application", "ConfigurationError", "Parts", "Settings", "create_app", "issue_token"]

_HOMES = {
    "Application": "application",
    "ConfigurationError": "settings",
    "Parts": "parts",
    "Settings": "settings",
    "create_app": "application",
    "issue_token": "tokens",
}


def __getattr__(name: str) -> Any:
    """A public name from its module, when it is first asked for: whoever needs only `flow` pays for no web framework."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
