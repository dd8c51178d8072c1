"""`given`: where a scenario starts. Read once, made for each case (a matrix may name the visitor)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from harness.errors import Position
from harness.redaction import SHORTEST_SECRET
from harness.scenario.arguments import DURATION, INSTANT
from harness.scenario.checkshapes import TEXT
from harness.scenario.model import DEFAULT_CLOCK, DeliveryPolicy, Given, Step
from harness.scenario.scope import resolve
from harness.scenario.shapes import Choice, Free, Kind, Reader, nothing
from harness.scenario.stepreader import StepReader
from harness.scenario.structures import AnyKeys, Either, Field, Items, Keys
from harness.scenario.suggest import did_you_mean
from harness.scenario.tableshapes import TableRows
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern, references
from harness.scenario.yamltree import ListNode, MapNode, Node, ScalarNode

__all__ = ["DELIVERY", "GIVEN", "GivenPatterns", "GivenReader", "merged"]


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("")
    return value


def _secret(value: Any) -> str:
    if not isinstance(value, str) or len(value) < SHORTEST_SECRET:
        raise ValueError("")
    return value


class _Secret(Kind, frozen=True):
    """A secret: no message shows what was found in its place, which may be one that wants quotes."""

    def read(self, node: Node, reader: Reader) -> Pattern:
        if not isinstance(node, ScalarNode) or (isinstance(node.value, str) and len(node.value) >= SHORTEST_SECRET):
            return super().read(node, reader)
        told = f"text of {len(node.value)}" if isinstance(node.value, str) else "something else"
        reader.note(node, f"Expected {self.expected}; found {told}.", "" if told[0] == "t" else "Write it in quotes.")
        return nothing(node)


SECRET = _Secret(
    f"text of at least {SHORTEST_SECRET} characters", _secret, {"type": "string", "minLength": SHORTEST_SECRET}
)
DELIVERY = Keys(
    {
        "when": Field(
            Choice(("manual", "immediate", "end")),
            "manual: only deliver steps; immediate: after each act; end: after the last step",
        ),
        "times": Field(
            Kind("a number from 1", _count, {"type": "integer", "minimum": 1}), "how often each is delivered"
        ),
        "order": Field(Choice(("as-is", "reversed", "shuffled")), "in which order those that are due go out"),
        "delay": Field(DURATION, "how long each travels"),
    },
    "delivery",
    make=lambda values: DeliveryPolicy(**values),
)
GIVEN = Keys(
    {
        "catalog": Field(TEXT, "the catalogue of rows: a file of fixtures/catalogues"),
        "visitor": Field(TEXT, "the role of the only visitor: anonymous, client…"),
        "actors": Field(AnyKeys(TEXT), "several visitors: name and role; the first acts when a step names nobody"),
        "clock": Field(INSTANT, "when it begins"),
        "rows": Field(TableRows(), "rows to insert before the first step"),
        "faults": Field(Items(Free(sending=True)), "faults set before the first step: the arguments of fault"),
        "secrets": Field(
            AnyKeys(SECRET), "values that no report may hold, in whatever form: $secrets.name stands for one"
        ),
        "delivery": Field(
            Either((Choice(("manual", "immediate", "end")),), None, DELIVERY),
            "how webhooks travel when no step delivers them",
        ),
    },
    "given",
)


class GivenPatterns(Struct, frozen=True):
    """`given` as read: patterns that may name parameters of the matrix."""

    patterns: MapPattern
    faults: tuple[Step, ...]
    position: Position

    def make(self, params: Mapping[str, Any]) -> Given:
        """The given of a case.

        Raises:
            InputError: a name that is no parameter, or a value of the wrong type.
        """
        values = {
            key: self._value(key, pattern, params)
            for key, pattern in self.patterns.items()
            if key not in {"rows", "faults"}
        }
        actors = values.get("actors") or {"visitor": values.get("visitor", "anonymous")}
        rows = self.patterns.get("rows")
        return Given(
            catalog=values.get("catalog", ""),
            actors=actors,
            clock=values.get("clock", DEFAULT_CLOCK),
            rows={table: each.items for table, each in rows.items() if isinstance(each, ListPattern)}
            if isinstance(rows, MapPattern)
            else {},
            faults=self.faults,
            delivery=values.get("delivery", DeliveryPolicy()),
            secrets=values.get("secrets", {}),
            position=self.position,
        )

    def _value(self, key: str, pattern: Pattern, params: Mapping[str, Any]) -> Any:
        value = resolve(pattern, params)
        if key == "delivery":
            return DELIVERY.convert({"when": value} if isinstance(value, str) else value, pattern)
        return GIVEN.fields[key].shape.convert(value, pattern)

    @property
    def parameterised(self) -> bool:
        """Whether anything but rows and faults names a parameter."""
        return any(
            True for key, pattern in self.patterns.items() if key not in {"rows", "faults"} for _ in references(pattern)
        )


class GivenReader:
    """Reads `given`, the file's merged with the scenario's."""

    def __init__(
        self, steps: StepReader, catalogues: Mapping[str, Mapping[str, Any]] | None, roles: Mapping[str, frozenset[str]]
    ) -> None:
        self.steps = steps
        self.reader: Reader = steps.reader
        self.catalogues = catalogues
        self.roles = roles

    def read(self, node: MapNode, at: Node) -> GivenPatterns:
        """The patterns of a merged `given`; mistakes are noted, at `at` when something is missing."""
        self._conceal(node)
        pattern = GIVEN.read_map(node, self.reader)
        self._complete(node, at)
        self._catalogue(node, pattern)
        self._roles(node, pattern)
        self._secrets(node, pattern)
        return GivenPatterns(pattern, self._faults(node), node.position)

    def read_part(self, node: MapNode) -> None:
        """Note the mistakes of a file's `given` that no scenario adds to: nothing is missing in it."""
        self._conceal(node)
        pattern = GIVEN.read_map(node, self.reader)
        self._catalogue(node, pattern)
        self._roles(node, pattern)

    def _complete(self, node: MapNode, at: Node) -> None:
        if "catalog" not in node.entries:
            self.reader.note(at, "given needs a catalog.", "Write `given: {catalog: production, visitor: anonymous}`.")
        if "visitor" not in node.entries and "actors" not in node.entries:
            self.reader.note(
                at, "given needs a visitor, or actors.", "Write `visitor: anonymous`, or `actors: {sam: client}`."
            )
        if "visitor" in node.entries and "actors" in node.entries:
            self.reader.note(node.keys["actors"], "given has a visitor and actors.", "Keep one of them.")
        actors = node.get("actors")
        if isinstance(actors, MapNode) and not actors.entries:
            self.reader.note(actors, "actors names nobody.", "Write `actors: {sam: client}`.")

    def _catalogue(self, node: MapNode, pattern: MapPattern) -> None:
        name = pattern.get("catalog")
        if (
            self.catalogues is not None
            and isinstance(name, Literal)
            and isinstance(name.value, str)
            and name.value not in self.catalogues
        ):
            what = f"There is no catalogue {name.value}."
            self.reader.note(
                node.entries["catalog"], what, did_you_mean(name.value, self.catalogues, noun="catalogues")
            )

    def _roles(self, node: MapNode, pattern: MapPattern) -> None:
        catalog = pattern.get("catalog")
        roles = self.roles.get(str(catalog.value)) if isinstance(catalog, Literal) else None
        if roles is None:
            return
        actors, given = pattern.get("actors"), node.get("actors")
        named: list[tuple[Node, Pattern | None]] = []
        if "visitor" in node.entries:
            named.append((node.entries["visitor"], pattern.get("visitor")))
        if isinstance(actors, MapPattern) and isinstance(given, MapNode):
            named += [(given.entries[key], each) for key, each in actors.items()]
        for where, role in named:
            if isinstance(role, Literal) and isinstance(role.value, str) and role.value not in roles:
                self.reader.note(
                    where, f"There is no role {role.value}.", did_you_mean(role.value, roles, noun="roles")
                )

    @staticmethod
    def _conceal(node: MapNode) -> None:
        """What is secret stands in no line that a message shows."""
        secrets = node.get("secrets")
        for value in secrets.entries.values() if isinstance(secrets, MapNode) else ():
            if isinstance(value, ScalarNode) and isinstance(value.value, str) and len(value.value) >= SHORTEST_SECRET:
                value.source.conceal(value.value)

    def _secrets(self, node: MapNode, pattern: MapPattern) -> None:
        secrets = pattern.get("secrets")
        for reference in references(secrets) if secrets is not None else ():
            what = f"A secret is written out here, and {reference.text} is not."
            self.reader.note(node.entries["secrets"], what, "What a matrix holds stands in the names of the cases.")

    def _faults(self, node: MapNode) -> tuple[Step, ...]:
        faults = node.get("faults")
        verb = self.steps.registry.verbs.get("fault")
        if not isinstance(faults, ListNode) or verb is None:
            return ()
        wrapped = [
            MapNode(item.source, item.line, item.column, {"fault": item}, {"fault": _key(item)})
            for item in faults.items
        ]
        return tuple(self.steps.verb_step(step, verb) for step in wrapped)


def _key(node: Node) -> ScalarNode:
    return ScalarNode(node.source, node.line, node.column, "fault", "fault", True)


def merged(outer: MapNode | None, inner: MapNode | None, at: Node) -> MapNode:
    """The file's `given` with the scenario's on top, key by key; actors and visitor replace each other."""
    entries = dict(outer.entries) if outer else {}
    keys = dict(outer.keys) if outer else {}
    if inner is not None:
        if inner.entries.keys() & {"visitor", "actors"}:
            entries = {key: value for key, value in entries.items() if key not in {"visitor", "actors"}}
        entries.update(inner.entries)
        keys.update(inner.keys)
    where = inner or outer or at
    return MapNode(where.source, where.line, where.column, entries, keys)
