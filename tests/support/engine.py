"""The Docker engine, for tests that need one."""

from __future__ import annotations

import os

import pytest

from harness.errors import MachineError
from harness.postgres.engine import docker_client

__all__ = ["demand_engine"]


def demand_engine() -> None:
    """Return when a Docker engine answers. Otherwise the test is skipped, but fails under CI=true."""
    try:
        with docker_client():
            return
    except MachineError as error:
        why = str(error)
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)  # sanctioned: only outside CI, where an engine cannot be demanded
