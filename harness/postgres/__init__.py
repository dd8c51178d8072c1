"""Throwaway PostgreSQL servers, isolation between scenarios, and the rows that each scenario changed."""

from harness.postgres.ahead import HeadStart, quick_to_start
from harness.postgres.database import Database
from harness.postgres.opening import open_server
from harness.postgres.question import Question, question
from harness.postgres.records import ResetReport, RowOperation, ServerInfo
from harness.postgres.sandbox import Sandbox
from harness.postgres.server import Server
from harness.postgres.template import Template

__all__ = [
    "Database",
    "HeadStart",
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
