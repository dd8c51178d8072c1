"""Payload samples: what an application receives in the situations that matter, for those who read rather than run.

    python -m harness.calendly.samples fixtures/calendly/samples     writes them

They come from the simulator itself, with a fixed seed and clock; a test keeps the files and the simulator together.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.calendly.options import Options
from harness.calendly.simulator import Scheduled, Simulator

__all__ = ["samples", "write_samples"]

_NOW = datetime(2030, 3, 4, 9, tzinfo=UTC)
_SLOT = datetime(2030, 3, 6, 10, tzinfo=UTC)
_PERSON = {"name": "Sam Visitor", "email": "sam@example.test", "timezone": "Europe/London"}


def samples() -> dict[str, Any]:
    """File name without suffix → document: deliveries, resources, the embed's message."""
    simulator = Simulator(clock=lambda: _NOW, seed=1, options=Options(id_form="mixed"))
    simulator.subscribe("https://app.example.test/api/webhooks/calendly", signing_key="key")
    zoom = simulator.add_event_type(
        name="Intro call", locations=[{"kind": "zoom_conference"}], questions=["Booking ID", "Anything else?"]
    )
    meet = simulator.add_event_type(name="Group talk", capacity=2, locations=[{"kind": "google_conference"}])
    booked = _book(simulator, zoom, _SLOT)
    moved = simulator.reschedule(booked.invitee_uri, _SLOT + timedelta(hours=2))
    simulator.mark_no_show(moved.invitee_uri)
    simulator.cancel(moved.invitee_uri, by="host", reason="Ill")
    group = [_book(simulator, meet, _SLOT + timedelta(hours=4)) for _ in range(2)]
    simulator.cancel(group[0].invitee_uri)
    names = ("created", "rescheduled_old", "rescheduled_new", "no_show", "canceled_by_host", "group_first",
             "group_second", "group_canceled_one")  # fmt: skip
    deliveries = [json.loads(delivery.body) for delivery in simulator.deliveries]
    return {
        **{f"delivery_{name}": body for name, body in zip(names, deliveries, strict=True)},
        "embed_message": booked.message,
        "event": simulator.event(group[0].event_uri),
        "invitee": simulator.invitee(group[1].invitee_uri),
    }


def write_samples(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, document in samples().items():
        (directory / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _book(simulator: Simulator, kind: str, start: datetime) -> Scheduled:
    question = {"Booking ID": "3f0f1a52-6f6e-4c0b-9a43-0d7c5f7f3a11"} if "Intro" in simulator.name_of(kind) else {}
    return simulator.schedule(kind, start, _PERSON, answers=question, utm={"content": "3f0f1a52"})


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
