"""Throwaway PostgreSQL servers, isolation between scenarios, and the rows that each scenario changed.

Who only looks at changed rows needs no database driver, so each module is imported when a name of it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import names_at

if TYPE_CHECKING:
    from harness.postgres.ahead import HeadStart, quick_to_start
    from harness.postgres.database import Database
    from harness.postgres.kept import Keep
    from harness.postgres.opening import open_server
    from harness.postgres.questions import Question, question
    from harness.postgres.records import ResetReport, RowOperation, ServerInfo
    from harness.postgres.sandbox import Sandbox
    from harness.postgres.server import Server
    from harness.postgres.template import Template

__all__ = [
    "Database",
    "HeadStart",
    "Keep",
    "Question",
    "ResetReport",
    "RowOperation",
    "Sandbox",
    "Server",
    "ServerInfo",
    "Template",
    "open_server",
    "question",
    "quick_to_start",
]

_HOMES = {
    "Database": "database",
    "HeadStart": "ahead",
    "Keep": "kept",
    "Question": "questions",
    "ResetReport": "records",
    "RowOperation": "records",
    "Sandbox": "sandbox",
    "Server": "server",
    "ServerInfo": "records",
    "Template": "template",
    "open_server": "opening",
    "question": "questions",
    "quick_to_start": "ahead",
}

__getattr__ = names_at(__name__, _HOMES)
