"""Published client libraries of Calendly, pointed at the HTTP server: they know nothing of the simulator."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.calendly import Simulator
from harness.calendly.server import Served, serve, simulator_of
from tests.support.absent import absent

NODE = Path(__file__).parent / "node"
START = datetime(2030, 3, 6, 10, tzinfo=UTC)


def _furnish(simulator: Simulator) -> None:
    simulator.add_event_type(name="Intro call", duration=30, questions=["Booking ID"])
    simulator.add_event_type(name="Office hours", duration=30)


@pytest.fixture
def served() -> Iterator[Served]:
    with serve(prepare=_furnish) as running:
        running.stage.clock.freeze(datetime(2030, 3, 4, 9, tzinfo=UTC))
        simulator = simulator_of(running)
        for hour, name in ((10, "ann"), (12, "bob")):
            person = {"name": name, "email": f"{name}@example.test"}
            simulator.schedule(simulator.event_type_uris()[0], START.replace(hour=hour), person)
        yield running


@pytest.fixture
def pycalendly(served: Served, monkeypatch: pytest.MonkeyPatch) -> Any:
    """pycalendly with its addresses, which it keeps as constants, led to the server."""
    module = importlib.import_module("calendly.calendly")
    for name in ("WEBHOOK", "EVENTS", "ME", "EVENT_TYPE"):
        monkeypatch.setattr(module, name, getattr(module, name).replace("https://api.calendly.com", served.url))
    return module


def test_pycalendly_reads_and_pages(served: Served, pycalendly: Any) -> None:
    client = pycalendly.CalendlyAPI("token")
    me = client.about()["resource"]
    assert me["uri"] == simulator_of(served).owner_uri
    assert [kind["name"] for kind in client.get_all_event_types(me["uri"])] == ["Intro call", "Office hours"]
    events = client.get_all_scheduled_events(me["uri"])
    assert [event["start_time"][11:13] for event in events] == ["10", "12"]
    uuid = events[0]["uri"].rpartition("/")[2]
    assert client.get_event_details(uuid)["resource"] == events[0]
    (invitee,) = client.list_event_invitees(uuid)["collection"]
    assert client.get_event_invitee(uuid, invitee["uri"].rpartition("/")[2])["resource"]["name"] == "ann"
    first = client.list_events(count=1, user_uri=me["uri"], sort="start_time:desc")
    assert first["collection"][0]["uri"] == events[1]["uri"]
    assert first["pagination"]["next_page_token"]


def test_pycalendly_subscribes_and_understands_refusals(served: Served, pycalendly: Any) -> None:
    client = pycalendly.CalendlyAPI("token")
    organization = simulator_of(served).organization_uri
    made = client.create_webhook("https://app.example.test/", "organization", organization, "secret")["resource"]
    assert made["events"] == ["invitee.canceled", "invitee.created"]
    assert client.list_webhooks(organization, "organization")["collection"] == [made]
    uuid = made["uri"].rpartition("/")[2]
    assert client.get_webhook(uuid)["resource"] == made
    with pytest.raises(pycalendly.CalendlyException, match="Already Exists: Hook with this url already exists"):
        client.create_webhook("https://app.example.test/", "organization", organization)
    client.delete_webhook(uuid)
    with pytest.raises(pycalendly.CalendlyException, match="Resource Not Found"):
        client.get_webhook(uuid)


@pytest.mark.npm
def test_node_calendly_reads_and_pages(served: Served, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        absent("no Node.js with npm on the PATH")
    for name in ("package.json", "package-lock.json", "walk.mjs"):
        shutil.copy(NODE / name, tmp_path)
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run([npm, "ci", *quiet], cwd=tmp_path, check=True, timeout=120)
    run = subprocess.run(
        [node, "walk.mjs", served.url, "token"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    simulator = simulator_of(served)
    assert json.loads(run.stdout) == {
        "me": {"uri": simulator.owner_uri, "name": "Olive Owner", "email": "owner@example.test"},
        "types": ["Intro call", "Office hours"],
        "ofOrganization": 2,
        "kind": "Intro call",
        "times": 14,
        "events": ["2030-03-06T10:00:00.000000Z", "2030-03-06T12:00:00.000000Z"],
        "invitees": ["ann@example.test"],
        "refused": "Resource Not Found: The server could not find the requested resource.",
    }
    assert all(call.matched for call in simulator.calls)


def test_the_lock_of_the_node_check_names_no_registry() -> None:
    lock = json.loads((NODE / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
