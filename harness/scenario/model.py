"""What a scenario file means, typed: features, scenarios, steps, checks, and the cases that are run.

The scenarios of a suite are held packed (`harness.scenario.packing`); the script of one, nearly all that is read of it, is unpacked
when it runs.
"""

from __future__ import annotations

import copyreg
import pickle
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from harness.errors import Position
from harness.scenario.values import ListPattern, MapPattern, Matcher, Opaque, Pattern, Reference, Template
from harness.scenario.values import Literal as Plain

if TYPE_CHECKING:
    from harness.scenario.expand import Cases
    from harness.scenario.packing import Scenarios
    from harness.scenario.registry import Registry

__all__ = [
    "BUILTIN_NAMES",
    "DEFAULT_CLOCK",
    "Case",
    "CheckSpec",
    "DeliveryPolicy",
    "Eventually",
    "Feature",
    "Given",
    "Invariant",
    "Scenario",
    "Script",
    "Step",
    "Suite",
]

BUILTIN_NAMES: Mapping[str, str] = {
    "catalog": "the rows of the catalogue by their short keys: $catalog.intro-call.id",
    "flow": "what the visitor's browser knows: $flow.booking_id",
    "now": "the scenario's clock, as an instant",
    "seed": "the seed of this run, an int",
    "secrets": "what `secrets` of given names; masked wherever it turns up",
    "case": "the number of this case in its scenario, from 1",
}
"""Names that the runner puts into every scope."""

DEFAULT_CLOCK = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
"""When a scenario begins that gives no clock: a Monday morning, far from any change of summer time."""


READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of requests that change nothing."""


class Eventually(Struct, frozen=True):
    """How long a check may be tried again. `stop_if` is a response-like pattern that ends the waiting as a failure."""

    within: timedelta
    every: timedelta = timedelta(milliseconds=50)
    stop_if: CheckSpec | None = None


class CheckSpec(Struct, frozen=True):
    """One check: `kind` names it in the registry, `pattern` has the declared shape of that kind.

    Words such as `none` are Literals, maps are MapPatterns with the keys of the shape, the values in them are patterns.
    """

    kind: str
    pattern: Pattern
    position: Position
    eventually: Eventually | None = None
    text: str = ""  # as a person wrote it, on one line


class Step(Struct, frozen=True):
    """One step. `args` holds a pattern for each argument given; `registry.bind` makes the typed arguments of it."""

    verb: str
    args: MapPattern
    position: Position
    title: str
    as_: str | None = None  # a dotted name inside a fragment: bind it with scope.capture()
    by: str | None = None  # an actor, or a role
    expect: CheckSpec | None = None
    then: tuple[CheckSpec, ...] = ()
    eventually: Eventually | None = None
    name: str | None = None
    via: tuple[str, ...] = ()  # the fragments through which the step came, outermost first

    @property
    def checks(self) -> tuple[CheckSpec, ...]:
        """`expect` and `then`, in order."""
        return ((self.expect,) if self.expect else ()) + self.then

    @property
    def asks_again(self) -> bool:
        """Whether it is sent again until its answer fits: a request that only reads, and `eventually` beside it."""
        reads = self.verb == "http" and not READING.isdisjoint(self.args.entries)
        return reads and self.eventually is not None and self.expect is not None


class DeliveryPolicy(Struct, frozen=True):
    """How webhooks travel when no step delivers them.

    when: `manual` (only `deliver` steps deliver), `immediate` (after each act), `end` (after the last step).
    `delay` is how long each message travels: it arrives when the scenario's clock has moved that far.
    """

    when: Literal["manual", "immediate", "end"] = "manual"
    times: int = 1
    order: Literal["as-is", "reversed", "shuffled"] = "as-is"
    delay: timedelta = timedelta()

    def __post_init__(self) -> None:
        if self.when == "manual" and (self.times, self.order, self.delay) != (1, "as-is", timedelta()):
            raise ValueError(
                "times, order and delay are of webhooks that no step delivers: add when: immediate, or end."
            )
        if self.when == "end" and self.delay:
            raise ValueError("After the last step no time passes, so a delay never ends: use when: immediate.")


class Given(Struct, frozen=True):
    """Where a scenario starts. `actors` is never empty; its first entry acts when a step names nobody."""

    catalog: str
    actors: Mapping[str, str]  # name → role; a single visitor is called `visitor`
    clock: datetime = DEFAULT_CLOCK
    rows: Mapping[str, tuple[Pattern, ...]] = field(default_factory=dict)
    faults: tuple[Step, ...] = ()  # steps of the verb `fault`
    delivery: DeliveryPolicy = DeliveryPolicy()
    secrets: Mapping[str, str] = field(default_factory=dict)  # $secrets.name → what no report may hold
    position: Position = field(default_factory=lambda: Position("<given>"))

    @property
    def actor(self) -> str:
        """Who acts when a step names nobody."""
        return next(iter(self.actors))

    def role(self, name: str | None) -> str:
        """The role of an actor; a name that is no actor is a role itself; None is the first actor."""
        return self.actors.get(name or self.actor, name or "")


class Script(Struct, frozen=True):
    """What a scenario does: `given_of` makes where a case starts, of its parameters."""

    given_of: Callable[[Mapping[str, Any]], Given]
    when: tuple[Step, ...]
    then: tuple[CheckSpec, ...]


_PRIVATE_USE = 240  # of the registered codes, the first that pickle leaves to programs
_OPEN = 4  # packages that are kept open
_UNPACKED = 32  # scripts kept as they are: a scenario's cases mostly come one after another

for _code, _kind in enumerate(
    (Position, Plain, Reference, Template, Matcher, MapPattern, ListPattern, Opaque, CheckSpec, Step, Given, Script),
    _PRIVATE_USE,
):
    copyreg.add_extension(_kind.__module__, _kind.__qualname__, _code)  # two bytes instead of forty, in each script


class Packed(Struct, frozen=True):
    """A script within a package of some."""

    package: bytes
    place: int

    @classmethod
    def together(cls, scripts: Sequence[Script]) -> Iterator[Packed]:
        """The scripts packed into one package, in their order."""
        apart = [pickle.dumps(script, pickle.HIGHEST_PROTOCOL) for script in scripts]  # one is unpacked at a time
        package = zlib.compress(pickle.dumps(apart, pickle.HIGHEST_PROTOCOL), 1)
        return (cls(package, place) for place in range(len(apart)))


@lru_cache(_UNPACKED)
def _unpacked(packed: Packed) -> Script:
    script: Script = pickle.loads(_opened(packed.package)[packed.place])  # noqa: S301 - packed by this process, or kept as `harness.scenario.compiled` does
    return script


@lru_cache(_OPEN)
def _opened(package: bytes) -> list[bytes]:
    scripts: list[bytes] = pickle.loads(zlib.decompress(package))  # noqa: S301 - as above
    return scripts


class Scenario(Struct, frozen=True):
    """One scenario, before its matrix is expanded."""

    title: str
    file: str  # relative to the project, with slashes
    position: Position
    feature: str
    held: Script | Packed  # what it does, as it was read or packed
    id: str | None = None
    tags: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    rows_of_params: tuple[Mapping[str, Any], ...] = ({},)  # one map a case: matrix, or examples
    repeat: int = 1
    skip: str | None = None
    origin: str | None = None
    waived: Mapping[str, str] = field(default_factory=dict)  # invariant → reason
    last_line: int = 0
    secrets: tuple[str, ...] = ()  # what no report may hold, in any of its cases

    @property
    def script(self) -> Script:
        """What it does."""
        return _unpacked(self.held) if isinstance(self.held, Packed) else self.held

    @property
    def stem(self) -> str:
        """The case id without parameters."""
        return self.id or f"{self.file}::{self.title}"


class Case(Struct, frozen=True, dict=True):
    """One thing to run: a scenario with its parameters. What it does is unpacked when it is asked for, and kept with it."""

    scenario: Scenario
    params: Mapping[str, Any]
    case_id: str  # the same in every run
    title: str
    number: int  # of this case in its scenario, from 1
    repetition: int = 1  # of the scenario's own `repeat`, which makes cases
    round: int | None = None  # of a run that runs its cases several times

    @cached_property
    def given(self) -> Given:
        """Where it starts."""
        return self.scenario.script.given_of(self.params)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The scenario's `when`, with parameters in titles and actors."""
        from harness.scenario.expand import steps_of

        return steps_of(self.scenario, self.params)

    @property
    def then(self) -> tuple[CheckSpec, ...]:
        """The checks after the last step."""
        return self.scenario.script.then

    @property
    def scenario_id(self) -> str:
        """What tells it apart in its run: the case, and which round of the run."""
        return self.case_id if self.round is None else f"{self.case_id}#{self.round}"

    def seed_in(self, seed: int) -> int:
        """Its seed in a run with `seed`: each round has the next one, so that one round can be run again by itself."""
        return seed + (self.round or 1) - 1

    @property
    def selector(self) -> str:
        """`file:line`, where its scenario stands, as `harness run` takes it."""
        return f"{self.scenario.file}:{self.scenario.position.line}"

    @property
    def tail(self) -> str:
        """What its id adds to its scenario's: its parameters, and which repetition."""
        return self.case_id[len(self.scenario.stem) :]

    @property
    def selection(self) -> tuple[str, ...]:
        """What selects it and no other on the command line: its scenario's cases share a line."""
        alone = len(self.scenario.rows_of_params) * self.scenario.repeat == 1
        return (self.selector,) if alone else (self.selector, "-k", self.tail)

    @property
    def feature(self) -> str:
        """The name of its feature."""
        return self.scenario.feature

    @property
    def actor(self) -> str:
        """The role of who acts first."""
        return self.given.role(None)

    @property
    def position(self) -> Position:
        """Where it stands."""
        return self.scenario.position


class Feature(Struct, frozen=True):
    """One file."""

    name: str
    file: str
    scenarios: Sequence[Scenario]


class Invariant(Struct, frozen=True):
    """SQL that must return no row, whatever happened; checked after every step."""

    name: str
    reason: str
    sql: str
    position: Position
    covers: tuple[str, ...] = ()


class Suite(Struct, frozen=True, dict=True):
    """Everything loaded. `digests` has the sha256 of every file read, for the manifest."""

    features: tuple[Feature, ...]
    registry: Registry
    invariants: tuple[Invariant, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def scenarios(self) -> Scenarios:
        """Every scenario in the order of the files."""
        from harness.scenario.packing import Scenarios

        return Scenarios.joined(feature.scenarios for feature in self.features)

    @cached_property
    def cases(self) -> Cases:
        """Every case in the order of the files."""
        from harness.scenario.expand import Cases

        return Cases.of(self.scenarios)

    @cached_property
    def tags(self) -> frozenset[str]:
        """Every tag in use."""
        return frozenset(tag for scenario in self.scenarios for tag in scenario.tags)
