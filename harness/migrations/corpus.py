"""The corpus: migrations whose hazards are known, and how many of them a check finds.

Each case under `fixtures/migration-cases/` is one SQL file whose first lines say what it is:

    -- case: what it shows
    -- has: ids of the hazards that it has (all of them: everything else is a false alarm)
    -- has-not: absences worth naming, when a twin has them
    -- twin: the file that does the same thing the other way
    -- runner: psql (the default), one-transaction, prisma@6, prisma@7.4

`python -m harness.migrations.corpus [--database CHOICE] [WORD…]` prints precision and recall by family.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError, Position
from harness.migrations.checking import check
from harness.migrations.findings import FAMILIES, Severity
from harness.migrations.hazards import HAZARDS
from harness.migrations.reading import plan
from harness.migrations.rehearsal import Options

if TYPE_CHECKING:
    from harness.postgres import Server

__all__ = ["Case", "Outcome", "Score", "load_cases", "run_case", "run_cases", "scores"]

CASES = Path("fixtures/migration-cases")
PHASES = ("lint", "observe", "data", "failure", "compatibility", "way back", "schema")
_HEADER = re.compile(r"^-- (?P<key>case|has|has-not|twin|runner): *(?P<value>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One migration with the hazards that it has."""

    path: Path
    title: str
    has: frozenset[str]
    has_not: frozenset[str]
    twin: str
    runner: str

    @property
    def name(self) -> str:
        """`folder/file` without the ending."""
        return f"{self.path.parent.name}/{self.path.stem}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found in a case, from severity low."""

    case: Case
    found: frozenset[str]

    @property
    def missed(self) -> frozenset[str]:
        """Hazards that it has and that were not found."""
        return self.case.has - self.found

    @property
    def false_alarms(self) -> frozenset[str]:
        """Hazards that were found and that it has not."""
        return self.found - self.case.has


@dataclass(frozen=True, slots=True)
class Score:
    """Of one family: right, false alarms, misses."""

    family: str
    right: int
    false_alarms: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was found that is so; 1.0 when nothing was found."""
        return self.right / (self.right + self.false_alarms) if self.right + self.false_alarms else 1.0

    @property
    def recall(self) -> float:
        """Share of what is so that was found; 1.0 when there is nothing."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0


def load_cases(folder: Path = CASES) -> list[Case]:
    """Every case below `folder`; raises InputError for a header that is incomplete or names an unknown hazard."""
    cases = [_case(path) for path in sorted(folder.glob("*/*.sql"))]
    if not cases:
        raise InputError(f"{folder} holds no case.", "Cases are fixtures/migration-cases/<group>/<name>.sql.")
    return cases


def _case(path: Path) -> Case:
    headers = {match["key"]: match["value"].strip() for match in _HEADER.finditer(path.read_text())}
    if "case" not in headers or "has" not in headers:
        raise InputError(
            "a case begins with `-- case:` and `-- has:`.", "See harness/migrations/corpus.py.", Position(str(path))
        )
    has, has_not = _ids(headers["has"], path), _ids(headers.get("has-not", ""), path)
    if has & has_not:
        raise InputError(f"{', '.join(has & has_not)} cannot be both.", "", Position(str(path)))
    return Case(path, headers["case"], has, has_not, headers.get("twin", ""), headers.get("runner", "psql"))


def _ids(text: str, path: Path) -> frozenset[str]:
    ids = frozenset(part.strip() for part in text.split(",") if part.strip() and part.strip() != "nothing")
    if unknown := ids - HAZARDS.keys():
        raise InputError(
            f"hazard {', '.join(sorted(unknown))} is not known.",
            "See harness/migrations/hazards.py.",
            Position(str(path)),
        )
    return ids


def run_case(server: Server, case: Case) -> Outcome:
    """Check one case on the corpus's schema, all phases but traffic and drift."""
    options = Options(runner=case.runner, rows=1000, production_rows=1000, max_wait=3600, phases=PHASES)
    planned = plan(case.path, [case.path.parent.parent / "schema.sql"])
    report = check(server, planned, options)
    return Outcome(case, frozenset(f.id for f in report.findings if f.counts and f.severity >= Severity.LOW))


def run_cases(server: Server, cases: Sequence[Case], workers: int = 3) -> list[Outcome]:
    """All of them, several at once: they wait for the server most of the time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda case: run_case(server, case), cases))


def scores(outcomes: Iterable[Outcome]) -> list[Score]:
    """One score a family, in the order of FAMILIES; families that no case touches are left out."""
    outcomes = list(outcomes)
    found = []
    for family in FAMILIES:
        right = sum(_of(family, outcome.found & outcome.case.has) for outcome in outcomes)
        alarms = sum(_of(family, outcome.false_alarms) for outcome in outcomes)
        missed = sum(_of(family, outcome.missed) for outcome in outcomes)
        if right or alarms or missed:
            found.append(Score(family, right, alarms, missed))
    return found


def _of(family: str, ids: Iterable[str]) -> int:
    return sum(1 for hazard in ids if hazard.split(".")[0] == family)


def main(arguments: Sequence[str]) -> int:
    """Run the corpus (or the cases whose name contains a word) and print the table; 1 when below 0.95."""
    from harness.postgres import open_server

    parser = argparse.ArgumentParser(prog="python -m harness.migrations.corpus", description=main.__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only cases with one of these in their names")
    parser.add_argument("--database", default="auto", help="auto, embedded[:DIRECTORY], testcontainers[:IMAGE], a URL")
    chosen = parser.parse_args(arguments)
    cases = [case for case in load_cases() if not chosen.words or any(word in case.name for word in chosen.words)]
    if not cases:
        parser.error(f"no case has {' or '.join(chosen.words)} in its name")
    start = time.perf_counter()
    with open_server(chosen.database) as server:
        outcomes = run_cases(server, cases)
        version = server.info.version
    for outcome in outcomes:
        if outcome.missed or outcome.false_alarms:
            print(f"{outcome.case.name}: missed {sorted(outcome.missed)}, false alarms {sorted(outcome.false_alarms)}")
    lines = [f"{'family':<10} right  false  missed  precision  recall"]
    lines += [
        f"{s.family:<10} {s.right:>5} {s.false_alarms:>6} {s.missed:>7} {s.precision:>10.3f} {s.recall:>7.3f}"
        for s in scores(outcomes)
    ]
    lines.append(f"{len(cases)} cases on PostgreSQL {version} in {time.perf_counter() - start:.1f} s")
    print("\n".join(lines))
    return int(any(min(score.precision, score.recall) < 0.95 for score in scores(outcomes)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
