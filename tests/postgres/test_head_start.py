"""A server that starts ahead: whoever takes it has it, and one that nobody takes is closed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.postgres import HeadStart, quick_to_start
from tests.support.directories import short_directory


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with short_directory(running=True) as place:
        monkeypatch.setenv("BOOKING_HARNESS_RUNNING", str(place))
        yield place


@pytest.mark.parametrize(
    ("choice", "engine", "quick"),
    [
        ("embedded", True, True),
        ("auto", False, True),
        ("auto", True, False),
        ("testcontainers:postgres:17", True, False),
        ("postgresql://somebody@somewhere/db", False, False),
        ("embeded", False, False),
    ],
)
def test_only_what_is_gone_as_fast_as_it_came_starts_ahead(
    running: Path, monkeypatch: pytest.MonkeyPatch, choice: str, engine: bool, quick: bool
) -> None:
    address = running / "engine"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")
    with contextlib.ExitStack() as open_:
        if engine:
            listening = open_.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(str(address))
            listening.listen()
        assert quick_to_start(choice) is quick


def test_a_server_that_was_taken_is_the_takers(running: Path) -> None:
    with HeadStart("embedded") as begun:
        server = begun.take()
    assert server.admin("SELECT 1") == [(1,)]
    server.close()
    assert not list(running.rglob("s-*"))


def test_a_server_that_nobody_took_is_closed(running: Path) -> None:
    with HeadStart("embedded"):
        pass
    assert not list(running.rglob("s-*"))


def test_a_server_is_closed_when_what_was_done_meanwhile_fails(running: Path) -> None:
    with pytest.raises(ZeroDivisionError), HeadStart("embedded"):
        raise ZeroDivisionError
    assert not list(running.rglob("s-*"))


def test_what_is_wrong_with_the_choice_is_told_to_whoever_takes(running: Path) -> None:
    with HeadStart("embeded") as begun, pytest.raises(InputError, match="no database called 'embeded'"):
        begun.take()
    with HeadStart("embeded"):
        pass  # and to nobody else
    assert not list(running.rglob("s-*"))
