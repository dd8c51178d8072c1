"""docs/calendly.md says what is so: its table is the measured one, its program runs, its words are the simulator's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.calendly.command import furnish
from harness.calendly.fidelity import ENDPOINTS, EXCEPTIONS, MARKS, fields_of, render, write_into
from harness.calendly.server import serve
from harness.calendly.simulator import Simulator
from harness.provider.faults import NETWORK_FAULTS
from harness.provider.signatures import SIGNINGS
from harness.stripe.site import stripe_site
from tests.support.absent import absent

PAGE = Path(__file__).parents[2] / "docs" / "calendly.md"


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text()


def test_the_table_is_up_to_date(text: str, schemas: Path) -> None:
    assert write_into(text, render(schemas)) == text, (
        "run python -m harness.calendly.fidelity fixtures/calendly/schemas docs/calendly.md"
    )


def test_a_table_that_is_out_of_date_is_noticed(text: str, schemas: Path) -> None:
    stale = text.replace("| `GET /users/{uuid}` | exact |", "| `GET /users/{uuid}` | absent |")
    assert stale != text
    assert write_into(stale, render(schemas)) == text


def test_a_page_without_marks_is_an_error(schemas: Path) -> None:
    with pytest.raises(ValueError, match="substring not found"):
        write_into(f"# Page {MARKS[0]}", render(schemas))


def test_every_endpoint_is_judged_and_what_is_absent_is_absent(world: Any) -> None:
    present = {route.name for route in world.simulator.router.routes}
    assert {name for name, item in ENDPOINTS.items() if item.level != "absent"} == present
    for name in set(ENDPOINTS) - present:
        method, path = name.split(" ")
        assert world.api.send(method, path).status == 404
        assert world.simulator.calls[-1].matched is False


def test_every_exception_names_a_field_and_says_how(schemas: Path) -> None:
    for resource, exceptions in EXCEPTIONS.items():
        known = set(fields_of(json.loads((schemas / f"{resource}.json").read_text())))
        for name, item in exceptions.items():
            assert (name in known) is (item.level != "absent"), f"{resource}.{name}"
            assert item.how


def test_what_is_said_to_be_always_null_is(world: Any) -> None:
    booked = world.book()
    shown = {
        "invitee": world.simulator.invitee(booked.invitee_uri),
        "scheduled_event": world.simulator.event(booked.event_uri),
    }
    for resource, document in shown.items():
        for name, item in EXCEPTIONS[resource].items():
            if item.how == "always null":
                assert document[name] is None


def _block(text: str, language: str) -> str:
    match = re.search(rf"^```{language} try\.mjs\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert match
    return match[1]


@pytest.mark.npm
def test_the_program_runs_as_it_stands(text: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        absent("no Node.js on the PATH")
    (tmp_path / "try.mjs").write_text(_block(text, "js"))
    with serve(control=True, prepare=furnish) as served:
        run = subprocess.run(
            [node, "try.mjs"], cwd=tmp_path, env={**os.environ, "CALENDLY_API": served.url}, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == _block(text, "text")


def test_every_control_fault_and_way_to_sign_is_named(text: str) -> None:
    with serve(control=True, beside=[stripe_site]) as served:
        acts = [name for site in served.stage.sites.values() for name in site.acts]
    for word in (*acts, *NETWORK_FAULTS, *Simulator.fault_kinds, *SIGNINGS):
        assert f"`{word}`" in text or f"/{word}`" in text, word
