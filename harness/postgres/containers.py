"""A server in a container, through the `testcontainers` library.

The library's own reaper ("Ryuk") is an image to be pulled and a privileged container; instead each container belongs
to a directory with a lock, as an embedded server does (`harness.postgres.running`), and dies with it.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from msgspec import Struct

from harness.errors import MachineError
from harness.postgres.cluster import cluster_settings
from harness.postgres.dsn import Dsn
from harness.postgres.engine import OWNER_LABEL, choose_image, docker_client, owner_of, sweep_containers
from harness.postgres.places import Places, secure_directory
from harness.postgres.running import Instance, sweep

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

__all__ = ["StartedContainer", "start_container", "why_no_container"]

_START_LIMIT = 90.0  # seconds
_PORT = 5432
_MEMORY = "/booking-harness"  # where memory-backed storage is mounted in the container
_USER = "postgres"


class StartedContainer(Struct, frozen=True):
    """A running container; `parameters` are those of libpq."""

    image: str
    digest: str | None
    version: str
    parameters: dict[str, str]
    swept: int
    stop: Callable[[], None]


def why_no_container(note: Callable[[str], None] | None = None) -> str | None:
    """One sentence why this machine cannot run one; None when it can (an image may have been pulled then)."""
    try:
        with docker_client() as client:
            choose_image(client, None, note)
    except MachineError as error:
        return error.what
    return None


def start_container(
    asked: str | None, places: Places | None = None, note: Callable[[str], None] | None = None
) -> StartedContainer:
    """Start a server of the image `asked` (None: the best at hand). Sweeps first. MachineError when it cannot be."""
    places = places or Places.find()
    secure_directory(places.cache)
    swept = sweep(places)
    with docker_client() as client:
        swept += sweep_containers(client)
        image = choose_image(client, asked, note)
        described = client.images.get(image).attrs
    instance = Instance.create(places)
    try:
        return _start(instance, image, described, swept)
    except BaseException:  # whatever it was, Ctrl-C too, nothing may stay behind
        instance.remove()
        raise


def _start(instance: Instance, image: str, described: dict[str, Any], swept: int) -> StartedContainer:
    password = secrets.token_urlsafe(12)
    instance.holds_container()
    with _without_reaper():
        container = _container(instance, image, described, password)
        with contextlib.closing(container.get_docker_client().client):
            _launch(container, image)
            host, port = _address(container, image)
            parameters = {"host": host, "port": str(port), "user": _USER, "password": password, "dbname": "postgres"}
            version = _wait_until_ready(container, parameters, image)
    digest = next(iter(described.get("RepoDigests") or ()), described.get("Id"))
    return StartedContainer(image, digest, version, parameters, swept, instance.remove)


def _launch(container: DockerContainer, image: str) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        container.start()
    except (DockerException, RequestException) as error:
        said = " ".join(str(error).split())
        raise MachineError(f"A container of {image} does not start: {said}.", "Does `docker run` start one?") from error


def _container(instance: Instance, image: str, described: dict[str, Any], password: str) -> DockerContainer:
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image, name=instance.container)
    container.with_envs(
        POSTGRES_USER=_USER,
        POSTGRES_PASSWORD=password,
        POSTGRES_INITDB_ARGS="--no-sync --encoding=UTF8 --locale=C.UTF-8 --wal-segsize=1",
        PGDATA=f"{_MEMORY}/data",
    )
    container.with_tmpfs_mount(_MEMORY)
    container.with_command(["postgres", *_settings(described)])
    ports = cast(dict[str, Any], container.ports)  # the engine's client takes an address too
    ports[f"{_PORT}/tcp"] = ("127.0.0.1",) if _on_this_machine(container) else None
    return container.with_kwargs(labels={OWNER_LABEL: owner_of(instance.path)})


def _on_this_machine(container: DockerContainer) -> bool:
    """Whether the engine runs here, so that a port on the loopback address, which nobody else reaches, will do.

    The library's own guess is wrong on machines that were made from a container's files.
    """
    return bool(container.get_docker_client().client.info().get("Name") == socket.gethostname())


def _address(container: DockerContainer, image: str) -> tuple[str, int]:
    if not _on_this_machine(container):
        return container.get_container_host_ip(), container.get_exposed_port(_PORT)
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    bindings = wrapped.attrs["NetworkSettings"]["Ports"].get(f"{_PORT}/tcp")
    if not bindings:
        raise _stopped(container, image)
    return "127.0.0.1", int(bindings[0]["HostPort"])


def _stopped(container: DockerContainer, image: str) -> MachineError:
    return MachineError(f"The container of {image} stopped: {_logs(container)}.", "Is it a PostgreSQL image?")


def _settings(described: dict[str, Any]) -> Iterator[str]:
    variables = dict(line.split("=", 1) for line in described["Config"].get("Env") or () if "=" in line)
    recent = variables.get("PG_MAJOR", "0").split(".")[0]
    for name, value in cluster_settings(int(recent) if recent.isdigit() else 0).items():
        yield "-c"
        yield f"{name}={value}"


@contextmanager
def _without_reaper() -> Iterator[None]:
    from testcontainers.core.config import testcontainers_config

    before = testcontainers_config.ryuk_disabled
    testcontainers_config.ryuk_disabled = True
    try:
        yield
    finally:
        testcontainers_config.ryuk_disabled = before


def _wait_until_ready(container: DockerContainer, parameters: dict[str, str], image: str) -> str:
    """Return the server's version when it accepts connections."""
    deadline = time.monotonic() + _START_LIMIT
    said = "it said nothing"
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(Dsn.of(parameters | {"connect_timeout": "5"}), autocommit=True) as connection:
                return str(connection.info.parameter_status("server_version")).split()[0]
        except psycopg.OperationalError as error:
            said = " ".join(str(error).split())
        container.reload()
        if container.status not in ("created", "running"):
            raise _stopped(container, image)
        time.sleep(0.02)
    raise MachineError(
        f"PostgreSQL in a container of {image} did not start within {_START_LIMIT:.0f} seconds: {said}.",
        "Is it a PostgreSQL image, and does the engine publish ports on this machine?",
    )


def _logs(container: DockerContainer) -> str:
    output, errors = container.get_logs()
    return " ".join((output + errors).decode(errors="replace").split())[-400:] or "it said nothing"
