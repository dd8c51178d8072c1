"""Names at load: every `$name` is known where it stands, every capture is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from typing import Any

from msgspec import Struct, field

from harness.errors import Position, Problem
from harness.scenario.fragments import branches, captured
from harness.scenario.model import BUILTIN_NAMES, CheckSpec, Step
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import ListPattern, Literal, MapPattern, Pattern, Reference, references

__all__ = ["NameCheck"]


_PLACEHOLDER = re.compile(r"%(?:%|\(([^()]*)\)[sbt])")


def _flow_keys() -> frozenset[str]:
    """What the visitor's page knows, by name."""
    from harness.booking.flow import Flow

    page = Flow(lambda *_: (_ for _ in ()).throw(LookupError()), signed_in=False, new_id=str)
    return frozenset(name for name in vars(page) if not name.startswith("_"))


_FACTS: Mapping[str, Callable[[], frozenset[str]]] = {
    "flow": cache(_flow_keys),
    "now": frozenset,
    "seed": frozenset,
    "case": frozenset,
}
"""The keys of those names whose value the runner makes: none, or what is known before any run."""


def _copied(step: Step) -> set[str]:
    """What the branches of a step capture, where each of them may run more than once."""
    copies = step.args.get("copies")
    if copies is None or (isinstance(copies, Literal) and copies.value == 1):
        return set()
    return {name for value in step.args.entries.values() for branch in branches(value) for name in captured(branch)}


