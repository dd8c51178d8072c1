"""The runner: one case in a world of its own, step by step, every comparison a record.

Within a step every mismatch is reported; between steps the scenario stops. What the product does wrong is `failed`;
a mistake of the scenario or a fault of the harness is `error` and never counts against the product, nor as a pass.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, field

from harness import records
from harness.errors import HarnessError, HarnessFault, InputError, MachineError, Position
from harness.interrupts import AskedToEnd
from harness.scenario import checks
from harness.scenario.caserecords import record_of, text_of
from harness.scenario.changes import net
from harness.scenario.failure import Failure
from harness.scenario.matching import Comparison
from harness.scenario.recorder import Recorder, compact
from harness.scenario.registry import VERB_MODULE
from harness.scenario.scope import capture

if TYPE_CHECKING:
    from harness.scenario.model import Case, CheckSpec, Step
    from harness.scenario.stage import Stage
    from harness.scenario.world import World

__all__ = ["run_case"]


REFERENCE_ONLY = "reference-only"
"""The tag of scenarios about what only the reference has: the legacy target skips them and says so."""


_Mismatches: TypeAlias = list[tuple[Position, Comparison]]
"""Comparisons that did not hold, each with the place of the step or check that made it."""


class StepFailed(Exception):
    """The product did not do what the scenario says."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.first())
        self.failure = failure


