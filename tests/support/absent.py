"""What a test needs and a machine may not have: Docker, Chromium, Node.js, an older PostgreSQL."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

__all__ = ["absent"]


def absent(why: str) -> NoReturn:
    """Skip the test, for whoever works on a machine without it; under CI=true fail it: there everything is demanded."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)  # a machine without it can do all the rest
