"""Servers of two PostgreSQL versions, and a check of a few lines of SQL on the corpus's shop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MachineError
from harness.migrations.checking import Report, check
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options
from harness.postgres import Server, open_server
from tests.migrations.places import SHOP
from tests.support.absent import absent

OLD_VERSIONS = ("embedded:/usr/lib/postgresql/15/bin", "testcontainers:booking-harness-postgres:15")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server("embedded") as opened:
        yield opened


@pytest.fixture(scope="session")
def old_server() -> Iterator[Server]:
    """PostgreSQL 15: Debian's package, else the image of this project. Demanded under CI=true."""
    for choice in OLD_VERSIONS:
        try:
            opened = open_server(choice)
        except MachineError:
            continue
        with opened:
            yield opened
        return
    absent("no PostgreSQL 15: install Debian's postgresql-15, or build the image booking-harness-postgres:15")


@pytest.fixture(params=["newest", "15"])
def either(request: pytest.FixtureRequest) -> Server:
    """Each of the two servers in turn."""
    chosen: Server = request.getfixturevalue("server" if request.param == "newest" else "old_server")
    return chosen


Rehearse = Callable[..., Report]


@pytest.fixture
def rehearse(server: Server, tmp_path: Path) -> Rehearse:
    """Check SQL on the shop: `rehearse("ALTER …", phases=("observe",))`. Other options as `Options` has them."""

    def run(
        sql: str, *, name: str = "migration.sql", baseline: Path = SHOP, on: Server = server, **options: Any
    ) -> Report:
        file = tmp_path / name
        file.write_text(sql, encoding="utf-8")
        chosen: dict[str, Any] = {
            "rows": 1000,
            "production_rows": 1000,
            "runner": "psql",
            "phases": ("lint", "observe"),
        }
        return check(on, plan(file, [baseline]), Options(**{**chosen, **options}))

    return run
