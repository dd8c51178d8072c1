"""Servers in containers, for real: any image, nothing pulled that is here, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import MachineError
from harness.postgres import Sandbox, Server, open_server
from harness.postgres import engine as engine_module
from harness.postgres.engine import OWNER_LABEL, choose_image, docker_client
from tests.postgres.processes import Machine, harness
from tests.postgres.shop import SHOP, state_of
from tests.support.directories import short_directory

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def contained(image: str) -> Iterator[Server]:
    with open_server(f"testcontainers:{image}") as server:
        yield server


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with short_directory() as directory:
        yield directory / "cache"


@pytest.fixture
def machine(cache: Path) -> Iterator[Machine]:
    with short_directory(running=True) as running:
        yield Machine(cache, running)


def containers(of: str) -> list[Any]:
    """The containers of the harness whose directory is below `of`."""
    with docker_client() as client:
        found = client.containers.list(all=True, filters={"label": OWNER_LABEL})
        return [container.name for container in found if f":{of}/" in container.labels[OWNER_LABEL]]


def test_the_choice_tells_version_image_and_digest(contained: Server, image: str) -> None:
    info = contained.info
    assert (info.kind, info.image) == ("testcontainers", image)
    assert info.version.split(".")[0].isdigit()
    assert info.image_digest is not None
    assert "sha256:" in info.image_digest


def test_a_sandbox_works_as_on_any_server(contained: Server) -> None:
    template = contained.template("shop", lambda connection: connection.execute(SHOP) and None)
    with Sandbox(template) as sandbox:
        with sandbox.database.connect() as watcher:
            before = state_of(watcher)
        sandbox.begin()
        sandbox.execute("DELETE FROM customer")
        sandbox.execute("CREATE ROLE clerk")
        sandbox.execute("ALTER SYSTEM SET work_mem = '9MB'")
        assert len(sandbox.changes()) == 40
        assert sandbox.reset().shared_changes == ("role clerk made", "ALTER SYSTEM work_mem")
        sandbox.execute("DROP TABLE customer CASCADE")
        assert sandbox.reset().replaced
        with sandbox.database.connect() as watcher:
            assert state_of(watcher) == before


def test_it_is_tuned_and_in_memory_and_reached_on_the_loopback_address_only(contained: Server) -> None:
    assert contained.admin("SELECT current_setting('fsync'), current_setting('data_directory')") == [
        ("off", "/booking-harness/data")
    ]
    assert contained._parameters["host"] == "127.0.0.1"
    with docker_client() as client:
        (port,) = {
            binding["HostIp"]
            for container in client.containers.list(filters={"label": OWNER_LABEL})
            for binding in container.attrs["NetworkSettings"]["Ports"]["5432/tcp"]
        }
    assert port == "127.0.0.1"


def test_its_password_is_nowhere_in_what_is_recorded(contained: Server) -> None:
    password = contained._parameters["password"]
    assert password in contained.admin_dsn
    assert password not in f"{contained!r} {contained.info} {contained.admin_dsn!r}"


def test_auto_prefers_a_container_and_says_so(image: str) -> None:
    notes: list[str] = []
    with open_server("auto", note=notes.append) as server:
        assert server.info.kind == "testcontainers"
        assert server.info.choice == "auto"
    assert f"in a container of {server.info.image}" in notes[-1]


def test_auto_falls_back_to_embedded_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    notes: list[str] = []
    with open_server("auto", note=notes.append) as server:
        assert server.info.kind == "embedded"
    assert notes[0].startswith("No container: ")
    assert "No Docker engine answers at unix:///nowhere/docker.sock: No such file or directory." in notes[0]


def test_a_socket_that_nobody_listens_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
    with pytest.raises(MachineError, match=r"No Docker engine answers at .*: Connection refused") as caught:
        open_server("testcontainers")
    assert "Start a Docker engine" in caught.value.remedy


def test_an_image_that_cannot_be_had(machine: Machine) -> None:
    with pytest.raises(MachineError, match="is not on this machine and cannot be pulled") as caught:
        open_server("testcontainers:127.0.0.1:1/nothing:here")
    assert "fixtures/postgres-image/build.sh" in caught.value.remedy


def test_the_default_image_is_used_when_it_is_here_else_the_offline_one(image: str) -> None:
    with docker_client() as client:
        assert choose_image(client, None) in {engine_module.DEFAULT_IMAGE, image}
        assert choose_image(client, image) == image


def test_an_image_that_is_no_postgresql(image: str) -> None:
    with docker_client() as client:
        odd = client.containers.create(image, entrypoint=["/bin/false"])
        odd.commit("booking-harness-test-odd", "1", changes='ENTRYPOINT ["/bin/false"]')
        odd.remove()
    try:
        with pytest.raises(MachineError, match="The container of booking-harness-test-odd:1 stopped") as caught:
            open_server("testcontainers:booking-harness-test-odd:1")
        assert "Is it a PostgreSQL image?" in caught.value.remedy
    finally:
        with docker_client() as client:
            client.images.remove("booking-harness-test-odd:1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_removes_the_container(machine: Machine, image: str, number: signal.Signals) -> None:
    with harness(machine, "time.sleep(60)", choice=f"testcontainers:{image}") as process:
        assert len(containers(str(machine.running))) == 1
        os.killpg(process.pid, number)
        process.communicate(timeout=30)
    assert containers(str(machine.running)) == []
    assert machine.left() == []


def test_a_container_that_a_kill_left_is_swept_by_the_next_start_of_any_kind(machine: Machine, image: str) -> None:
    with harness(machine, "time.sleep(60)", choice=f"testcontainers:{image}") as process:
        process.kill()
        process.wait()
        assert len(containers(str(machine.running))) == 1
        with harness(machine, "") as after:
            after.communicate(timeout=30)
    assert containers(str(machine.running)) == []
    assert machine.left() == []


def test_a_container_whose_directory_is_gone_is_swept_too(machine: Machine, image: str, monkeypatch: Any) -> None:
    with harness(machine, "time.sleep(60)", choice=f"testcontainers:{image}") as process:
        process.kill()
        process.wait()
        for path in Path(machine.running).rglob("s-*/*"):
            path.unlink()
        for path in Path(machine.running).rglob("s-*"):
            path.rmdir()
        with docker_client() as client:
            assert engine_module.sweep_containers(client) >= 1
    assert containers(str(machine.running)) == []


def test_a_container_of_a_live_harness_is_left_alone(machine: Machine, image: str) -> None:
    with harness(
        machine, "sys.stdin.read(1); print(sandbox.query('SELECT i FROM t'))", choice=f"testcontainers:{image}"
    ) as one:
        with harness(machine, "", choice=f"testcontainers:{image}") as other:
            other.communicate(timeout=30)
        output, errors = one.communicate("x", timeout=30)
        assert output == "[{'i': 1}]\n", errors
    assert containers(str(machine.running)) == []
