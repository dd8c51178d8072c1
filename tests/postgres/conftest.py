"""Servers and databases for the tests of this room: one server for all, a sandbox for each test that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from harness.postgres import Sandbox, Server, Template, open_server
from tests.postgres.shop import SHOP
from tests.support.engine import demand_engine


@pytest.fixture(autouse=True)
def _engine_when_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        demand_engine()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server("embedded") as opened:
        yield opened


@pytest.fixture(scope="session")
def shop(server: Server) -> Template:
    return server.template("shop", lambda connection: connection.execute(SHOP) and None)


@pytest.fixture
def sandbox(shop: Template) -> Iterator[Sandbox]:
    with Sandbox(shop) as opened:
        opened.begin()
        yield opened


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """Connections of an application to the sandbox's database, closed after the test."""
    made: list[psycopg.Connection[Any]] = []

    def make(*, autocommit: bool = True) -> psycopg.Connection[Any]:
        made.append(sandbox.database.connect(autocommit=autocommit))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def app(connect: Callable[[], psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
    return connect()
