"""Fragments: steps with a name and arguments, put in where a scenario calls them.

A fragment sees its arguments, the built-in names and what it captures itself, nothing else of its caller. What it
captures reaches the caller as one map under the `as` of the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import InputError, Position
from harness.scenario.model import CheckSpec, Eventually, Step
from harness.scenario.scope import inserted
from harness.scenario.values import (
    ListPattern,
    Literal,
    MapPattern,
    Matcher,
    Opaque,
    Pattern,
    Reference,
    Template,
    references,
)

__all__ = [
    "DEEPEST",
    "_MOST_STEPS",
    "Fragment",
    "all_steps",
    "branches",
    "captured",
    "depth_of",
    "inner_steps",
    "instantiate",
    "substitute",
]

DEEPEST = 20  # fragments that call each other, files that use each other, steps inside of steps
_MOST_STEPS = 1_000  # that come from the calls of one scenario, or of one fragment


_NAMED = re.compile(r"\$\{?([A-Za-z_]\w*(?:-\w+)*)")


class Fragment(Struct, frozen=True):
    """A fragment as written: arguments (None: it must be given) and steps, already flat."""

    name: str
    parameters: Mapping[str, Pattern | None]
    steps: tuple[Step, ...]
    position: Position
    size: int = 0  # how many steps they are, with those inside of others
    depth: int = 0  # how far they lie in each other

    @property
    def sent(self) -> frozenset[str]:
        """The names that its steps need as values; what only stands in a check may be a matcher too."""
        return frozenset(_sent(self.steps))

    @property
    def captures(self) -> frozenset[str]:
        """The names that its steps capture."""
        return frozenset(captured(self.steps))

    def beyond(self, called: int) -> str | None:
        """Why it cannot be called: what calls it would then come to `called` steps by its calls, or steps lie too deep."""
        if self.depth > DEEPEST:
            return f"With {self.name}, steps lie in each other more than {DEEPEST} deep."
        if called > _MOST_STEPS:
            return f"With {self.name}, the calls here come to {called:,} steps; {_MOST_STEPS:,} are the most."
        return None

    def values(self, args: Mapping[str, Pattern]) -> dict[str, Pattern]:
        """What its arguments are in a call with `args`: these, or else the defaults."""
        return {**{name: default for name, default in self.parameters.items() if default is not None}, **args}


def _sent(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        yield from _NAMED.findall(f"{step.by or ''} {step.title}")
        for pattern in step.args.entries.values():
            for branch in branches(pattern):
                yield from _sent(branch)
            yield from _within(pattern) if isinstance(pattern, Opaque) else _names(pattern)
        for check in step.checks:
            if check.kind == "sql" and isinstance(check.pattern, MapPattern):
                yield from (name for key in ("query", "params") for name in _names(check.pattern.get(key)))
            yield from _within(check.pattern)


def _within(pattern: Any) -> Iterator[str]:
    """The names inside texts and matchers of something to compare with."""
    match pattern:
        case MapPattern(entries=entries):
            yield from (name for value in entries.values() for name in _within(value))
        case ListPattern(items=items):
            yield from (name for item in items for name in _within(item))
        case Opaque(value=value):
            yield from _within(value)
        case Template() | Matcher():
            yield from _names(pattern)


def _names(pattern: Pattern | None) -> Iterator[str]:
    return (reference.name for reference in references(pattern)) if pattern is not None else iter(())


def captured(steps: tuple[Step, ...]) -> list[str]:
    """The first part of every name captured by `steps`, those inside branches included, in order."""
    names: list[str] = []
    for step in steps:
        for pattern in step.args.entries.values():
            for branch in branches(pattern):
                names += captured(branch)
        if step.as_:
            names.append(step.as_.partition(".")[0])
    return names


def branches(pattern: Pattern) -> list[tuple[Step, ...]]:
    """The lists of steps that stand inside an argument."""
    match pattern:
        case Opaque(value=tuple() as steps) if all(isinstance(step, Step) for step in steps):
            return [steps]
        case ListPattern(items=items):
            return [branch for item in items for branch in branches(item)]
        case _:
            return []


def inner_steps(step: Step) -> Iterator[Step]:
    """The steps that stand inside `step`, as those of `parallel` do."""
    return (inner for pattern in step.args.entries.values() for branch in branches(pattern) for inner in branch)


def all_steps(steps: Iterable[Step]) -> Iterator[Step]:
    """`steps` and those inside of them, each before its own."""
    for step in steps:
        yield step
        yield from all_steps(inner_steps(step))


def depth_of(steps: Iterable[Step]) -> int:
    """How far `steps` lie in each other: 1 when none lies in another."""
    return max((1 + depth_of(inner_steps(step)) for step in steps), default=0)


def instantiate(fragment: Fragment, args: Mapping[str, Pattern], prefix: str) -> tuple[Step, ...]:
    """The steps of a fragment for one call: arguments put in, captures renamed to `prefix.name`.

    Raises:
        InputError: a reference goes deeper than an argument is.
    """
    values = fragment.values(args)
    names = {name: f"{prefix}.{name}" for name in fragment.captures}
    return tuple(_step(step, values, names, (fragment.name,)) for step in fragment.steps)


def _step(step: Step, values: Mapping[str, Pattern], names: Mapping[str, str], via: tuple[str, ...]) -> Step:
    args = MapPattern(
        {key: substitute(value, values, names) for key, value in step.args.entries.items()}, step.args.position
    )
    return replace(
        step,
        args=args,
        as_=_renamed(step.as_, names),
        by=_text(step.by, values),
        title=_text(step.title, values) or step.title,
        expect=_check(step.expect, values, names) if step.expect else None,
        then=tuple(_check(check, values, names) for check in step.then),
        eventually=_eventually(step.eventually, values, names),
        via=via + step.via,
    )


def _renamed(name: str | None, names: Mapping[str, str]) -> str | None:
    if name is None:
        return None
    first, dot, rest = name.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def _text(text: str | None, values: Mapping[str, Any]) -> str | None:
    """A title or an actor's name with arguments put in for `$name` alone or inside."""
    if text is None or "$" not in text:
        return text
    for name in sorted(values, key=len, reverse=True):
        pattern = values[name]
        shown = inserted(pattern.value) if isinstance(pattern, Literal) else getattr(pattern, "text", None)
        if shown is not None:
            text = text.replace(f"${name}", shown)
    return text