class NameCheck(Struct):
    """Walks steps in their order; what it finds is in `problems`. `catalogue` has the rows by key, when it is known;
    `secrets` are the names that given has; `parameters` those of a matrix or of examples."""

    known: set[str]
    catalogue: Mapping[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    captures: dict[str, Position] = field(default_factory=dict)
    later: set[str] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)
    copied: set[str] = field(default_factory=set)  # captured by a branch that runs several times
    idle: set[str] = field(default_factory=set)  # captured, and not used since
    within: dict[str, set[str]] = field(default_factory=dict)  # what a call of a fragment captures under its name
    secrets: Iterable[str] = ()
    parameters: Collection[str] = ()

    def steps(self, steps: Iterable[Step]) -> None:
        """Checks `steps`; what they capture is known after them."""
        steps = tuple(steps)
        self.later |= set(captured(steps))
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        for pattern in step.args.entries.values():
            self.pattern(pattern)
        if step.by and step.by.startswith("$"):
            self.used.add(step.by[1:])
            if step.by[1:] not in self.known:
                self.unknown(step.by[1:], step.position)
        self.copied |= _copied(step)
        if step.verb == "sql":
            self.placeholders(step.args.get("run"), step.args.get("params"))
        if step.as_:
            self.capture(step)
        for check in step.checks:
            self.check(check)
        if step.eventually and step.eventually.stop_if:
            self.check(step.eventually.stop_if)

    def placeholders(self, statement: Pattern | None, params: Pattern | None) -> None:
        """Every %(name)s of SQL has a value, and every value a place."""
        text = statement.value if isinstance(statement, Literal) else getattr(statement, "text", None)
        if statement is None or not isinstance(text, str) or not isinstance(params, MapPattern | None):
            return
        given = params.entries if params is not None else {}
        named = dict.fromkeys(found for found in _PLACEHOLDER.findall(text) if found)
        for name in named:
            if name not in given:
                remedy = did_you_mean(name, given, noun="params") if given else f"Write params: {{{name}: …}}."
                self.note(statement.position, f"%({name})s has no value in params.", remedy)
        if given and "%" in _PLACEHOLDER.sub("", text):
            self.note(statement.position, "A % stands alone, beside parameters.", "Write %% for a percent sign.")
        for name, value in given.items() if isinstance(statement, Literal) else ():
            if name not in named:
                remedy = (
                    did_you_mean(name, named, noun="parameters") if named else f"Write %({name})s where it belongs."
                )
                self.note(value.position, f"The statement has no %({name})s.", remedy)

    def capture(self, step: Step) -> None:
        name = (step.as_ or "").partition(".")[0]
        if name in BUILTIN_NAMES:
            self.note(step.position, f"{name} is a name of the language.", "Choose another name.")
            return
        if name in self.parameters and not step.via:
            self.note(step.position, f"{name} is a parameter of this scenario.", "Choose another name.")
        if not step.via and name in self.idle:
            self.note(
                step.position, f"${name} is captured again before anything uses it.", "Give each a name of its own."
            )
        self.known.add(name)
        self.copied.discard(name)
        if step.via:
            self.within.setdefault(name, set()).add((step.as_ or "").split(".")[1])
        else:
            self.within.pop(name, None)
            self.captures.setdefault(name, step.position)
            self.idle.add(name)

    def check(self, check: CheckSpec) -> None:
        self.pattern(check.pattern)
        if check.kind == "sql" and isinstance(check.pattern, MapPattern):
            self.placeholders(check.pattern.get("query"), check.pattern.get("params"))
        if check.eventually and check.eventually.stop_if:
            self.check(check.eventually.stop_if)

    def pattern(self, pattern: Pattern) -> None:
        """Checks the references of one pattern, those in steps inside it too."""
        inner = branches(pattern)
        if inner:
            self.branches(inner)
            return
        if isinstance(pattern, MapPattern):
            for value in pattern.entries.values():
                self.pattern(value)
        elif isinstance(pattern, ListPattern):
            for item in pattern.items:
                self.pattern(item)
        else:
            for reference in references(pattern):
                self.reference(reference)

    def branches(self, inner: list[tuple[Step, ...]]) -> None:
        """Branches run at the same time: none sees what another captures."""
        before, gained = set(self.known), set()
        kept: set[str | None] = set()
        for branch in inner:
            self.known, self.idle = set(before), set()
            self.beside = {name for other in inner if other is not branch for name in captured(other)} - before
            self.steps(branch)
            gained |= self.known
            mine = {step.as_: step for step in branch if step.as_}
            for name in mine.keys() & kept:
                what = f"${name} is captured in another branch too, and only one of them would stay."
                self.note(mine[name].position, what, "Give each a name of its own.")
            kept |= mine.keys()
        self.known = before | gained
        self.beside = set()

    def reference(self, reference: Reference) -> None:
        name = reference.name
        self.used.add(name)
        self.idle.discard(name)
        if name not in self.known:
            self.unknown(name, reference.position)
        elif name in self.copied:
            what = f"${name} is captured in each copy of a branch, and only one of them would stay."
            self.note(reference.position, what, "Use it inside its branch, or write the branches out.")
        elif name in self.within and reference.path and reference.path[0] not in self.within[name]:
            what = f"${name} has no {reference.path[0]}: the fragment captures no such thing."
            self.note(
                reference.position, what, did_you_mean(str(reference.path[0]), self.within[name], noun="captures")
            )
        elif name == "catalog" and self.catalogue is not None:
            self.catalogue_reference(reference, self.catalogue)
        elif name == "secrets":
            self.secret_reference(reference)
        elif name in _FACTS and reference.path:
            self.fact_reference(reference, _FACTS[name]())

    def unknown(self, name: str, position: Position) -> None:
        if name in self.beside:
            what = f"${name} is captured in another branch, which runs at the same time."
            self.note(position, what, "Use it after the branches.")
        elif name in self.later:
            self.note(position, f"${name} is captured only later.", "Move the step that captures it up.")
        else:
            self.note(position, f"${name} is not known here.", did_you_mean(name, self.known, noun="names"))

    def catalogue_reference(self, reference: Reference, catalogue: Mapping[str, Any]) -> None:
        if not reference.path:
            return
        key, *columns = map(str, reference.path)
        if key not in catalogue:
            self.note(
                reference.position, f"The catalogue has no {key}.", did_you_mean(str(key), catalogue, noun="keys")
            )
        elif columns and isinstance(catalogue[key], Mapping) and columns[0] not in catalogue[key]:
            what = f"$catalog.{key} has no {columns[0]}."
            self.note(reference.position, what, did_you_mean(str(columns[0]), catalogue[key], noun="columns"))

    def fact_reference(self, reference: Reference, keys: Iterable[str]) -> None:
        """Of what the runner puts in, the keys are known; a single value has none."""
        part = reference.path[0]
        if isinstance(part, int) or part.replace("-", "_") not in keys:
            shown = f"[{part}]" if isinstance(part, int) else f".{part}"
            what = f"${reference.name} has no {shown.lstrip('.')}."
            remedy = did_you_mean(str(part), keys, noun="keys") if keys else f"It is one value: ${reference.name}."
            self.note(reference.position, what, remedy)

    def secret_reference(self, reference: Reference) -> None:
        named = str(reference.path[0]) if reference.path else ""
        if named not in self.secrets:
            what = f"given has no secret {named}." if named else "$secrets alone names none of them."
            remedy = did_you_mean(named, self.secrets, noun="secrets") if self.secrets else ""
            self.note(reference.position, what, remedy or "Write `secrets: {name: value}` under given.")

    def unused(self) -> None:
        """Notes every capture that nothing reads."""
        for name, position in self.captures.items():
            if name not in self.used:
                self.note(
                    position, f"Nothing uses ${name}, which this step captures.", f"Remove `as: {name}`, or check it."
                )

    def note(self, position: Position, what: str, remedy: str) -> None:
        self.problems.append(Problem(position, what, remedy))
