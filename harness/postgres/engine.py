"""The Docker engine: whether it answers, which images it has, which containers a dead harness left in it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
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
    if not _may_answer():
        raise MachineError("No Docker engine answers: there is no socket of one.", _remedy())
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


def _may_answer() -> bool:
    """Without this look an absent engine would cost the import of its client."""
    home = Path.home()
    places = [Path("/var/run/docker.sock"), home / ".docker/run/docker.sock", home / ".docker/config.json"]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        places.append(Path(runtime) / "docker.sock")
    named = any(name in os.environ for name in ("DOCKER_HOST", "TC_HOST", "DOCKER_CONTEXT"))
    return named or any(place.exists() for place in places)


def _remedy() -> str:
    return "Start a Docker engine (on Debian, .ci/docker.sh does it all), or choose --database embedded."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def choose_image(client: Any, asked: str | None) -> str:
    """The image to run: the one asked for, else one that is here, else the default. Pulls it when it is not here.

    MachineError when it cannot be had.
    """
    candidates = [asked] if asked else [DEFAULT_IMAGE, *_offline_images(client)]
    for image in candidates:
        if _present(client, image):
            return image
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
