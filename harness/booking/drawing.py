"""The state machine as a picture and as tables, made from the table itself.

python -m harness.booking.drawing > docs/state-machine.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from .machine import PREVIOUS, SAME, Edge, Guard, Machine, Who
from .machine_table import MACHINE

__all__ = ["draw"]

HEAD = """# The state machine of a booking

Made from `harness/booking/machine_table.py` by `python -m harness.booking.drawing > docs/state-machine.md`; a test
fails when the two differ. Visitor's events are drawn with a full name, the system's in brackets. Any state that is
not terminal can also stop in ERROR, from where recovery leads back to the state before; and while a time is held,
a reschedule moves it without changing the state. Those edges are in the tables only.
"""


def draw(machine: Machine = MACHINE) -> str:
    """The whole document."""
    return "\n".join([HEAD, *_picture(machine), "", *_states(machine), "", *_events(machine), "", *_edges(machine), ""])


def _picture(machine: Machine) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {machine.initial}"
    for (source, target), labels in _arrows(machine).items():
        yield f"    {source} --> {target}: {' / '.join(labels)}"
    for name, facts in machine.states.items():
        if facts.terminal:
            yield f"    {name} --> [*]"
    yield "```"


def _arrows(machine: Machine) -> dict[tuple[str, str], list[str]]:
    arrows: dict[tuple[str, str], list[str]] = {}
    errors = {edge.source for edge in machine.edges if edge.target == PREVIOUS}
    for edge in machine.edges:
        if edge.target not in (SAME, PREVIOUS) and edge.target not in errors:
            arrows.setdefault((edge.source, edge.target), []).append(_label(machine, edge))
    return arrows


def _label(machine: Machine, edge: Edge) -> str:
    name = edge.event if _by_visitor(machine, edge) else f"({edge.event})"
    return f"{name} if {edge.guard}" if edge.guard is not Guard.ALWAYS else name


def _by_visitor(machine: Machine, edge: Edge) -> bool:
    return Who.VISITOR in edge.by and Who.VISITOR in machine.events[edge.event].by


def _states(machine: Machine) -> Iterator[str]:
    yield "## States"
    yield ""
    yield from _table(
        ("state", "means", "row (status/payment)", "holds its time", "terminal"),
        (
            (
                f"`{name}`",
                facts.summary,
                " or ".join(sorted(f"{status}/{payment}" for status, payment in facts.agrees)),
                _mark(facts.holds_slot),
                _mark(facts.terminal),
            )
            for name, facts in machine.states.items()
        ),
    )


def _events(machine: Machine) -> Iterator[str]:
    yield "## Events"
    yield ""
    yield from _table(
        ("event", "means", "fired by", "data it owns"),
        (
            (
                f"`{name}`",
                facts.summary,
                ", ".join(sorted(facts.by, reverse=True)),
                ", ".join(f"`{key}`" for key in sorted(facts.owns)),
            )
            for name, facts in machine.events.items()
        ),
    )


def _edges(machine: Machine) -> Iterator[str]:
    yield "## Transitions"
    yield ""
    yield from _table(
        ("from", "event", "to", "if", "visitors too"),
        (
            (f"`{edge.source}`", f"`{edge.event}`", f"`{edge.target}`", edge.guard, _mark(_by_visitor(machine, edge)))
            for edge in machine.edges
        ),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _mark(yes: bool) -> str:
    return "yes" if yes else ""


if __name__ == "__main__":
    sys.stdout.write(draw())
