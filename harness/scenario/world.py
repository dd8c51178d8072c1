"""The world of one execution: target, database, simulators, clock and visitors together. Nothing else knows them all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import InputError, Position
from harness.jsontext import parse_exact
from harness.scenario.exchange import HttpAnswer, HttpRequest, NoAnswer
from harness.scenario.registry import bind
from harness.scenario.scope import lent
from harness.scenario.tables import every_row_of, read_columns
from harness.scenario.visitors import Visitor, Visitors

if TYPE_CHECKING:
    from harness.postgres import RowOperation
    from harness.provider import Provider
    from harness.scenario.fixtures import Catalogue
    from harness.scenario.matching import Comparison
    from harness.scenario.model import Case, Given, Invariant, Step
    from harness.scenario.recorder import Recorder
    from harness.scenario.simulators import ProviderName, Providers
    from harness.scenario.stage import Stage

__all__ = ["Refusal", "World"]

ON_ITS_OWN = frozenset({"http", "sessions", "select_session", "initialize", "resume", "confirm", "parallel"})
"""The verbs that need nothing but the target's URL."""


class Refusal(Exception):
    """The page refused by itself, before any request: a result like an answer, not an error."""


@dataclass
class _Moment(threading.local):
    """What the step of this thread has brought so far."""

    answer: HttpAnswer | None = None
    refusal: str | None = None
    answered: bool = False
    value: Any = None
    visitor: Visitor | None = None
    scope: MutableMapping[str, Any] | None = None
    position: Position | None = None


