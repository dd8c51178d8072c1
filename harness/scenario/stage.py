"""The stage: what lives as long as a worker, so that a scenario pays only for itself.

One server, a template and a sandbox for each catalogue, the application over it, one mock in front of the providers,
one log handler. `world()` sets the stage for one execution and puts everything back afterwards.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness import records
from harness.errors import InputError, MachineError, Position
from harness.jsontext import parse
from harness.postgres import Sandbox, Server, question
from harness.redaction import SHORTEST_SECRET, Redactor
from harness.scenario.application import Application, open_application
from harness.scenario.clock import Clock, WallClock
from harness.scenario.credentials import SECRETS
from harness.scenario.fixtures import Catalogue, catalogue, template
from harness.scenario.ids import SeededIds
from harness.scenario.ownprocess import OwnProcess
from harness.scenario.post import Post
from harness.scenario.recorder import Recorder
from harness.scenario.simulators import Simulators
from harness.scenario.tables import read_tables
from harness.scenario.transport import Transport
from harness.scenario.world import World

if TYPE_CHECKING:
    import psycopg

    from harness.scenario.model import Case, Invariant, Suite
    from harness.scenario.registry import Registry
    from harness.scenario.targets import Target

__all__ = ["Stage"]


class _Set(Struct):
    """One catalogue's database and the application over it; None where that is closed, or not opened yet."""

    catalogue: Catalogue
    sandbox: Sandbox
    types: Mapping[str, Mapping[str, str]]
    invariants: Sequence[Invariant]
    generation: int
    application: Application | None = None


