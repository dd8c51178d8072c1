"""The harness's own questions in a session whose settings are the migration's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

__all__ = ["with_settings"]

_SET = "SELECT set_config(name, value, %s) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)"


@contextmanager
def with_settings(connection: psycopg.Connection[Any], **values: str) -> Iterator[dict[str, str]]:
    """Within it these settings hold, and no statement runs out of time; then what was set before holds again, which it gives.

    Within a transaction they are set for it alone, so that what it sets for the session stays as it wanted.
    """
    wanted = {**values, "statement_timeout": "0"}
    local = connection.info.transaction_status == TransactionStatus.INTRANS
    names = list(wanted)
    row = connection.execute(
        "SELECT array_agg(current_setting(name) ORDER BY place) FROM unnest(%s::text[]) WITH ORDINALITY AS n (name, place)",
        [names],
    ).fetchone()
    assert row is not None
    other = row[0] != list(wanted.values())  # a file may have thousands of statements, and asks after each
    if other:
        connection.execute(_SET, [local, names, list(wanted.values())])
    try:
        yield dict(zip(names, row[0], strict=True))
    finally:
        if other and connection.info.transaction_status != TransactionStatus.INERROR:  # its end puts everything back
            connection.execute(_SET, [local, names, row[0]])