@dataclass
class World:
    """One execution of one case. Made by `Stage.world`, which also puts everything back."""

    stage: Stage
    case: Case
    recorder: Recorder
    catalogue: Catalogue
    providers: Providers
    visitors: Visitors = field(init=False)

    def __post_init__(self) -> None:
        self.clock = self.stage.clock
        self.registry = self.stage.registry
        self.types = self.stage.types
        self.recorder.clock = self.clock
        self.visitors = Visitors(self)
        self._moment = _Moment()
        self._operations: list[RowOperation] = []
        self._step_from = 0
        self._looked_from = 0
        self._dirty = False
        self.ran_sql = False  # the scenario's or an own verb's: it may have changed what the harness asks for
        self._unexpected: list[tuple[str, str]] = []
        self._detail: dict[str, Any] = {}
        self._held: set[str] = set()
        self._main_scope: dict[str, Any] = {
            "catalog": self.catalogue.by_key(),
            "seed": self.case.seed_in(self.stage.seed),
            "secrets": self.case.given.secrets,
            "case": self.case.number,
            **self.case.params,
        }
        self._found: list[Comparison] = []
        self._gate: Any = None

    def leave(self) -> None:
        """Let go of all that leads back here when the execution has ended: nobody then has to look for cycles."""
        self.providers.leave()
        self.visitors.leave()
        self._main_scope.clear()
        del self.visitors, self._moment

    # -- names --------------------------------------------------------------------------------------------------

    @property
    def scope(self) -> MutableMapping[str, Any]:
        """What references stand for, in this thread."""
        scope = self._moment.scope if self._moment.scope is not None else self._main_scope
        scope["now"] = self.clock()
        return scope

    @property
    def invariants(self) -> Sequence[Invariant]:
        """Those that apply to this target's schema."""
        return self.stage.invariants

    @property
    def visitor(self) -> Visitor:
        """Who acts in this step."""
        visitor = self._moment.visitor
        if visitor is None:
            visitor = self._moment.visitor = self.visitors.named(None)
        return visitor

    # -- the course ---------------------------------------------------------------------------------------------

    def arrange(self, given: Given) -> None:
        """Bring about what `given` says: clock, rows, faults. The visitors come when they are named."""
        self.clock.set(given.clock)
        self.stage.simulate(self)
        for table, rows in given.rows.items():
            for row in rows:
                self._insert(table, row)
        for fault in given.faults:
            self.perform(fault)
        self.take_changes()
        self._operations.clear()

    def _insert(self, table: str, pattern: Any) -> None:
        from harness.scenario.fixtures import insert, row_with_defaults
        from harness.scenario.scope import resolve

        row = row_with_defaults(resolve(pattern, self.scope), self.types.get(table, {}), self.clock(), self.stage.ids)
        with self.stage.database_errors(pattern.position):
            insert(self.stage.sandbox.execute, table, row)
        self._dirty = True

    @contextmanager
    def acting(self, name: str | None) -> Iterator[None]:
        """Within this block a step runs, done by the named actor (or role; None: the first)."""
        moment = self._moment
        moment.visitor = self.visitors.named(name)
        moment.answer = moment.refusal = moment.value = None
        moment.answered = False
        self.scope["flow"] = moment.visitor.flow
        if moment.scope is None:  # a branch of `parallel` belongs to the step of `parallel`
            self._step_from = len(self._operations)
            self._detail = {}
        yield

    @contextmanager
    def branch(self) -> Iterator[MutableMapping[str, Any]]:
        """Within this block this thread has names and answers of its own; yields its names."""
        self._moment.scope = dict(self._main_scope)
        try:
            yield self._moment.scope
        finally:
            self._moment.scope = None

    def perform(self, step: Step) -> Any:
        """Run the verb of `step`; a page's own refusal is kept as the step's result.

        Raises:
            InputError: an argument that cannot be resolved or is of another type, with its position.
        """
        verb = self.registry.verbs[step.verb]
        self._moment.position = step.position
        if not self.stage.target.observed and step.verb not in ON_ITS_OWN:
            raise InputError(
                f"`{step.verb}` needs the deployment's database and providers, and they are not this run's.",
                "Let the harness start it, with --start CMD.",
                step.position,
            )
        args = bind(verb.args_type, step.args, lent(self.scope, self.case.params) if verb.own else self.scope)
        self._dirty, self.ran_sql = self._dirty or verb.own, self.ran_sql or verb.own
        try:
            with self.stage.own_process.lent() if verb.own else nullcontext():
                value = self._moment.value = verb.run(self, args)
        except Refusal as refusal:
            self._moment.refusal = str(refusal)
            return None
        except InputError as error:
            raise InputError(error.what, error.remedy, error.position or step.position) from error
        if step.verb != "deliver":
            self.deliver_due("immediate")
        return value

    def tell(self, **detail: Any) -> None:
        """What a verb did beyond requests, for the step's record."""
        self._detail.update(detail)

    def step_detail(self) -> dict[str, Any]:
        """What was told in this step."""
        return self._detail

    @property
    def position(self) -> Position:
        """Where the step of this thread stands."""
        return self._moment.position or self.case.scenario.position

    def refuse(self, why: str) -> None:
        """The page refused something in this step, which went on all the same."""
        self._moment.refusal = why

    def found(self, comparisons: Sequence[Comparison]) -> None:
        """Comparisons that a verb made itself; they count like those of `expect`."""
        self._found.extend(comparisons)

    def take_found(self) -> list[Comparison]:
        """The comparisons of this step's verb."""
        taken, self._found = self._found, []
        return taken

    # -- requests -----------------------------------------------------------------------------------------------

    @property
    def answer(self) -> HttpAnswer | None:
        """The last answer of this step; None when none came."""
        return self._moment.answer

    @property
    def value(self) -> Any:
        """What the step gave: the same that `as` keeps."""
        return self._moment.value

    @property
    def answered(self) -> bool:
        """Whether this step sent a request at all."""
        return self._moment.answered

    @property
    def refusal(self) -> str | None:
        """Why the page refused by itself, or None."""
        return self._moment.refusal

    def send(self, request: HttpRequest, actor: str) -> HttpAnswer:
        """Send a visitor's request and record it.

        Raises:
            NoAnswer: nothing came back; the outcome is unknown.
        """
        import time

        if self._gate is not None:
            self._gate.arrive()
        moment, answer, error = self._moment, None, None
        moment.answered, moment.answer, self._dirty = True, None, True
        began = time.perf_counter()
        try:
            answer = moment.answer = self.stage.transport.send(request)
        except NoAnswer as lost:
            error = str(lost)
            raise
        finally:
            self._record(request, actor, answer, error, round((time.perf_counter() - began) * 1_000_000))
        return answer

    def _record(
        self, request: HttpRequest, actor: str, answer: HttpAnswer | None, error: str | None, duration_us: int
    ) -> None:
        recorder = self.recorder
        recorder.exchange(
            actor=actor,
            method=request.method,
            path=recorder.text(request.path),
            request_headers=recorder.headers(request.headers),
            request_body=recorder.body(request.body),
            status=answer.status if answer else None,
            response_headers=recorder.headers(answer.headers if answer else {}),
            response_body=recorder.body(answer.content if answer else None),
            error=recorder.text(error) if error else None,
            duration_us=duration_us,
        )

    # -- rows ---------------------------------------------------------------------------------------------------

    def start_looking(self) -> None:
        """Ask for the changes that `take_changes` will find, so that the database looks while the answer is compared."""
        if self._dirty:
            self.stage.sandbox.start_taking()

    def take_changes(self, *, look: bool = False) -> None:
        """Read what was committed since the last look, and record it under the current step.

        A deployment may write by itself: where it matters (`look`) its rows are read though nothing was asked of it.
        """
        if not self._dirty and not (look and self.stage.target.url is not None):
            return
        fresh = self.stage.sandbox.take()
        self._dirty = False
        if fresh:
            self._operations += fresh
            self.recorder.row_changes(fresh)

    def touched(self) -> None:
        """Something other than a request may have written to the database."""
        self._dirty = True

    def changes(self, *, within_step: bool) -> list[RowOperation]:
        """The committed row operations of this step, or since the scenario began."""
        self.take_changes(look=True)
        return self._operations[self._step_from :] if within_step else self._operations

    def rows(self, tables: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Every row of each of `tables` as JSON data, ordered by its text, from one question to the database."""
        if not tables:
            return {}
        answer = self.stage.sandbox.ask(every_row_of(tuple(tables)))
        return {str(name): parse_exact(rows or "[]") for name, rows in answer}

    def types_now(self) -> Mapping[str, Mapping[str, str]]:
        """Table → column → type as they are now: those of `types` until something ran that may have changed the schema."""
        return read_columns(self.stage.sandbox.query) if self.ran_sql else self.types

    def query(self, query: str, params: Mapping[str, Any], position: Position) -> list[dict[str, Any]]:
        """The answer to a query that only looks; what the database refuses is a mistake at `position`."""
        with self.stage.database_errors(position):
            return self.stage.sandbox.look(query, params)

    def due_invariants(self) -> Sequence[Invariant]:
        """Those to look at now: all that are not waived if rows changed since the last look, else none."""
        if len(self._operations) == self._looked_from:
            return ()
        self._looked_from = len(self._operations)
        return [each for each in self.invariants if each.name not in self.case.scenario.waived]

    def broken_invariants(self, wanted: Sequence[Invariant]) -> dict[str, list[dict[str, Any]]]:
        """The rows that each broken invariant returns, by name.

        Raises:
            InputError: one cannot be looked at any more, after SQL of the scenario's own.
        """
        import psycopg

        try:
            return self.stage.broken_invariants(wanted)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            lost = next((each.name for each in wanted if not self.stage.plans(each.sql)), None)
            if lost is None or not self.ran_sql:
                raise
            what = f"The invariant {lost} cannot be looked at any more: {error.diag.message_primary}."
            raise InputError(what, f"If that is meant: `waive: {{{lost}: why}}`.", self.position) from None

    # -- providers ----------------------------------------------------------------------------------------------

    @property
    def calendly(self) -> Any:
        """The simulated Calendly of this scenario."""
        return self.providers.named("calendly")

    @property
    def stripe(self) -> Any:
        """The simulated Stripe of this scenario."""
        return self.providers.named("stripe")

    def provider(self, name: ProviderName) -> Provider:
        """The simulator called `calendly` or `stripe`."""
        found: Provider = self.providers.named(name)
        return found

    def unexpected(self, asked: str, candidates: str) -> None:
        """A request that no endpoint answers was made."""
        self._unexpected.append((asked, candidates))

    def take_unexpected(self) -> list[tuple[str, str]]:
        """The unexpected requests since the last look."""
        taken, self._unexpected = self._unexpected, []
        return taken

    def deliver_due(self, moment: Literal["immediate", "end"]) -> None:
        """Deliver everything that is due, if given's `delivery` says that webhooks travel at this moment."""
        policy = self.case.given.delivery
        if policy.when != moment:
            return
        for name, provider in list(self.providers.made.items()):  # one that was never asked anything has sent nothing
            fresh = [message for message in provider.outbox if message.id not in self._held]
            if policy.delay and fresh:
                provider.delay(policy.delay, fresh)
                self._held |= {message.id for message in fresh}
            self.stage.post.deliver(self, name, times=policy.times, order=policy.order)

    def move_clock(self, to: Any) -> None:
        """Move time and let happen what falls due: retries of webhooks, expiries of the application."""
        self.clock.set(to)
        self.stage.post.retry_due(self)
        self.stage.expire(self)
        self._dirty = True

    # -- parallel -----------------------------------------------------------------------------------------------

    @contextmanager
    def gate(self, gate: Any) -> Iterator[None]:
        """Within this block every thread's first request waits at `gate` until all are there."""
        self._gate = gate
        try:
            yield
        finally:
            self._gate = None
