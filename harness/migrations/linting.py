"""Phase 1: what can be said without running, and squawk's opinions, which later phases confirm or refute."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.errors import Position
from harness.migrations.batches import Unit, uncommitted
from harness.migrations.findings import FAMILIES, Finding, Severity
from harness.migrations.hazards import HAZARDS
from harness.migrations.reading import Script
from harness.migrations.statements import Statement, without_passwords
from harness.migrations.telling import finding

__all__ = [
    "Opinion",
    "Tried",
    "copies_by_prisma",
    "lint",
    "never_committed",
    "opinions",
    "settled",
    "unused_allowances",
]

PHASE = "lint"

_PROVED_BY: dict[str, tuple[str, ...]] = {
    "changing-column-type": ("rewrite", "compat.old-app-read-fails", "schema.refused"),
    "adding-field-with-default": ("rewrite",),
    "adding-not-nullable-field": (
        "data.fails-on-existing",
        "scan.blocks-reads",
        "compat.old-app-write-fails",
        "rewrite",
    ),
    "adding-required-field": ("data.fails-on-existing", "compat.old-app-write-fails"),
    "adding-serial-primary-key-field": ("rewrite", "index.blocks-reads"),
    "adding-foreign-key-constraint": ("scan.blocks-writes", "lock.second-table"),
    "constraint-missing-not-valid": ("scan.blocks-writes", "scan.blocks-reads"),
    "disallowed-unique-constraint": ("index.blocks-reads",),
    "require-concurrent-index-creation": ("index.blocks-writes", "index.blocks-reads"),
    "require-concurrent-index-deletion": ("lock.blocks-reads",),
    "require-concurrent-reindex": ("index.blocks-writes", "index.blocks-reads"),
    "require-concurrent-detach-partition": ("lock.blocks-reads",),
    "require-concurrent-refresh-matview": ("lock.blocks-reads",),
    "ban-concurrent-index-creation-in-transaction": ("tx.concurrently-in-transaction",),
    "ban-drop-not-null": ("compat.old-app-sees-null",),
    "ban-drop-column": ("data.loss", "compat.old-app-read-fails"),
    "ban-drop-table": ("data.loss", "compat.old-app-read-fails"),
    "ban-truncate-cascade": ("data.loss",),
    "renaming-column": ("compat.old-app-read-fails",),
    "renaming-table": ("compat.old-app-read-fails",),
    "require-lock-timeout": ("lock.no-timeout",),
    "prefer-robust-stmts": ("rerun.fails", "rerun.stuck", "tx.not-atomic"),
    "require-enum-value-ordering": (),
    "transaction-nesting": ("tx.not-atomic",),
    "syntax-error": ("schema.refused", "check.not-analysed"),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What squawk says of one statement, and what running it said to that."""

    rule: str
    position: Position
    message: str
    verdict: Literal["confirmed", "refuted", "unverified"] = "unverified"
    because: str = ""


def lint(scripts: Sequence[Script]) -> Iterator[Finding]:
    """Findings that need no database: empty files, statements without a parse tree, suppressions without a reason."""
    for script in scripts:
        if not script.source.statements:
            where = Statement(1, script.text.strip()[:80], Position(script.display), 1, None)
            what = "comments only" if script.text.strip() else "nothing"
            yield finding("check.empty", Severity.HIGH, PHASE, where, f"{script.display} holds {what}")
        for statement in script.source.statements:
            if statement.tree is None:
                yield finding(
                    "check.not-analysed", Severity.MEDIUM, PHASE, statement, f"the parser says: {statement.error}"
                )
        yield from _replaced(script)
        yield from _suppressions(script)


def _replaced(script: Script) -> Iterator[Finding]:
    """Statements in which the runner replaces something: what is said about them is about another text."""
    found = script.placeholders
    for statement in script.source.statements if found else ():
        inside = range(statement.position.line, statement.end_line + 1)
        here = [(text, whose) for line, text, whose in found if line in inside and text in statement.text]
        if here:
            names = ", ".join(dict.fromkeys(text for text, _ in here))
            evidence = f"{here[0][1]} writes a value where {names} stands; it is rehearsed as it stands"
            yield finding("check.placeholder", Severity.MEDIUM, PHASE, statement, evidence)


def _suppressions(script: Script) -> Iterator[Finding]:
    """Comments that somebody relies on and that have no effect."""
    taken = {a.position: statement for statement in script.source.statements for a in statement.allowances}
    for allowance in script.source.allowances:
        named = ", ".join(allowance.ids)
        strange = [name for name in allowance.ids if not _known(name)]
        if allowance.position not in taken:
            why = f"allows {named} after the last statement: it belongs to none"
        elif strange:
            why = f"allows {', '.join(strange)}, and there is no such hazard"
        elif not allowance.reason:
            why = f"allows {named} without a reason: it has no effect"
        else:
            continue
        yield _without_effect(script, allowance.position, why, allowance.ids[0], taken.get(allowance.position))
    for comment, position in script.source.misread:
        why = f"reads like a suppression and is none: {comment.strip()[:80]}"
        yield _without_effect(script, position, why, "ID", None)


def _known(name: str) -> bool:
    return name in HAZARDS or name.removesuffix(".*") in FAMILIES


def _without_effect(script: Script, position: Position, why: str, name: str, statement: Statement | None) -> Finding:
    where = statement or Statement(1, "a comment", Position(script.display, position.line), position.line, None)
    evidence = f"line {position.line} {why}"
    return finding("check.suppression", Severity.LOW, PHASE, where, evidence, names={"name": name})