class _Execution(Struct):
    """One attempt at one case."""

    stage: Stage
    case: Case
    attempt: int
    recorder: Recorder
    started: float = field(default_factory=time.perf_counter)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    here: tuple[str, Position] | None = None  # the verb that runs, and where it stands
    world: World | None = None
    looks: checks.Looks = field(default_factory=checks.Looks)  # how long a check of this step looked in vain

    @property
    def seed(self) -> int:
        return self.case.seed_in(self.stage.seed)

    # -- the course of a scenario -------------------------------------------------------------------------------

    def run(self) -> records.Scenario:
        scenario = self.case.scenario
        skip = scenario.skip or self.not_for_target()
        if skip:
            return self.ended("skipped", skip, None)
        try:
            with self.stage.world(self.case, self.recorder) as self.world:
                self.play(self.world)
        except StepFailed as failed:
            return self.broken("error" if failed.failure.error else "failed", failed.failure)
        except (MachineError, AskedToEnd):
            raise
        except HarnessError as error:
            return self.broken("error", self.faulty(str(error), fault=isinstance(error, HarnessFault)))
        except (
            BaseException
        ) as error:  # a fault of ours is an outcome of its own: never a pass, never the product's failure
            if isinstance(error, KeyboardInterrupt) and _asked_to_stop(error):
                raise
            after_sql = self.world is not None and self.world.ran_sql
            return self.broken("error", self.faulty(*_told(error, after_sql=after_sql)))
        return self.ended("passed", None, None)

    def not_for_target(self) -> str | None:
        """Why this target cannot be asked at all; None when it can."""
        if REFERENCE_ONLY in self.case.scenario.tags and self.stage.target.profile == "legacy":
            return "about something that the flow before the update never had"
        if self.stage.target.url is not None and any(step.verb == "clock" for step in self.case.steps):
            return "moves time, and a deployment's clock is not the scenario's"
        return None

    def play(self, world: World) -> None:
        scenario = self.case.scenario
        self.step(world, 0, "given", "given", scenario.position, lambda: self.arrange(world))
        number = 0
        for number, step in enumerate(self.case.steps, 1):
            self.recorder.step = number
            self.step(
                world, number, "when", step.verb, step.position, lambda step=step: self.act(world, step), step.title
            )
        self.recorder.step = number + 1
        self.step(world, number + 1, "then", "then", scenario.position, lambda: self.conclude(world, self.case.then))

    def step(
        self, world: World, number: int, phase: str, verb: str, position: Position, work: Any, title: str = ""
    ) -> None:
        """Do `work` and write the step's record, however it ends."""
        began, clock, outcome = time.perf_counter(), world.clock(), "error"
        self.here, self.looks = (verb, position), checks.Looks()
        try:
            work()
            outcome = "passed"
        except StepFailed as failed:
            outcome = "error" if failed.failure.error else "failed"
            raise
        except (
            InputError
        ) as error:  # a value the scenario asked for is not there: told as a step's failure, with its place
            raise StepFailed(self.failure(world, verb, error.position or position, [], str(error))) from error
        finally:
            self.recorder.write(
                records.Step,
                step=number,
                phase=phase,
                verb=verb,
                title=self.recorder.text(title or verb),
                line=position.line,
                column=position.column,
                outcome=outcome,
                clock=clock,
                detail=self.recorder.text(compact(world.step_detail())),
                duration_us=_microseconds(began),
            )

    def arrange(self, world: World) -> None:
        world.arrange(self.case.given)
        world.take_changes()

    def act(self, world: World, step: Step) -> None:
        failed = self.attempt_step(world, step)
        failed += self.look(world, step.then, failed, within_step=True)
        failed += self.watch(world, step.position)
        self.judge(world, step.verb, failed)

    def attempt_step(self, world: World, step: Step) -> _Mismatches:
        """Run the verb, capture what it gave, compare what it answered; what did not fit."""
        with world.acting(step.by):
            world.perform(step)
            if not step.asks_again:  # what a further request changes would be missed
                world.start_looking()
            answer, looks = checks.answered(world, step)
        if step.as_:
            capture(world.scope, step.as_, world.value)
        found = [*world.take_found(), *answer]
        self.recorder.checks(found, "response", looks.times)
        world.take_changes()
        failed = _failed(found, step.position)
        self.waited(looks, failed)
        return failed

    def look(self, world: World, specs: Sequence[CheckSpec], before: _Mismatches, *, within_step: bool) -> _Mismatches:
        """What does not fit of each of `specs`. Where something did not fit already (`before`), what a check cannot
        even look at, such as a value that never came, is a consequence of that and no mistake of the scenario."""
        failed: _Mismatches = []
        for spec in specs:
            try:
                found, looks = checks.evaluate(world, spec, within_step=within_step)
            except InputError:
                if before or failed:
                    break
                raise
            self.recorder.checks(found, checks.RECORD_KINDS[spec.kind], looks.times)
            fresh = _failed(found, spec.position)
            self.waited(looks, fresh)
            failed += fresh
        return failed

    def waited(self, looks: checks.Looks, failed: _Mismatches) -> None:
        """Keeps for the message how long was waited in vain, if longer than for the checks before."""
        if failed and (looks.times, looks.stopped) > (self.looks.times, self.looks.stopped):
            self.looks = looks

    def watch(self, world: World, position: Position) -> _Mismatches:
        """What must hold after every step and does not: no unexpected request, and the invariants wherever rows changed."""
        found = [*checks.unexpected_calls(world, position), *checks.invariants(world, position)]
        self.recorder.checks(found, "invariant")
        return _failed(found, position)

    def conclude(self, world: World, specs: Sequence[CheckSpec]) -> None:
        position = self.case.scenario.position
        world.deliver_due("end")
        failed = self.look(world, specs, [], within_step=False)
        world.take_changes(look=True)
        failed += self.watch(world, position)
        found = checks.faults(world, position)
        self.recorder.checks(found, "fault")
        self.recorder.notes += [self.recorder.text(each.actual) for each in found if each.passed]
        self.judge(world, "then", [*failed, *_failed(found, position)])

    def judge(self, world: World, verb: str, failed: _Mismatches) -> None:
        """Ends the scenario with every mismatch of its step, if there is one."""
        if failed:
            failure = self.failure(world, verb, failed[0][0], [comparison for _, comparison in failed])
            failure.looked = _looked(self.looks)
            raise StepFailed(failure)

    # -- evidence -----------------------------------------------------------------------------------------------

    def failure(
        self, world: World, verb: str, position: Position, mismatches: list[Comparison], error: str | None = None
    ) -> Failure:
        step = self.recorder.step
        concluding = verb == "then"
        shown = None if concluding else step
        exchanges = self.recorder.of(records.Exchange, shown)
        return Failure(
            step=step,
            verb=verb,
            position=position,
            mismatches=mismatches,
            error=error,
            exchanges=exchanges[-3:] if not concluding else exchanges[-1:],
            changes=net(world.changes(within_step=not concluding)),
            calls=self.recorder.of(records.CalendlyCall, shown),
            deliveries=self.recorder.of(records.Delivery, shown),
            logs=self.recorder.of(records.Log, shown),
            bodies=self.recorder.bodies,
        )

    def faulty(self, error: str, fault: bool) -> Failure:
        """Something broke that is not the product; told at the step that ran."""
        verb, position = self.here or ("", self.case.scenario.position)
        return Failure(step=self.recorder.step, verb=verb, position=position, mismatches=[], error=error, fault=fault)

    # -- the record ---------------------------------------------------------------------------------------------

    def broken(self, outcome: records.Outcome, failure: Failure) -> records.Scenario:
        text = text_of(self.case, self.stage.target, self.seed, outcome, failure)
        return self.ended(outcome, self.recorder.text(failure.first()), self.recorder.text(text), fault=failure.fault)

    def ended(
        self, outcome: records.Outcome, failure: str | None, text: str | None, *, fault: bool = False
    ) -> records.Scenario:
        record = record_of(
            self.case,
            self.stage.target,
            attempt=self.attempt,
            seed=self.seed,
            outcome=outcome,
            failure=failure,
            text=text,
            fault=fault,
            notes=self.recorder.notes,
            worker=self.stage.worker,
            started_at=self.started_at,
            duration_us=_microseconds(self.started),
        )
        self.stage.sink(record)
        return record


