"""The Docker engine: whether it answers, which images it has, which containers a dead harness left in it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import MachineError

__all__ = [
    "DEFAULT_IMAGE",
    "OFFLINE_IMAGE",
    "OWNER_LABEL",
    "choose_image",
    "docker_client",
    "engine_listens",
    "owner_of",
    "remove_container",
    "sweep_containers",
]

DEFAULT_IMAGE = "postgres:17"
OFFLINE_IMAGE = "booking-harness-postgres"  # any tag; fixtures/postgres-image builds it
OWNER_LABEL = "booking-harness.owner"
_TIMEOUT = 60  # seconds for one answer of the engine


@contextmanager
def docker_client() -> Iterator[Any]:
    """A client of the engine that the environment names. MachineError when none answers."""
    _probe()
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client = docker.from_env(timeout=_TIMEOUT)
    except (DockerException, RequestException) as error:
        raise MachineError(f"No Docker engine answers: {_short(error)}.", _remedy()) from error
    with contextlib.closing(client):
        try:
            client.ping()
        except (DockerException, RequestException) as error:
            raise MachineError(f"The Docker engine does not answer: {_short(error)}.", _remedy()) from error
        yield client


def engine_listens() -> bool:
    """Whether something listens where the engine should; True where only its client could tell."""
    try:
        _probe()
    except MachineError:
        return False
    return True


def _probe() -> None:
    """Knock at a local engine's socket: its client costs an import, and leaves a socket open when nobody answers."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(_TIMEOUT)
        try:
            knock.connect(address.removeprefix("unix://"))
        except OSError as error:
            raise MachineError(f"No Docker engine answers at {address}: {error.strerror}.", _remedy()) from error


def _remedy() -> str:
    return "Start a Docker engine (on Debian, .ci/docker.sh does it all), or choose --database embedded."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def choose_image(client: Any, asked: str | None, note: Callable[[str], None] | None = None) -> str:
    """The image to run: the one asked for, else one that is here, else the default. Pulls it when it is not here.

    `note` is told before that, since it takes a while. MachineError when it cannot be had.
    """
    candidates = [asked] if asked else [DEFAULT_IMAGE, *_offline_images(client)]
    for image in candidates:
        if _present(client, image):
            return image
    if note:
        note(f"Pulling the image {candidates[0]}.")
    return _pull(client, candidates[0])


def _offline_images(client: Any) -> list[str]:
    tags = (tag for image in client.images.list(name=OFFLINE_IMAGE) for tag in image.tags)
    return sorted(tags, reverse=True)


def _present(client: Any, image: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        return False
    return True


def _pull(client: Any, image: str) -> str:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client.images.pull(image)
    except (DockerException, RequestException) as error:
        raise MachineError(
            f"The image {image} is not on this machine and cannot be pulled: {_short(error)}.",
            "Name one that is (--database testcontainers:IMAGE), build one from Debian's packages with"
            " fixtures/postgres-image/build.sh, or choose --database embedded.",
        ) from error
    return image


def owner_of(directory: Path) -> str:
    """The label of a container that belongs to the harness of `directory`, on this machine, of this user."""
    return f"{socket.gethostname()}:{os.geteuid()}:{directory}"


def remove_container(client: Any, name: str) -> None:
    """Remove the container and its volumes, whatever its state; absent is fine."""
    from docker.errors import APIError, NotFound

    with contextlib.suppress(NotFound):
        try:
            client.containers.get(name).remove(force=True, v=True)
        except APIError as error:
            if error.status_code != 409:  # it is being removed already
                raise


def sweep_containers(client: Any) -> int:
    """Remove the containers whose harness, on this machine and of this user, is gone; the number removed."""
    mine = owner_of(Path("/"))
    removed = 0
    for container in client.containers.list(all=True, filters={"label": OWNER_LABEL}):
        owner = container.labels.get(OWNER_LABEL, "")
        if owner.startswith(mine) and not Path("/" + owner.removeprefix(mine)).exists():
            remove_container(client, container.id)
            removed += 1
    return removed