@dataclass
class Stage:
    """One worker's long-lived things. `sink` gets every record; `fixtures` is the folder of migrations and catalogues."""

    server: Server
    target: Target
    suite: Suite
    fixtures: Path
    sink: Callable[[records.Record], None]
    seed: int
    worker: int = 0
    redactor: Redactor = field(default_factory=Redactor)

    def __post_init__(self) -> None:
        self.clock = Clock() if self.target.url is None else WallClock()
        self.ids = SeededIds()
        self.post = Post(self)
        self.simulators = Simulators(self.clock, on_port=self.target.url is not None)
        self.world_now: World | None = None
        self._sets: dict[str, _Set] = {}
        self._set: _Set | None = None
        self._restoring: _Set | None = None
        self._handler = _Handler(self)
        self.own_process = OwnProcess(self.redactor.text, self.listen)
        for secret in sorted(self._secrets()):
            self.redactor.add_secret(secret)
        self.simulators.start()
        self.listen()

    def listen(self) -> None:
        """Hear the application's log, whatever somebody's setting up of logs made of it: else `none` would hold of it."""
        logger = logging.getLogger("booking")
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = logger.disabled = False
        logging.disable(logging.NOTSET)

    def _secrets(self) -> set[str]:
        """What no record may hold: the run's keys, the database's password, and what any scenario calls secret.

        Of every scenario, not only of the one that runs: what is masked must not hang on what ran before.
        """
        from psycopg.conninfo import conninfo_to_dict

        password = str(conninfo_to_dict(self.server.admin_dsn).get("password") or "")
        named = {secret for scenario in self.suite.scenarios for secret in scenario.secrets}
        return {*SECRETS, *named, *([password] if len(password) >= SHORTEST_SECRET else ())}

    # -- what the current set offers ----------------------------------------------------------------------------

    @property
    def _here(self) -> _Set:
        assert self._set is not None  # a world is open
        return self._set

    @property
    def registry(self) -> Registry:
        return self.suite.registry

    @property
    def sandbox(self) -> Sandbox:
        return self._here.sandbox

    @property
    def types(self) -> Mapping[str, Mapping[str, str]]:
        return self._here.types

    @property
    def invariants(self) -> Sequence[Invariant]:
        return self._here.invariants

    @property
    def transport(self) -> Transport:
        return self._answering.transport

    @property
    def _answering(self) -> Application:
        assert self._here.application is not None  # a world is open
        return self._here.application

    # -- one execution ------------------------------------------------------------------------------------------

    def recorder(self, case: Case, attempt: int) -> Recorder:
        """The recorder of one execution."""
        return Recorder(self.sink, scenario_id=case.scenario_id, attempt=attempt, redactor=self.redactor)

    @contextlib.contextmanager
    def world(self, case: Case, recorder: Recorder) -> Iterator[World]:
        """A world for `case`; afterwards rows, sequences, schema, roles, settings, clock and simulators are as before.

        Raises:
            MachineError: the database is gone.
        """
        with self._database_at_hand():
            self._restored()
            self._set = self._prepared(case.given.catalog)
            self._set.sandbox.begin()
            case_seed = case.seed_in(self.seed)
            self.ids.reseed(case_seed, case.case_id)
            self.clock.set(case.given.clock)
            self._answering.reset()
            seed = self.simulators.seed_of(case_seed, case.case_id)
            providers = self.simulators.fresh(seed, self._set.catalogue)
            world = self.world_now = World(self, case, recorder, self._set.catalogue, providers)
            try:
                yield world
            finally:
                self.world_now = None
                recorder.notes += self.own_process.put_back()
                self._restore()
                world.leave()

    @contextlib.contextmanager
    def _database_at_hand(self) -> Iterator[None]:
        """Raises MachineError when the database is gone within this block."""
        import psycopg

        try:
            yield
        except psycopg.OperationalError as error:
            if not _gone(error):
                raise
            raise MachineError(
                f"The database is gone: {_first_line(error)}.",
                "What ran is in the report; run again with --last-failed.",
            ) from error

    def _restore(self) -> None:
        """Have everything put back; the database does that while the scenario's records are written."""
        here = self._here
        self._answering.quiesce()
        self._restoring = here
        here.sandbox.start_reset()

    def _restored(self) -> None:
        """Wait until everything is put back, also what all databases share: roles, settings."""
        here, self._restoring = self._restoring, None
        if here is None:
            return
        here.sandbox.reset()
        if here.sandbox.generation != here.generation:
            _leave(here)

    def fits(self, target: Target) -> bool:
        """Whether the databases that are here are what `target` was made for."""
        mine = (self.target.sections, self.target.schema_key, self.target.url)
        return mine == (target.sections, target.schema_key, target.url)

    def become(self, target: Target) -> None:
        """Answer as `target`, which `fits`, from the next world on, with a new application over the same databases."""
        self.target = target
        for each in self._sets.values():
            _leave(each)

    def simulate(self, world: World) -> None:
        """Point the mock at this world's simulators and listen to their journals."""
        self.simulators.attach(world)

    def expire(self, world: World) -> None:
        """Let the application do what is due at the clock's new instant."""
        self._answering.expire()
        world.touched()

    # -- the database -------------------------------------------------------------------------------------------

    def prepare(self, name: str) -> None:
        """Have the database of the catalogue `name` at hand, for whoever has other work while it is filled.

        Raises:
            InputError: the catalogue or a migration is not as it should be.
            MachineError: the database is gone.
        """
        if name not in self._sets:
            with self._database_at_hand():
                self._sets[name] = self._build(catalogue(self.fixtures, name))

    def _prepared(self, name: str) -> _Set:
        self.prepare(name)
        here = self._sets[name]
        if here.application is None:
            here.application = self._application(here.sandbox)
            here.generation = here.sandbox.generation
        return here

    def _build(self, rows: Catalogue) -> _Set:
        sandbox = Sandbox(template(self.server, self.fixtures, self.target, rows))
        try:
            with sandbox.database.connect() as connection:
                types = read_tables(connection).columns
                invariants = _that_plan(connection, self.suite.invariants)
            return _Set(rows, sandbox, types, invariants, sandbox.generation)
        except BaseException:  # Ctrl-C too: its database must not stay
            sandbox.close()
            raise

    def _application(self, sandbox: Sandbox) -> Application:
        return open_application(
            self.target, sandbox.database, clock=self.clock, new_id=self.ids, providers=self.simulators.url
        )

    @contextlib.contextmanager
    def database_errors(self, position: Position | None) -> Iterator[None]:
        """What the database refuses in this block is a mistake of the scenario at `position` (None: at its step)."""
        import psycopg

        try:
            yield
        except InputError as error:
            raise InputError(error.what, error.remedy, error.position or position) from error
        except psycopg.Error as error:
            if _gone(error) and not isinstance(error, psycopg.errors.AdminShutdown):  # which SQL can bring about too
                raise
            who = "The database refuses this" if error.sqlstate else "This cannot be sent to the database"
            raise InputError(f"{who}: {_first_line(error)}.", position=position) from error
        except UnicodeEncodeError as error:
            raise InputError("Half a surrogate pair cannot be sent to the database.", position=position) from error

    def broken_invariants(self, wanted: Sequence[Invariant]) -> dict[str, list[dict[str, Any]]]:
        """The first rows that each of `wanted` returns, for those that return any; one question to the database."""
        parts = [
            f"SELECT {number}::text AS number, (SELECT json_agg(t)::text FROM (SELECT * FROM ({each.sql.rstrip().rstrip(';')}) AS q LIMIT 3) AS t) AS rows"
            for number, each in enumerate(wanted)
        ]
        if not parts:
            return {}
        text = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS broken WHERE rows IS NOT NULL"
        return {wanted[int(str(number))].name: parse(str(rows)) for number, rows in self.sandbox.ask(question(text))}

    def plans(self, query: str) -> bool:
        """Whether the tables and columns of a query exist now."""
        with self.sandbox.database.connect() as connection:
            return _plans(connection, query)

    # -- the end ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close applications and databases; the server is the caller's."""
        logging.getLogger("booking").removeHandler(self._handler)
        self.simulators.stop()
        try:
            with self._database_at_hand():
                self._restored()
        finally:
            for each in self._sets.values():
                _leave(each)
                each.sandbox.close()
            self._sets.clear()
            del self.suite  # what hears for this stage holds it too, and no collection may come before the end of a run


class _Handler(logging.Handler):
    """Hands the application's log records to the world of the moment."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        world = self._stage.world_now
        if world is not None:
            fields = getattr(record, "fields", {})
            message = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                message += f" ({record.exc_info[1]!r})"
            world.recorder.log(record.levelname.lower(), record.name, message, fields)


def _leave(here: _Set) -> None:
    """Close the application; whoever needs one there opens a new one."""
    left, here.application = here.application, None
    if left is not None:
        left.close()


def _that_plan(connection: Any, invariants: Sequence[Invariant]) -> Sequence[Invariant]:
    """Those whose tables and columns exist in this target's schema: all, as one question tells, or each by itself."""
    together = "\n;\nEXPLAIN ".join(each.sql for each in invariants)  # a line of its own: a query may end in a comment
    if not invariants or _plans(connection, together):
        return invariants
    return [each for each in invariants if _plans(connection, each.sql)]


def _plans(connection: Any, query: str) -> bool:
    """Whether the invariant's tables and columns exist in this target's schema."""
    import psycopg

    try:
        connection.execute(f"EXPLAIN {query}")
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return False
    return True


def _gone(error: psycopg.Error) -> bool:
    """Whether the server is gone, or has no room, rather than refusing what it was asked: it then gives no code, or one of
    those classes."""
    import psycopg

    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(("08", "53", "57P", "58"))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
