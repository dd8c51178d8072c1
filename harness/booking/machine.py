"""The state machine's grammar: what a table of transitions consists of, and how one step is taken.

The table itself is data, in `harness.booking.machine_table`; this module never names a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["PREVIOUS", "SAME", "Edge", "EventFacts", "Guard", "IllegalTransition", "Machine", "StateFacts", "Who"]

PREVIOUS = "<the state before the error>"
SAME = "<the same state>"


class Who(StrEnum):
    """Who asks for a transition."""

    VISITOR = "visitor"
    SYSTEM = "system"


class Guard(StrEnum):
    """What must hold of the booking for an edge to be taken."""

    ALWAYS = ""
    FREE = "nothing to pay"
    PRICED = "price above zero"
    REFUND_DUE = "refund due"
    NO_REFUND = "nothing to refund"
    MOVED = "rescheduled"


@dataclass(frozen=True, slots=True)
class StateFacts:
    """One state: its row status and payment status (None: as they were), and what it means.

    `notes` are the keys of `stateData` that are said of this state alone: they go when it is left.
    """

    name: str
    summary: str
    status: str | None
    payment: str | None
    terminal: bool = False
    holds_slot: bool = False
    agrees: frozenset[tuple[str, str]] = frozenset()
    notes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EventFacts:
    """One event: who may fire it, and which keys of `data` it owns (B11, B12)."""

    name: str
    summary: str
    by: frozenset[Who]
    owns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Edge:
    """One row of the table. `by` narrows who may take it; the event's own `by` holds besides."""

    source: str
    event: str
    target: str
    guard: Guard = Guard.ALWAYS
    by: frozenset[Who] = frozenset(Who)


class IllegalTransition(Exception):
    """No edge leads from `state` by `event` for this caller and booking (B13)."""

    def __init__(self, state: str, event: str) -> None:
        super().__init__(f"{event} is not possible in {state}")
        self.state = state
        self.event = event


@dataclass(frozen=True)
class Machine:
    """The whole table. `initial` is where a new booking starts."""

    initial: str
    states: Mapping[str, StateFacts]
    events: Mapping[str, EventFacts]
    edges: tuple[Edge, ...]
    _index: dict[tuple[str, str], list[Edge]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.edges:
            index.setdefault((edge.source, edge.event), []).append(edge)
        object.__setattr__(self, "_index", index)

    def step(self, state: str, event: str, *, who: Who, holds: frozenset[Guard]) -> Edge:
        """The first edge that fits. Raises IllegalTransition when none does."""
        for edge in self._index.get((state, event), ()):
            if who in edge.by and (edge.guard is Guard.ALWAYS or edge.guard in holds):
                return edge
        raise IllegalTransition(state, event)

    def slot_states(self) -> tuple[str, ...]:
        """The states in which a booking occupies its time in the builder's calendar (B09)."""
        return tuple(name for name, facts in self.states.items() if facts.holds_slot)

    def targets(self, edge: Edge) -> Iterator[str]:
        """Every state that `edge` can lead to; RECOVER leads to each state that an error can come from."""
        if edge.target == SAME:
            yield edge.source
        elif edge.target == PREVIOUS:
            yield from (other.source for other in self.edges if other.target == edge.source)
        else:
            yield edge.target

    def reachable(self) -> frozenset[str]:
        """The states that some sequence of events reaches from the initial one."""
        found, waiting = {self.initial}, [self.initial]
        while waiting:
            state = waiting.pop()
            for edge in self.edges:
                if edge.source == state:
                    fresh = set(self.targets(edge)) - found
                    found |= fresh
                    waiting.extend(fresh)
        return frozenset(found)
