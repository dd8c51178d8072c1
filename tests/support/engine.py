"""The Docker engine, for tests that need one."""

from __future__ import annotations

from harness.errors import MachineError
from harness.postgres.engine import docker_client
from tests.support.absent import absent

__all__ = ["demand_engine"]


def demand_engine() -> None:
    """Return when a Docker engine answers. Otherwise the test is skipped, but fails under CI=true."""
    try:
        with docker_client():
            return
    except MachineError as error:
        absent(str(error))
