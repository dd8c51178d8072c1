"""Which lines of the reference each scenario executes: what it could notice at all."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["BOOKING", "CaseReach", "Lines", "Reach", "digest", "load", "store", "tracer"]

BOOKING = Path(__file__).parent.parent / "booking"
"""The package whose lines are watched, and the only one that mutants are made of."""

KEPT = 5
"""How many measurements are kept, each of another state of the reference."""

Lines = frozenset[tuple[str, int]]
"""Lines by module name and number, both as in the source: ("rules", 43)."""


@dataclass(frozen=True, slots=True)
class CaseReach:
    """What one case did without any defect. `source` is the sha256 of the file that it stands in."""

    outcome: str
    duration_us: int
    lines: Lines
    source: str = ""


@dataclass(frozen=True)
class Reach:
    """By scenario id. `setup` are the lines that building the application executes, whatever the scenario."""

    cases: Mapping[str, CaseReach]
    setup: Lines = field(default_factory=frozenset)

    def touching(self, lines: Iterable[tuple[str, int]]) -> list[str]:
        """The scenarios that execute one of `lines`, the quickest first."""
        wanted = frozenset(lines)
        if wanted & self.setup:
            return self.all()
        return [each for each in self.all() if wanted & self.cases[each].lines]

    def all(self) -> list[str]:
        """Every scenario that passes without a defect, the quickest first."""
        passed = [each for each, reach in self.cases.items() if reach.outcome == "passed"]
        return sorted(passed, key=lambda each: (self.cases[each].duration_us, each))

    @cached_property
    def rarity(self) -> Mapping[str, Mapping[str, float]]:
        """By module and scenario id: how much of the module the scenario executes that few others do."""
        counts = Counter(line for reach in self.cases.values() for line in reach.lines)
        found: dict[str, dict[str, float]] = {}
        for each, reach in self.cases.items():
            for line in reach.lines:
                of_module = found.setdefault(line[0], {})
                of_module[each] = of_module.get(each, 0.0) + 1 / counts[line]
        return found


def tracer() -> Any:
    """A coverage measurement of the reference, not started, that keeps its data in memory.

    Raises MachineError when the `coverage` package is missing.
    """
    try:
        from coverage import Coverage
    except ImportError as error:
        from harness.errors import MachineError

        raise MachineError(
            "The package coverage is not installed; the strength of a suite cannot be measured without it.",
            "Install the development extras: make setup, or pip install 'booking-harness[dev]'.",
        ) from error
    return Coverage(data_file=None, source=[str(BOOKING)], messages=False)


def lines_of(coverage: Any) -> Lines:
    """The lines in a measurement that was stopped."""
    data = coverage.get_data()
    return frozenset(
        (Path(file).stem, line) for file in data.measured_files() for line in data.lines(file) or () if line > 0
    )


def digest(parts: Iterable[tuple[str, str]], folders: Iterable[Path]) -> str:
    """What a reach depends on, as one hash: named values, and every source file in `folders`."""
    found = hashlib.sha256(repr(sys.version_info[:3]).encode())
    for name, value in parts:
        found.update(f"{name}={value}\n".encode())
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".sql", ".yaml", ".txt"} and path.is_file():
                found.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:32]


def store(path: Path, reach: Reach) -> None:
    """Keep `reach` for the next measurement over the same reference; what was kept longest is let go.

    Where nothing can be kept, as in a project that is read-only, the next measurement takes longer.
    """
    value = {
        "setup": _packed(reach.setup),
        "cases": {
            each: {
                "outcome": found.outcome,
                "duration_us": found.duration_us,
                "lines": _packed(found.lines),
                "source": found.source,
            }
            for each, found in reach.cases.items()
        },
    }
    fresh = path.with_suffix(".part")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(value), encoding="utf-8")
        fresh.replace(path)
        for old in sorted(path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def load(path: Path) -> Reach | None:
    """What was stored at `path`, or None."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        cases = {
            each: CaseReach(found["outcome"], found["duration_us"], _unpacked(found["lines"]), found["source"])
            for each, found in value["cases"].items()
        }
        return Reach(cases, _unpacked(value["setup"]))
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ):  # absent, cut short, or of an older form: measured again
        return None


def _packed(lines: Lines) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for module, line in sorted(lines):
        found.setdefault(module, []).append(line)
    return found


def _unpacked(value: Mapping[str, list[int]]) -> Lines:
    return frozenset((module, line) for module, lines in value.items() for line in lines)
