"""The check that an application follows: what it saw of the schema, what it found, and where (`migration.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.migrations.findings import Severity
from harness.migrations.identity import Identity

__all__ = ["Checked", "Told", "checked_from_document", "read_check"]

_MAKE_ONE = "Make one with `harness migrate check … --report DIR`."
_LONGEST = 160  # characters of the evidence: all of it stands in the check's own report


@dataclass(frozen=True, slots=True)
class Told:
    """A finding of the check that counts: neither refuted nor accepted in the SQL."""

    id: str
    severity: Severity
    place: str
    evidence: str

    def __str__(self) -> str:
        evidence = self.evidence if len(self.evidence) <= _LONGEST else f"{self.evidence[: _LONGEST - 1]}…"
        return f"{self.severity.word} {self.id} ({self.place}): {evidence}"


@dataclass(frozen=True, slots=True)
class Checked:
    """`identity` None: nothing was observed, so there is nothing to compare a target with. `unlooked`: the phases that
    were not run, by why. `server` as the check names it, such as `PostgreSQL 18.1 (embedded)`."""

    identity: Identity | None
    findings: tuple[Told, ...] = ()
    unlooked: Mapping[str, str] | None = None
    server: str = ""

    @property
    def grave(self) -> tuple[Told, ...]:
        """What is repeated before anything is applied: blockers and findings of severity high."""
        return tuple(told for told in self.findings if told.severity >= Severity.HIGH)

    @property
    def blockers(self) -> tuple[Told, ...]:
        """What keeps a migration from being applied."""
        return tuple(told for told in self.findings if told.severity is Severity.BLOCKER)


def read_check(path: Path) -> Checked:
    """What `migration.json` says of the check; raises InputError when it cannot be read, or holds no observation."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"{path} cannot be read: {problem}", "Give the migration.json of a check.") from problem
    checked = checked_from_document(document)
    if checked.identity is None:
        why = (checked.unlooked or {}).get("observe", "the migration did not run to its end")
        raise InputError(
            f"{path} does not say what the migration does to a schema: its phase `observe` is missing or did not end ({why}).",
            "Check again with the phase observe among them (`--phase observe`, or no --phase at all).",
        )
    return checked


def checked_from_document(document: Any) -> Checked:
    """The same from the document itself; raises InputError when it is not one of `harness migrate check`."""
    try:
        findings = tuple(
            Told(entry["id"], Severity.of(entry["severity"]), f"{entry['file']}:{entry['line']}", entry["evidence"])
            for entry in document["findings"]
            if entry["status"] != "refuted" and not entry["suppressed"]
        )
        unlooked = {
            entry["name"]: entry["reason"] or "for no told reason"
            for entry in document["phases"]
            if entry["status"] != "run"
        }
        server, seen = str(document["server"]), document["identity"]
    except (KeyError, TypeError, AttributeError) as problem:
        raise InputError("this document does not say what a check saw.", _MAKE_ONE) from problem
    return Checked(None if seen is None else Identity.from_json(seen), findings, unlooked, server)