def _check(check: CheckSpec, values: Mapping[str, Pattern], names: Mapping[str, str]) -> CheckSpec:
    pattern = substitute(check.pattern, values, names)
    return replace(check, pattern=pattern, eventually=_eventually(check.eventually, values, names))


def _eventually(
    eventually: Eventually | None, values: Mapping[str, Pattern], names: Mapping[str, str]
) -> Eventually | None:
    if eventually is None or eventually.stop_if is None:
        return eventually
    return replace(eventually, stop_if=_check(eventually.stop_if, values, names))


def substitute(pattern: Pattern, values: Mapping[str, Pattern], names: Mapping[str, str]) -> Pattern:
    """`pattern` with references to `values` replaced by those patterns, and captured `names` by their new names."""
    match pattern:
        case Reference(name=name):
            if name in values:
                return _into(values[name], pattern)
            return _rename(pattern, names)
        case Template(parts=parts, text=text, position=position):
            new = [part if isinstance(part, str) else _part(substitute(part, values, names), part) for part in parts]
            return (
                Template(tuple(flat for part in new for flat in part), text, position)
                if any(not isinstance(flat, str) for part in new for flat in part)
                else Literal("".join(str(flat) for part in new for flat in part), position)
            )
        case Matcher(name=word, args=args, text=text, position=position):
            inner = tuple(arg if not isinstance(arg, Pattern) else substitute(arg, values, names) for arg in args)
            return Matcher(word, inner, text, position)
        case MapPattern(entries=entries, position=position, exact=exact):
            return MapPattern(
                {key: substitute(value, values, names) for key, value in entries.items()}, position, exact
            )
        case ListPattern(items=items, position=position, mode=mode):
            return ListPattern(tuple(substitute(item, values, names) for item in items), position, mode)
        case Opaque(value=value, position=position):
            if branches(pattern):
                return Opaque(tuple(_step(step, values, names, ()) for step in value), position)
            return Opaque(substitute(value, values, names), position) if isinstance(value, Pattern) else pattern
    return pattern


def _rename(reference: Reference, names: Mapping[str, str]) -> Reference:
    if reference.name not in names:
        return reference
    first, *rest = names[reference.name].split(".")
    return Reference(first, (*rest, *reference.path), reference.text, reference.position)


def _part(value: Pattern, reference: Reference) -> tuple[str | Reference, ...]:
    if isinstance(value, Literal) and not isinstance(value.value, dict | list):
        return (inserted(value.value),)
    if isinstance(value, Reference):
        return (value,)
    if isinstance(value, Template):
        return value.parts
    raise InputError(
        f"{reference.text} is no single value here, so it cannot stand inside text.", position=reference.position
    )


def _into(value: Pattern, reference: Reference) -> Pattern:
    """`reference` where its name stands for `value`: the path goes on inside."""
    for index, part in enumerate(reference.path):
        match value:
            case Reference(name=name, path=path):
                return Reference(name, path + reference.path[index:], reference.text, reference.position)
            case MapPattern(entries=entries) if part in entries:
                value = entries[str(part)]
            case ListPattern(items=items, mode="exact") if isinstance(part, int) and part < len(items):
                value = items[part]
            case Literal(value=dict() as data) if part in data:
                value = Literal(data[part], value.position)
            case Literal(value=list() as data) if isinstance(part, int) and part < len(data):
                value = Literal(data[part], value.position)
            case _:
                raise InputError(f"{reference.text}: the argument has no {part}.", position=reference.position)
    return value
