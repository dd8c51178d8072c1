"""Who may do what after the migration: privileges that are gone, and those that everybody has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from harness.migrations.actions import quoted
from harness.migrations.findings import Finding, Severity
from harness.migrations.rehearsal import Rehearsal, ordered_labels
from harness.migrations.schema import Schema
from harness.migrations.statements import Statement
from harness.migrations.telling import finding

__all__ = ["check_privileges"]

PHASE = "compatibility"
_USED = {"SELECT", "INSERT", "UPDATE", "DELETE", "USAGE", "EXECUTE"}  # by an application while it runs
_TO_ALL = " to PUBLIC"
_NAMED = 5  # objects that are named


def check_privileges(rehearsal: Rehearsal, new: Schema) -> Iterator[Finding]:
    """Findings about privileges that are lost, and about those that are given to everybody."""
    yield from _privileges(rehearsal, rehearsal.before, new)
    yield from _opened(rehearsal, rehearsal.before, new)


def _opened(rehearsal: Rehearsal, old: Schema, new: Schema) -> Iterator[Finding]:
    """What PUBLIC may do that it might not: on tables whose policies hold for it, on new ones, to see a schema it is less."""
    given: dict[str, list[str]] = defaultdict(list)
    for line in new.grants.keys() - old.grants.keys():
        label, _, text = line.partition(": ")
        privilege = text.removeprefix("grant ").removesuffix(" with grant option").removesuffix(_TO_ALL)
        made = label not in {each.partition(": ")[0] for each in old.grants}
        if text.removesuffix(" with grant option").endswith(_TO_ALL) and not (privilege == "EXECUTE" and made):
            given[label].append(privilege)
    grouped: dict[tuple[str, Severity, int], list[str]] = defaultdict(list)
    causes: dict[int, Statement] = {}
    for label, privileges in sorted(given.items()):
        statement = _granting(rehearsal, label)
        causes[id(statement)] = statement
        grouped[", ".join(sorted(privileges)), _severity(old, new, label, privileges), id(statement)].append(label)
    for (words, severity, cause), labels in grouped.items():
        told = ordered_labels(labels[:_NAMED]) + f" and {len(labels) - _NAMED} more" * (len(labels) > _NAMED)
        yield finding(
            "schema.open-to-all",
            severity,
            PHASE,
            causes[cause],
            f"PUBLIC has {words} on {told} from now on",
            table=labels[0] if labels[0] in new.tables else "",
            names={"privileges": words, "object": ", ".join(_named(new, label) for label in labels[:_NAMED])},
        )


def _severity(old: Schema, new: Schema, label: str, privileges: Sequence[str]) -> Severity:
    known = any(line.startswith(f"{label}: ") for line in old.grants)
    held = new.tables.get(label, {}).get("row_security", False)
    return Severity.LOW if not known or held or privileges == ["USAGE"] else Severity.MEDIUM


def _named(schema: Schema, label: str) -> str:
    if label in schema.tables or label in schema.sequences:
        return "SEQUENCE " * (label in schema.sequences) + ".".join(map(quoted, label.split(".", 1)))
    return label if label.startswith("schema ") else f"FUNCTION {label}"


def _granting(rehearsal: Rehearsal, label: str) -> Statement:
    """The statement that grants to everybody and names it, else one that names none (ON ALL TABLES, default privileges)."""
    bare = label.partition("(")[0].rsplit(".", maxsplit=1)[-1].removeprefix("schema ")
    granting = [s for s in rehearsal.lasting if "to public" in " ".join(s.text.lower().split())]
    return next((s for s in granting if bare in s.text), granting[0] if granting else rehearsal.speaks_of(bare))


def _privileges(rehearsal: Rehearsal, old: Schema, new: Schema) -> Iterator[Finding]:
    there = {line.split(": ", 1)[0] for line in new.grants}
    lost: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for line, owns in old.grants.items():
        label, _, text = line.partition(": ")
        privilege, _, role = text.removeprefix("grant ").removesuffix(" with grant option").partition(" to ")
        kept = {f"{label}: grant {privilege} to {who}" for who in (role, "PUBLIC")}
        kept |= {f"{grant} with grant option" for grant in kept}
        if privilege in _USED and label in there and not kept & new.grants.keys():
            lost[label, role, owns].append(privilege)
    for (label, role, owns), privileges in sorted(lost.items()):
        made_anew = _oid(old, label) != _oid(new, label)
        if owns and made_anew:
            continue  # whoever migrates owns what it makes
        who = "the owner until now" if owns else role
        why = "it was dropped and made anew" if made_anew else "it has another owner" if owns else "they are revoked"
        evidence = f"{who} had {ordered_labels(sorted(privileges))} on {label} and has not any more: {why}"
        bare = label.partition("(")[0].rsplit(".", maxsplit=1)[-1]
        words = ("drop", "rename") if made_anew else ("owner",) if owns else ("revoke",)
        is_table = label in old.tables
        yield finding(
            "compat.privileges-lost",
            Severity.HIGH if made_anew else Severity.MEDIUM,
            PHASE,
            rehearsal.altering(bare, *words),
            evidence,
            table=label if is_table else "",
            names={
                "privileges": ", ".join(sorted(privileges)),
                "object": ".".join(map(quoted, label.split(".", 1))) if is_table else label,
                "role": "…" if owns else role if role == "PUBLIC" else quoted(role),
            },
        )


def _oid(schema: Schema, label: str) -> Any:
    """What tells a relation from another of the same name; None for other objects."""
    return schema.tables.get(label, {}).get("oid")
