"""The language alone: verbs that do nothing, tables and rules that never change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputErrors
from harness.scenario.loader import load_text
from harness.scenario.model import Suite
from harness.scenario.registry import Registry
from harness.scenario.scenarioreader import Known
from harness.scenario.tables import Tables
from harness.scenario.userverbs import load_verbs

HERE = Path(__file__).parent
Load = Callable[..., Suite]
Problems = Callable[..., str]

_CATALOGUE = {
    "client": {"id": "u1", "email": "client@example.test"},
    "builder": {"id": "u2", "email": "builder@example.test"},
    "intro-call": {"id": "s1", "title": "Intro call", "price": "0.00"},
    "group-build": {"id": "s2", "title": "Group build", "price": "500.00"},
}


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The verbs of verbs_for_tests.py, loaded as a user's are."""
    made = Registry()
    load_verbs(HERE / "verbs_for_tests.py", made)
    return made


@pytest.fixture(scope="session")
def tables() -> Tables:
    """Two tables and an enum."""
    booking = {
        "id": "text",
        "clientId": "text",
        "sessionTypeId": "text",
        "status": '"BookingStatus"',
        "amount": "numeric(10,2)",
        "startTime": "timestamp(3) without time zone",
        "currentState": "text",
        "calendlyInviteeUri": "text",
        "stateData": "jsonb",
    }
    transition = {"id": "text", "bookingId": "text", "from": "text", "to": "text"}
    labels = {"BookingStatus": ("PENDING", "CONFIRMED", "CANCELLED", "COMPLETED")}
    return Tables({"Booking": booking, "BookingTransition": transition}, labels)


@pytest.fixture(scope="session")
def known() -> Known:
    """A few rules, one catalogue, one invariant."""
    rules = {
        f"{letter}{number:02}": "a rule" for letter, last in (("R", 20), ("B", 21)) for number in range(1, last + 1)
    }
    rules |= {"W04": "a rule", "F05": "a rule"}
    roles = frozenset({"anonymous", "client", "other-client", "builder", "admin"})
    return Known(rules, frozenset({"no-double-booking"}), {"production": _CATALOGUE}, {"production": roles})


@pytest.fixture(scope="session")
def load(registry: Registry, tables: Tables, known: Known) -> Load:
    """Loads a text; raises InputErrors."""

    def loading(text: str | bytes, file: str = "a.yaml") -> Suite:
        return load_text(text, file=file, registry=registry, tables=tables, known=known)

    return loading


@pytest.fixture(scope="session")
def problems(load: Load) -> Problems:
    """The messages that a text is refused with; fails when it is not."""

    def refused(text: str | bytes, file: str = "a.yaml") -> str:
        with pytest.raises(InputErrors) as caught:
            load(text, file)
        return str(caught.value)

    return refused
