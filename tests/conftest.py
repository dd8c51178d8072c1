"""What holds for every test."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from harness.lazy import leave_out
from harness.memory import collect_rarely


def pytest_configure() -> None:
    """Ctrl-C means what it means in a terminal, for the processes that tests start too.

    A shell starts what runs in the background with SIGINT ignored, and children inherit that. And what tests import
    and collect stays anyway: a search for cycles every seven hundred objects is a twentieth of their time.
    """
    collect_rarely()
    leave_out(
        "rfc3987_syntax"
    )  # `jsonschema` would import it to judge IRIs, which no schema here has: it takes seconds
    # How long an example takes says more of what else the machine does than of the code.
    settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("shared machine")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a `long` test are begun first, in whatever order chance gave them: the workers then end together."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)
