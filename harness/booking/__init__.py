"""The reference implementation of the booking flow: deployable alone, knows nothing of the harness.

create_app(Settings(...))           the WSGI application
Parts                               every policy that can be replaced
legacy.create_app(Settings(...))    the flow before the update
flow.Flow                           what the visitor's browser decides
"""

from __future__ import annotations

from .application import Application, create_app
from .parts import Parts
from .settings import ConfigurationError, Settings
from .tokens import issue_token

__all__ = ["Application", "ConfigurationError", "Parts", "Settings", "create_app", "issue_token"]