def never_committed(sent: Sequence[Unit], runner: str) -> Iterator[Finding]:
    """Transactions of one file that leave nothing: open at its end, or rolled back by the file itself."""
    for unit, left_open in uncommitted(sent):
        line = unit.statement.position.line
        if left_open:
            evidence = (
                f"the transaction that line {line} opens is still open where the file ends: {runner} goes, and all of it "
                "is rolled back; the other phases were run as if it were committed"
            )
        else:
            evidence = f"the file itself rolls back what it does from line {line} on"
        severity = Severity.BLOCKER if left_open else Severity.HIGH
        yield finding("tx.never-committed", severity, PHASE, unit.statement, evidence, status="predicted")


def copies_by_prisma(script: Script, runner: str) -> Iterator[Finding]:
    """COPY … FROM stdin is psql's: Prisma sends the rows as if they were SQL."""
    for statement in script.source.statements if runner.startswith("prisma") else ():
        if statement.copy_data is not None:
            evidence = "the rows after it are for psql; Prisma sends them to the server as statements, which it refuses (42601)"
            remedy = "-- INSERT INTO … VALUES …;"
            yield finding(
                "schema.refused", Severity.BLOCKER, PHASE, statement, evidence, status="predicted", remedy=remedy
            )


def unused_allowances(scripts: Sequence[Script], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Suppressions that suppressed nothing: the hazard is gone, or the id is mistyped."""
    for script in scripts:
        for statement in script.source.statements:
            here = {f.id for f in findings if statement.covers(f.position)}
            for allowance in statement.allowances:
                known = all(map(_known, allowance.ids))  # another has been told
                if known and allowance.reason and not any(allowance.covers(hazard) for hazard in here):
                    evidence = f"line {allowance.position.line} allows {', '.join(allowance.ids)}, which was not found"
                    yield finding(
                        "check.suppression", Severity.INFO, PHASE, statement, evidence, names={"name": allowance.ids[0]}
                    )


def opinions(script: Script, *, in_transaction: bool, major: int) -> list[Opinion]:
    """Ask squawk; an empty list when it is not installed. Positions are those of the file."""
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    command = [
        str(program) if program.exists() else "squawk",
        "--reporter",
        "json",
        "--stdin-filepath",
        script.display,
        f"--pg-version={major}.0",
    ]
    if in_transaction:
        command.append("--assume-in-transaction")
    try:
        done = subprocess.run(command, input=script.text, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return []
    entries = json.loads(done.stdout) if done.stdout.strip().startswith("[") else []
    return [
        Opinion(
            entry["rule_name"],
            Position(script.display, entry["line"] + 1, entry["column"] + 1),
            without_passwords(entry["message"]),
        )
        for entry in entries
    ]


@dataclass(frozen=True, slots=True)
class Tried:
    """What was really run: the phases, and the statements that went through (by identity)."""

    phases: frozenset[str]
    statements: frozenset[int]

    def obstacle(self, statement: Statement | None, proofs: Sequence[str]) -> str:
        """Why nothing can be said against an opinion; empty where what would prove it was looked for."""
        if statement is None or not self.phases or id(statement) not in self.statements:
            return "not tried: the statement was not run to its end"
        missing = list(dict.fromkeys(phase for phase in map(_phase_of, proofs) if phase not in self.phases))
        return f"not tried: {', '.join(missing)} not checked" if missing else ""


_SHOWN_IN = {"data": "data", "compat": "compatibility", "rerun": "failure"}


def _phase_of(hazard: str) -> str:
    return "failure" if hazard == "tx.not-atomic" else _SHOWN_IN.get(hazard.split(".", maxsplit=1)[0], "observe")


def settled(
    found: Sequence[Opinion], statements: Mapping[str, Sequence[Statement]], findings: Sequence[Finding], tried: Tried
) -> list[Opinion]:
    """Opinions held against what was measured at their statements (by file); one that says the same twice of a statement, once."""
    told: dict[tuple[object, ...], Opinion] = {}
    for opinion in found:
        here = statements[opinion.position.file]
        statement = next((s for s in reversed(here) if s.position.line <= opinion.position.line), None)
        one = _settle(opinion, statement, findings, tried)
        place = id(statement) if opinion.rule == "syntax-error" else opinion.position.line
        told.setdefault((opinion.position.file, place, opinion.rule, one.because), one)
    return list(told.values())


def _settle(opinion: Opinion, statement: Statement | None, findings: Sequence[Finding], tried: Tried) -> Opinion:
    proofs = _PROVED_BY.get(opinion.rule)
    if proofs is None:
        return replace(opinion, because="a matter of style: nothing to run")
    same_file = opinion.rule in {"require-lock-timeout"}
    here = [
        f for f in findings if f.status != "refuted" and (same_file or (statement and statement.covers(f.position)))
    ]
    proof = next((f for f in here if f.id in proofs), None)
    if proof and tried.phases:
        return replace(opinion, verdict="confirmed", because=f"{proof.id}: {proof.evidence}")
    if not proofs:
        return replace(opinion, because="no experiment settles this")
    if obstacle := tried.obstacle(statement, proofs):
        return replace(opinion, because=obstacle)
    return replace(
        opinion, verdict="refuted", because=f"run on this schema and data, none of {', '.join(proofs)} was seen"
    )
