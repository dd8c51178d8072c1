"""One run: plan, workers, listeners, report."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from harness import records
from harness.errors import MachineError
from harness.project import located
from harness.redaction import mask_command
from harness.report import EventWriter, RunInfo, start
from harness.report.disk import disk_errors
from harness.report.provenance import Surroundings, surroundings
from harness.scenario.targets import Target, parse_target
from harness.session import recorded
from harness.session.listener import Listener, Silent
from harness.session.options import RunOptions
from harness.session.plan import Plan, make_plan
from harness.session.result import RunResult
from harness.session.workers import Died, Finished, Ready, run_forked, run_inline

if TYPE_CHECKING:  # what running needs would keep the plan waiting, which says first what there is to do
    from harness.postgres import Server
    from harness.session.bench import Bench

__all__ = ["run"]


def run(
    options: RunOptions, listener: Listener | None = None, server_of: Callable[[], Server] | None = None
) -> RunResult:
    """Run scenarios and leave a report directory. A single worker uses `server_of()`, if given, and closes it.

    Ctrl-C, SIGTERM and a closed terminal finish the report of what ran; the result then says `interrupted`.

    Raises:
        InputError: mistakes in files or options, all of them.
        NothingSelected: nothing is left after the selection.
        MachineError: no database can be had, or the disk refuses the report.
    """
    heard = listener or Silent()
    reports = options.reports or options.root / "reports"
    target = parse_target(options.target, options.schema, options.start)
    plan = make_plan(options, reports)
    workers = min(options.workers, len(plan.cases)) if target.url is None else 1  # one deployment, one database
    run_id = _run_id(reports, plan.seed)
    result = RunResult(
        run_id,
        target.name,
        plan.seed,
        planned=len(plan.cases),
        reports=reports,
        fail_on_flaky=options.fail_on_flaky,
        failed_again=_failed_again(options, target),
    )
    heard.planned(cases=len(plan.cases), target=target.name, seed=plan.seed, workers=workers)
    for note in plan.notes:
        heard.note(note)
    if target.url is not None:
        heard.note(
            "a deployment has its own log and clock: checks of logs are left out, scenarios that move time are skipped"
        )
        if proxies := sorted(name for name in os.environ if name.upper() in {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}):
            heard.note(f"the deployment is asked directly: no proxy of the environment is used ({', '.join(proxies)})")
    started = time.perf_counter()
    directory = reports / run_id
    info = _info(options, plan, run_id, target, workers)
    started_at = info.started_at
    course = _Course(options, plan, target, directory, run_id, info, result, heard, server_of if workers == 1 else None)
    with _stopping() as stop:
        try:
            with _meanwhile(workers, options.root) as course.around:
                course.run(workers, stop)
                result.interrupted = stop.is_set() and not result.stopped_early
        finally:
            if not course.begun:  # made for this run alone; half a beginning, as on a full disk, would be no run
                shutil.rmtree(directory, ignore_errors=True)
        result.elapsed_s = time.perf_counter() - started
        begun = course.begun
        del course, plan, info  # the end of a long run needs the room
        if begun:
            from harness.report import finish  # what the end of a run needs would keep its first scenario waiting

            try:  # also where somebody asks to stop by now: without it nothing says what did not hold
                ended_at = started_at + timedelta(seconds=result.elapsed_s)  # a clock may go back meanwhile
                manifest = finish(
                    directory, ended_at=ended_at, interrupted=result.interrupted, with_allure=options.allure
                )
            except MachineError:
                heard.completed(result)  # what did not hold is not lost with the report
                raise
            result.manifest = manifest.as_json()
            result.report = directory / "report.html"
            result.interrupted = stop.is_set() and not result.stopped_early
        heard.completed(result)
    return result


class _Course(Struct):
    """The course of a run: what comes from the workers, in the order in which it comes."""

    options: RunOptions
    plan: Plan
    target: Target
    directory: Path
    run_id: str
    info: RunInfo
    result: RunResult
    heard: Listener
    server_of: Callable[[], Server] | None = None
    around: Callable[[], Surroundings | None] = lambda: None
    begun: bool = False
    lost: set[int] = field(default_factory=set)  # the cases that workers died on

    def run(self, workers: int, stop: threading.Event) -> None:
        indexes = range(len(self.plan.cases))
        if workers == 1:
            happenings: Iterator[Ready | Finished | Died] = run_inline(self.worker(0), indexes, stop)
        else:
            _import_for(self.target)  # before the fork, so that it is paid once
            happenings = run_forked(self.worker, indexes, workers, stop)
        done = self.result.scenarios
        failures = 0
        try:
            for happening in happenings:
                match happening:
                    case Ready(about=about):
                        self.begin(about)
                    case Finished(index=index, result=record):
                        done.add(index, record)
                        self.heard.finished(record)
                        failures += record.outcome in {"failed", "error"}
                    case Died(worker=worker, index=index, why=why):
                        lost = self.lose(worker, index, why)
                        if index is not None and lost is not None:
                            done.add(index, lost)
                        failures += 1
                limit = self.options.failure_limit
                if limit is not None and failures >= limit and not stop.is_set():
                    self.result.stopped_early = True
                    stop.set()
        except MachineError as error:
            if not self.begun:
                raise
            self.result.broken_machine = str(error)
        finally:
            if self.begun:
                with suppress(MachineError):  # a disk that refuses this refuses the rest of the report, which tells it
                    self.keep_outcomes()

    def worker(self, number: int) -> _CaseWorker:
        return _CaseWorker(self, number)

    def begin(self, about: dict[str, Any]) -> None:
        """The first database is up: the run exists from now on."""
        if not self.begun:
            planned = [case.scenario_id for case in self.plan.cases]
            start(self.directory, replace(self.info, database=about, planned=planned), self.around())
            self.begun = True
            self.heard.database(about)
            latest = self.directory.with_name("latest")
            if not latest.is_symlink():  # as a copy by a tool that follows links leaves it
                self.heard.note(f"{latest} is no link, so it does not point at this run; remove it to have one")

    def lose(self, worker: int, index: int | None, why: str) -> records.Scenario | None:
        """A worker died: the case it was on has no outcome of the product, and that is an error of the run."""
        from harness.postgres.places import Places
        from harness.postgres.running import sweep

        sweep(Places.find())  # its server outlived it
        self.result.died += 1
        if index is None:
            self.heard.note(f"worker {worker} died between two cases: {why}")
            return None
        from harness.scenario.caserecords import lost

        self.lost.add(index)
        case = self.plan.cases[index]
        why = f"{why} on this case; run it again with -n 1 to see it alone"  # which one, the seed does not say
        attempt = self.options.retries + 1  # the last: which of them it was died with it
        seed = case.seed_in(self.plan.seed)
        record = lost(case, self.target, attempt=attempt, seed=seed, worker=worker, why=why)
        if self.begun:
            with EventWriter(self.directory, self.options.workers) as writer:  # no worker's own
                writer.write(record)
        self.heard.finished(record)
        return record

    def keep_outcomes(self) -> None:
        """What selecting the last failed and balancing shards need, without a data library."""
        lost = {self.plan.cases[index].scenario_id for index in self.lost}  # which took no time that is known
        done = (
            recorded.Outcome(s.case_id, recorded.LOST)
            if s.scenario_id in lost
            else recorded.Outcome(s.case_id, s.outcome, s.duration_us)
            for s in self.result.scenarios
        )
        recorded.keep(self.directory, chain(done, self.unreached()))

    def unreached(self) -> Iterator[recorded.Outcome]:
        """What failed before this run, which runs that again, and was not reached: it has not held since."""
        if self.options.last_failed:
            reached = {s.scenario_id for s in self.result.scenarios}
            for case in self.plan.cases:
                if case.scenario_id not in reached:
                    yield recorded.Outcome(case.case_id, recorded.UNREACHED)


class _CaseWorker:
    """A worker of `workers`: a bench, an events file, cases by number."""

    def __init__(self, course: _Course, number: int) -> None:
        self._course = course
        self._number = number
        self._thresholds = gc.get_threshold()
        self._bench: Bench | None = None
        self._writer: EventWriter | None = None

    def open(self) -> dict[str, Any]:
        from harness.session.bench import Bench

        course = self._course
        self._bench = Bench.over(
            course.plan.suite,
            root=course.options.root,
            target=course.target,
            database=course.options.database,
            seed=course.plan.seed,
            worker=self._number,
            sink=self.write,
            server_of=course.server_of,
        )
        self._writer = EventWriter(course.directory, self._number)
        gc.freeze()  # what was imported and loaded stays to the end: no collection need look at it again
        gc.set_threshold(20_000, 20, 20)
        return self._bench.about

    def write(self, record: records.Record) -> None:
        assert self._writer is not None  # opened before the first case
        self._writer.write(record)

    def run(self, index: int) -> records.Scenario:
        assert self._bench is not None  # opened before the first case
        return self._bench.run(self._course.plan.cases[index], retries=self._course.options.retries)

    def close(self) -> None:
        gc.unfreeze()
        gc.set_threshold(*self._thresholds)
        try:
            if self._writer is not None:
                self._writer.close()
        finally:  # a disk that refuses the last lines must not keep a server alive
            if self._bench is not None:
                self._bench.close()
            del self._course  # the stage writes by this worker, so that each holds the other


def _failed_again(options: RunOptions, target: Target) -> str:
    """The command that runs again, on the same target and database, what failed of these files."""
    known = {"auto", os.environ.get("HARNESS_DATABASE")}  # the shell that it is copied into has that too
    database = [] if options.database in known else ["--database", options.database]
    words = ["harness", "run", *options.paths, *target.chosen, *database, "--last-failed"]
    return mask_command(words)


def _import_for(target: Target) -> None:
    """Import what a worker needs."""
    from harness.scenario.application import preload

    import_module("harness.session.bench")
    preload(target)


def _info(options: RunOptions, plan: Plan, run_id: str, target: Target, workers: int) -> RunInfo:
    import shlex

    return RunInfo(
        run_id=run_id,
        started_at=datetime.now(UTC),
        project=options.root,
        seed=plan.seed,
        command=shlex.split(options.command),
        target=target.name,
        workers=workers,
        database={},
        inputs=[located(Path(name), options.root) for name in plan.suite.digests],
        shard=plan.shard,
    )


def _run_id(reports: Path, seed: int) -> str:
    """A name that sorts by time and is not taken. Its directory is made: another run may begin in the same second.

    Raises:
        MachineError: the disk refuses.
    """
    base = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{seed}"
    name, again = base, 1
    with disk_errors(reports / name):
        reports.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                (reports / name).mkdir()
                return name
            except FileExistsError:
                again += 1
                name = f"{base}-{again}"


@contextmanager
def _meanwhile(workers: int, project: Path) -> Iterator[Callable[[], Surroundings | None]]:
    """Ask for the surroundings while a single worker waits for its database; workers are forked without threads."""
    if workers > 1:
        yield lambda: None
        return
    with ThreadPoolExecutor(max_workers=1) as asking:
        yield asking.submit(surroundings, project).result


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """While it lasts, Ctrl-C, SIGTERM and a terminal that closes ask to stop after the current case.

    A second Ctrl-C stops at once; a terminal is closed once, however often that is told.
    """
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number != signal.SIGHUP:
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
