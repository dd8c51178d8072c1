"""What the head of the HTML report says: verdict, totals, rules, features, provenance."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from harness.report.cases import Case, Cases, so_many
from harness.report.lines import Row
from harness.report.manifest import Manifest
from harness.rules import FAMILIES, RULES

__all__ = ["MARKS", "headline", "summary"]

MARKS: Mapping[str, str] = {
    "passed": "✓", "failed": "✗", "error": "⚠", "skipped": "○", "flaky": "↻", "uncovered": "·",
    "interrupted": "⏸", "empty": "○", "running": "…",
}  # fmt: skip
_ICONS = {"passed": "%231f7a4d", "failed": "%23b3261e"}
_WORST = ("failed", "error", "flaky", "passed", "skipped")
_SHOWN_FAILURES = 200


def headline(manifest: Manifest) -> str:
    """The finding in one sentence."""
    totals = manifest.totals
    count = totals.get("scenarios", 0)
    held = totals.get("passed", 0)
    match manifest.outcome:
        case "passed":
            everyone = f"All {so_many(held)}" if held > 1 else "The one scenario"
            return f"{everyone} passed" if held == count else f"{so_many(held)} passed, none failed"
        case "failed":
            return f"{so_many(totals['failed'], of=count)} failed"
        case "error":
            return _not_judged(manifest)
        case "interrupted":
            return f"Interrupted after {so_many(count, of=manifest.planned or count)}"
        case "empty":
            return "Nothing was executed"
        case "running":
            return "The run did not come to its end"


def _not_judged(manifest: Manifest) -> str:
    failed, broken = manifest.totals["failed"], manifest.totals["error"]
    count = manifest.totals["scenarios"]
    if not broken:
        missing = (manifest.planned or count) - count
        have = "has" if missing == 1 else "have"
        return f"{so_many(missing, 'planned scenario', of=manifest.planned or count)} {have} no result"
    faults = f"{broken:,} could not be judged"
    return f"{so_many(failed, of=count)} failed, {faults}" if failed else f"{faults} of {so_many(count)}"


def _bad(cases: Iterable[Case]) -> Iterator[Row]:
    return (case.last for case in cases if case.last["outcome"] in ("failed", "error"))


def summary(manifest: Manifest, cases: Cases) -> dict[str, Any]:
    """The values of the page's template."""
    states = _rule_states(cases)
    return {
        "manifest": manifest,
        "headline": headline(manifest),
        "mark": MARKS[manifest.outcome],
        "icon": _ICONS.get(manifest.outcome, "%238a4b00"),
        "lede": _lede(manifest),
        "tiles": _tiles(manifest.totals),
        "bar_label": _label(manifest.totals),
        "checks": f"{manifest.totals.get('checks', 0):,}",
        "covered": sum(1 for rule in RULES if rule in states),
        "rules_total": len(RULES),
        "families": [_family(letter, title, states) for letter, title in FAMILIES.items()],
        "features": _features(cases),
        "tags": sorted({tag for case in cases for tag in case.last["tags"]}),
        "used_rules": sorted(states),
        "notes": manifest.notes[:50],
        "failures": list(islice(_bad(cases), _SHOWN_FAILURES)),
        "failures_left": max(0, sum(1 for _ in _bad(cases)) - _SHOWN_FAILURES),
        "facts": list(_facts(manifest)),
    }


def _lede(manifest: Manifest) -> str:
    began = manifest.start.strftime("%-d %B %Y, %H:%M UTC")
    took = "" if manifest.end is None else f", {(manifest.end - manifest.start).total_seconds():,.1f} s"
    database = manifest.database.get("version") or "?"
    return f"Against {manifest.target} on PostgreSQL {database}, {began}{took}, seed {manifest.seed}."


def _tiles(totals: Mapping[str, int]) -> list[dict[str, Any]]:
    words = {"error": "not judged"}
    return [
        {
            "name": name,
            "word": words.get(name, name),
            "mark": MARKS[name],
            "count": totals.get(name, 0),
            "shown": f"{totals.get(name, 0):,}",
        }
        for name in ("passed", "failed", "error", "skipped", "flaky")
    ]


def _label(counts: Mapping[str, int]) -> str:
    named = [f"{counts[name]:,} {name}" for name in ("passed", "failed", "error", "skipped") if counts.get(name)]
    return ", ".join(named) or "nothing executed"


def _rule_states(cases: Iterable[Case]) -> dict[str, Counter[str]]:
    """For each rule that a case covers, how many cases have which state."""
    states: dict[str, Counter[str]] = {}
    for case in cases:
        state = "flaky" if case.last["flaky"] else case.last["outcome"]
        for rule in case.last["covers"]:
            states.setdefault(rule, Counter())[state] += 1
    return states


def _family(letter: str, title: str, states: Mapping[str, Counter[str]]) -> dict[str, Any]:
    rules = [_rule(rule, text, states.get(rule, Counter())) for rule, text in RULES.items() if rule.startswith(letter)]
    unknown = [
        _rule(rule, "not in the specification", states[rule])
        for rule in sorted(states)
        if rule not in RULES and rule.startswith(letter)
    ]
    return {"title": title, "rules": rules + unknown}


def _rule(rule: str, text: str, counts: Counter[str]) -> dict[str, Any]:
    state = next((name for name in _WORST if counts[name]), "uncovered")
    label = (
        ", ".join(f"{counts[name]} {name}" for name in _WORST if counts[name]) or "covered by no scenario of this run"
    )
    return {"id": rule, "text": text, "state": state, "mark": MARKS[state], "label": label, "count": counts.total()}


def _features(cases: Iterable[Case]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = {}
    took: Counter[str] = Counter()
    for case in cases:
        name = case.last["feature"]
        counts.setdefault(name, Counter())[case.last["outcome"]] += 1
        took[name] += sum(row["duration_us"] for row in case.attempts)
    return [_feature(name, each, took[name]) for name, each in counts.items()]


def _feature(name: str, counts: Counter[str], took: int) -> dict[str, Any]:
    parts = [{"name": state, "count": counts[state]} for state in ("passed", "failed", "error", "skipped")]
    return {
        "name": name,
        "count": f"{counts.total():,}",
        "time": f"{took / 1e6:,.2f} s",
        "parts": parts,
        "label": _label(counts),
    }


def _facts(manifest: Manifest) -> Iterable[tuple[str, str]]:
    database = manifest.database
    yield "Command", shlex.join(manifest.command) or "—"
    yield (
        "Database",
        " ".join(
            filter(
                None,
                (database.get("kind"), database.get("version"), database.get("image"), database.get("image_digest")),
            )
        )
        or "—",
    )
    dirty = manifest.git.get("dirty")
    commit = manifest.git.get("commit")
    yield "Commit", "—" if not commit else f"{commit[:12]} and changes {dirty[:12]}" if dirty else commit[:12]
    raced = f", without {so_many(len(manifest.raced))} whose requests race" if manifest.raced else ""
    yield "Evidence (SHA-256)", (manifest.evidence or "")[:16] + raced
    yield "Scenario files", f"{len(manifest.inputs):,} hashed in the manifest"
    yield "Workers", str(manifest.workers)
    for name in ("booking-harness", "python", "platform"):
        if name in manifest.versions:
            yield name.capitalize(), manifest.versions[name]
    for name, value in manifest.lock.items():
        yield name, value[:16]