def run_case(stage: Stage, case: Case, attempt: int = 1) -> records.Scenario:
    """Run `case` once and return its record, which has also gone to the stage's sink.

    Raises:
        MachineError: the database is gone; nothing more can run.
    """
    recorder = stage.recorder(case, attempt)
    return _Execution(stage, case, attempt, recorder).run()


def _looked(looks: checks.Looks) -> str:
    """How long a check waited, where it waited at all."""
    times = "once" if looks.times == 1 else f"{looks.times} times"
    return f"{times}, until stop_if held" if looks.stopped else times if looks.times > 1 else ""


def _failed(found: Sequence[Comparison], place: Position) -> _Mismatches:
    return [(place, comparison) for comparison in found if not comparison.passed]


def _microseconds(began: float) -> int:
    return round((time.perf_counter() - began) * 1_000_000)


def _asked_to_stop(error: KeyboardInterrupt) -> bool:
    """Whether a signal's handler raised it, as far as that can be known: else a verb of the project's own did."""
    import signal
    import traceback

    handler = signal.getsignal(signal.SIGINT)
    *_, (last, _line) = traceback.walk_tb(error.__traceback__)
    return handler is signal.default_int_handler or last.f_code is getattr(handler, "__code__", None)


def _told(error: BaseException, *, after_sql: bool) -> tuple[str, bool]:
    """What broke and where, and whether that is the harness: not a verb of the project's own, nor the scenario's SQL."""
    import traceback
    from pathlib import Path

    from psycopg import Error as DatabaseError

    frames = list(traceback.walk_tb(error.__traceback__))
    own = [each for each in frames if str(each[0].f_globals.get("__name__")).startswith(VERB_MODULE)]
    if after_sql and not own and isinstance(error, DatabaseError):
        return f"After this scenario's own SQL the database refuses what the harness asks: {error}", False
    frame, line = (own or frames)[-1]
    whose = "This verb failed" if own else "A fault of the harness"
    place = f"{frame.f_code.co_name}, {Path(frame.f_code.co_filename).name} line {line}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception of somebody's own, whose text is another mistake
        text = "(its text cannot be made)"
    return f"{whose}: {type(error).__name__}: {text} ({place})", not own
