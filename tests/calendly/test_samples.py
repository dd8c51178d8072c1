"""The payload samples are what the simulator makes today, and they fit the schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.calendly.conformance import Conformance
from harness.calendly.samples import samples, write_samples


def test_the_files_are_what_the_simulator_makes(schemas: Path) -> None:
    stored = {path.stem: json.loads(path.read_text()) for path in (schemas.parent / "samples").glob("*.json")}
    assert stored == samples(), "run python -m harness.calendly.samples fixtures/calendly/samples"


def test_every_sample_fits_its_schema(conformance: Conformance) -> None:
    names: dict[str, Any] = {
        "event": "scheduled_event.json",
        "embed_message": "embed_message.json",
        "invitee": "invitee.json",
    }
    for name, document in samples().items():
        assert conformance.of_document(names.get(name, "delivery_invitee.json"), document) == [], name


def test_samples_can_be_written_anew(tmp_path: Path) -> None:
    write_samples(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(samples())
