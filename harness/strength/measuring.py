"""Measuring: the suite without a defect, the survey, then every defect and mutant."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.defects import CATALOGUE
from harness.errors import HarnessFault, InputError
from harness.progress import Steps
from harness.report.analysis.strength import ENOUGH
from harness.report.cases import so_many
from harness.report.manifest import seal_added
from harness.scenario.model import Case, Suite
from harness.session import Counting, RunOptions
from harness.session import run as run_session
from harness.session.plan import make_plan
from harness.session.workers import Died, Finished, Worker, run_forked
from harness.strength.equivalents import judged, read
from harness.strength.ground import Ground
from harness.strength.judging import Judge, Unviable
from harness.strength.mutants import mutants
from harness.strength.reach import BOOKING, CaseReach, Reach, digest, load, store, tracer
from harness.strength.subjects import Subject, catalogue, of_defect, of_mutant, scenario_of
from harness.strength.surveying import Surveyor, setup_lines
from harness.strength.verdicts import FILE, Verdict, listed, write

__all__ = ["MUTANTS", "Options", "Result", "measure"]

MUTANTS = 600
"""How many mutants are drawn unless another number is asked for."""

WATCHED = ("booking", "scenario", "calendly", "stripe", "provider")
"""The packages on whose source it hangs which lines a scenario executes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`defects` None: the whole catalogue. `mutants` None: all there are. `every`: do not stop at the first notice.

    `only_mutants` are ids: these and no others, and no defect unless `defects` names some.
    """

    paths: tuple[str, ...] = ()
    root: Path = field(default_factory=Path.cwd)
    defects: tuple[str, ...] | None = None
    mutants: int | None = MUTANTS
    only_mutants: tuple[str, ...] = ()
    every: bool = False
    database: str = "auto"
    workers: int = 1
    seed: int = 1
    reports: Path | None = None


@dataclass(slots=True)
class Result:
    """`unviable` mutants are not counted: they were none. `not_green` are scenarios that fail without any defect."""

    verdicts: list[Verdict]
    path: Path
    scenarios: int
    population: int
    unviable: int
    elapsed_s: float
    not_green: list[str] = field(default_factory=list)

    def counts(self, kind: str) -> Counter[str]:
        """Outcomes of one kind: `catalogue` or `mutant`."""
        return Counter(each.outcome for each in self.verdicts if each.kind == kind)

    def share(self, kind: str) -> float | None:
        """What is noticed of what counts, 0 to 1; None when nothing counts."""
        counts = self.counts(kind)
        counted = sum(counts.values()) - counts["equivalent"]
        return counts["noticed"] / counted if counted else None

    @property
    def survivors(self) -> list[Verdict]:
        """What nobody noticed."""
        return [each for each in self.verdicts if each.outcome in ("survived", "not_reached")]

    @property
    def exit_code(self) -> int:
        """1 when a defect of the catalogue went unnoticed, less than nine tenths of the mutants, or the suite is not green."""
        lost = any(each.kind == "catalogue" for each in self.survivors)
        share = self.share("mutant")
        return int(lost or bool(self.not_green) or (share is not None and share < ENOUGH))

    def document(self) -> dict[str, Any]:
        """The JSON document of `harness strength --json`."""
        return {
            "scenarios": self.scenarios,
            "not_green": self.not_green,
            "elapsed_s": round(self.elapsed_s, 1),
            "file": str(self.path),
            "catalogue": {**self.counts("catalogue"), "share": self.share("catalogue")},
            "mutants": {
                **self.counts("mutant"),
                "share": self.share("mutant"),
                "population": self.population,
                "unviable": self.unviable,
            },
            "defects": [each.as_json() for each in self.verdicts],
        }


def measure(options: Options, steps: Steps) -> Result:
    """Measure the strength of the suite; `steps` are told what goes on.

    Raises:
        InputError: mistakes in the files, an unknown defect or mutant, or a suite in which nothing passes without a defect.
        MachineError: no database, or a package of the development extras is missing.
    """
    began = time.perf_counter()
    tracer()  # what is missing, or is not there to be named, is told before anything runs
    defects = [] if options.only_mutants and options.defects is None else catalogue(options.defects)
    named = mutants(0, options.only_mutants) if options.only_mutants else None
    directory, wrong = _without_defects(options, steps)
    run_options = RunOptions(paths=options.paths, root=options.root, seed=options.seed)
    plan = make_plan(run_options, options.root / "reports")
    cases = {case.scenario_id: case for case in plan.cases if not case.scenario.skip}
    reach = _reach(options, plan.suite, list(cases.values()), steps)
    covers = {each: frozenset(case.scenario.covers) for each, case in cases.items()}
    drawn, population = named or (mutants(options.mutants) if options.mutants != 0 else ([], 0))
    subjects = [of_defect(each, reach, covers) for each in defects] + [of_mutant(each, reach) for each in drawn]
    steps.note(
        f"{so_many(len(defects), 'defect')} and {len(drawn)} of {population} mutants, {so_many(options.workers, 'worker')}"
    )
    reasons = {} if options.every or options.only_mutants else read()
    known = judged([_unnoticed(each) for each in subjects if each.id in reasons], reasons)
    tried = [each for each in subjects if each.id not in reasons]
    verdicts, unviable = _judged(options, plan.suite, cases, reach, tried, steps)
    verdicts = _judged_again(options, plan.suite, cases, reach, tried, verdicts, steps)
    for line in listed(each for each in verdicts if each.outcome != "noticed"):
        steps.note(line)
    final = judged([*verdicts, *known], read())
    path = write(directory / FILE, final, len(CATALOGUE))
    seal_added(directory, [FILE])
    return Result(final, path, len(cases), population, unviable, time.perf_counter() - began, wrong)


def _without_defects(options: Options, steps: Steps) -> tuple[Path, list[str]]:
    """Run the suite as it is: its report directory, and what fails without a defect and so notices nothing."""
    steps.note("the suite once without a defect: what fails then notices nothing")
    result = run_session(
        RunOptions(
            paths=options.paths,
            root=options.root,
            seed=options.seed,
            database=options.database,
            workers=options.workers,
            reports=options.reports,
            command="harness strength",
        ),
        Counting(steps),
    )
    steps.note(f"without a defect: {result.headline()}")
    result.require_whole()
    wrong = [each.scenario_id for each in result.scenarios if each.outcome in ("failed", "error")]
    if result.report is None or len(wrong) == len(result.scenarios):
        raise InputError("No scenario passes without a defect.", "Mend the suite first: harness run.")
    return result.report.parent, wrong


def _reach(options: Options, suite: Suite, cases: Sequence[Case], steps: Steps) -> Reach:
    """The reach of every case: what was kept of those whose file is as it was, and a survey of the others."""
    own = {case.scenario_id: suite.digests[case.scenario.file] for case in cases}
    files = {case.scenario.file for case in suite.cases}
    shared = [
        *((name, value) for name, value in suite.digests.items() if name not in files),
        ("seed", str(options.seed)),
    ]
    folders = [BOOKING.parent / each for each in WATCHED] + [options.root / "fixtures"]
    path = options.root / ".harness" / "strength" / f"{digest(shared, folders)}.json"
    kept = load(path) or Reach({})
    missing = [case for case in cases if _source(kept, case) != own[case.scenario_id]]
    if missing:
        kept = Reach({**kept.cases, **_surveyed(options, suite, missing, own, steps)}, kept.setup or setup_lines())
        store(path, kept)
    return Reach({each: kept.cases[each] for each in own}, kept.setup)


def _source(kept: Reach, case: Case) -> str | None:
    found = kept.cases.get(case.scenario_id)
    return found.source if found else None


def _surveyed(
    options: Options, suite: Suite, cases: Sequence[Case], own: Mapping[str, str], steps: Steps
) -> dict[str, CaseReach]:
    steps.note(f"survey of {so_many(len(cases), 'case')}: what each reaches of the reference, kept for the next time")

    def surveyor(_: int) -> Worker:
        return Surveyor(_ground(options, suite), cases)

    found = {}
    for happening in run_forked(surveyor, range(len(cases)), options.workers, threading.Event()):
        match happening:
            case Finished(index=index, result=CaseReach() as result):
                scenario_id = cases[index].scenario_id
                found[scenario_id] = replace(result, source=own[scenario_id])
                steps.show(len(found), len(cases), scenario_id)
            case Died(why=why):
                raise HarnessFault(f"The survey did not end: {why}.")
    return found


def _judged(
    options: Options,
    suite: Suite,
    cases: dict[str, Case],
    reach: Reach,
    subjects: Sequence[Subject],
    steps: Steps,
) -> tuple[list[Verdict], int]:
    def judge(_: int) -> Worker:
        return Judge(_ground(options, suite), cases, reach, subjects, options.every)

    found: dict[int, Verdict] = {}
    unviable = 0
    for happening in run_forked(judge, range(len(subjects)), options.workers, threading.Event()):
        match happening:
            case Finished(index=index, result=Verdict() as verdict):
                found[index] = verdict
            case Finished(result=Unviable()):
                unviable += 1
            case Died(index=int(index), why=why):
                lost = subjects[index]
                found[index] = Verdict(lost.id, lost.title, lost.kind, lost.rules, "survived", reason=why)
                steps.note(f"lost  {lost.id}: {why}")
        steps.show(len(found) + unviable, len(subjects), f"{so_many(_unseen(found), 'survivor')} so far")
    return [found[index] for index in sorted(found)], unviable


def _unseen(found: Mapping[int, Verdict]) -> int:
    return sum(each.outcome != "noticed" for each in found.values())


def _judged_again(
    options: Options,
    suite: Suite,
    cases: dict[str, Case],
    reach: Reach,
    subjects: Sequence[Subject],
    verdicts: Sequence[Verdict],
    steps: Steps,
) -> list[Verdict]:
    """`verdicts` after a second round: survivors are tried with more values, first of scenarios that noticed hereabouts."""
    by_id = {each.id: each for each in subjects}
    near: dict[str, Counter[str]] = {}
    for each in verdicts:
        for case_id in each.noticed_by:
            near.setdefault(by_id[each.defect_id].module, Counter())[scenario_of(case_id)] += 1
    lost = [by_id[each.defect_id] for each in verdicts if each.outcome == "survived"]
    further = [found for each in lost if (found := each.again(near.get(each.module, {}))) is not None]
    if not further:
        return list(verdicts)
    steps.note(f"more values for {so_many(len(further), 'survivor')}")
    again, _ = _judged(options, suite, cases, reach, further, steps)
    noticed = {each.defect_id: each for each in again if each.outcome == "noticed"}
    return [noticed.get(each.defect_id, each) for each in verdicts]


def _unnoticed(subject: Subject) -> Verdict:
    """What is known to be equivalent is not tried, unless all is asked for, or it by its id."""
    return Verdict(subject.id, subject.title, subject.kind, subject.rules, "survived")


def _ground(options: Options, suite: Suite) -> Ground:
    return Ground(suite, options.root, options.database, options.seed)
