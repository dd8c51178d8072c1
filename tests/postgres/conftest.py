"""Servers and databases for the tests of this room: one server for all, a sandbox for each test that asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from harness.postgres import Sandbox, Server, Template, open_server
from harness.postgres.engine import OFFLINE_IMAGE, docker_client
from tests.postgres.shop import SHOP
from tests.support.engine import demand_engine


@pytest.fixture(autouse=True)
def _engine_when_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("docker"):
        demand_engine()


@pytest.fixture(scope="session")
def image() -> str:
    """The image that .ci/docker.sh builds. Asks for the engine itself: fixtures come before a test's own marks."""
    demand_engine()
    with docker_client() as client:
        found = next((tag for one in client.images.list(name=OFFLINE_IMAGE) for tag in one.tags), None)
    assert found, "the engine has no offline image; .ci/docker.sh builds it"
    return str(found)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """BOOKING_HARNESS_TEST_DATABASE names another one, to try another version."""
    with open_server(os.environ.get("BOOKING_HARNESS_TEST_DATABASE", "embedded")) as opened:
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
