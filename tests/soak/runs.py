"""One run: every case of the suite on one target, in an order and with a seed of its own."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.defects import VARIANTS
from harness.scenario.model import Case, Suite
from harness.scenario.targets import parse_target
from harness.session import Bench
from harness.session.workers import Died, Finished, Worker, run_forked
from harness.strength.reach import digest

__all__ = ["Ended", "Log", "Planned", "Runner", "failures", "plan", "soak"]

FINE = {"passed", "skipped"}
CODE = ("harness", "scenarios", "fixtures")


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to do; `number` counts the runs of its target from 1."""

    target: str
    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that was done: how many cases, in which order (`seed` shuffles and seeds it), what did not pass."""

    target: str
    number: int
    seed: int
    cases: int
    seconds: float
    failures: list[str] = field(default_factory=list)


def failures(on: Bench, cases: Sequence[Case], seed: int) -> list[str]:
    """What of `cases` does not pass, in an order that `seed` decides."""
    order = list(cases)
    random.Random(seed).shuffle(order)
    on.stage.seed = seed
    ended = [on.run(case) for case in order]
    return [f"seed {seed}: {each.scenario_id}: {each.failure}" for each in ended if each.outcome not in FINE]


def plan(runs: int, *, variants: bool = True) -> list[Planned]:
    """`runs` of the reference and one of every variant."""
    others = [Planned(f"variant:{name}", 1) for name in sorted(VARIANTS)] if variants else []
    return [*others, *(Planned("reference", number) for number in range(1, runs + 1))]


@dataclass
class Runner:
    """A worker of `harness.session.workers`: one run a job."""

    suite: Suite
    root: Path
    todo: Sequence[Planned]
    database: str
    _bench: Bench | None = None
    _target: str = ""

    def open(self) -> dict[str, Any]:
        """Nothing yet: the first job says which target."""
        return {}

    def run(self, index: int) -> Ended:
        """Do run `index`."""
        planned = self.todo[index]
        seed = random.SystemRandom().randrange(1, 10**6)
        began = time.perf_counter()
        found = failures(self._on(planned.target), self.suite.cases, seed)
        seconds = round(time.perf_counter() - began, 1)
        return Ended(planned.target, planned.number, seed, len(self.suite.cases), seconds, found)

    def close(self) -> None:
        """Close what is open."""
        if self._bench is not None:
            self._bench.close()
            self._bench = None

    def _on(self, target: str) -> Bench:
        if self._bench is None or self._target != target:
            self.close()
            self._target = target
            self._bench = Bench.over(
                self.suite, root=self.root, target=parse_target(target), database=self.database, seed=1
            )
        return self._bench


class Log:
    """The runs that were done of this very code and suite, one line each; what was stopped goes on from here."""

    def __init__(self, root: Path) -> None:
        key = digest([], [root / name for name in CODE])
        self.path = root / ".harness" / "soak" / f"{key}.jsonl"

    def read(self) -> list[Ended]:
        """What was done so far; a line that was cut short is not."""
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else ():
            try:
                found.append(Ended(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found

    def add(self, ended: Ended) -> None:
        """Keep one more."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(ended)) + "\n")


def soak(
    suite: Suite, root: Path, todo: Sequence[Planned], *, database: str, workers: int, tell: Callable[[str], None]
) -> Iterator[Ended]:
    """Do the runs `todo`, `workers` at once. A worker that dies loses its run, which then is not done."""
    stop = threading.Event()

    def runner(_: int) -> Worker:
        return Runner(suite, root, todo, database)

    for happening in run_forked(runner, range(len(todo)), workers, stop):
        match happening:
            case Finished(result=Ended() as ended):
                yield ended
            case Died(index=int(index), why=why):
                tell(f"lost     {todo[index].target} {todo[index].number}: {why}")
