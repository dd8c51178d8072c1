"""Verbs and checks: typed Python functions that a scenario can name.

A verb of one's own, in `scenarios/verbs.py`:

    @dataclass(frozen=True)
    class WaitArgs:
        minutes: Annotated[int, "how long the visitor thinks it over"]

    @verb("think", shorthand="minutes")
    def think(world: World, args: WaitArgs) -> None:
        '''The visitor thinks it over.'''
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args

from msgspec import Struct

from harness.errors import HarnessFault, InputError
from harness.scenario.arguments import (
    Compare,
    Duration,
    Instant,
    Steps,
    TableRows,
    Value,
    bind,
    shape_of,
    takes_arguments,
)
from harness.scenario.checkshapes import CHECK_SHAPES, CheckShape
from harness.scenario.structures import Keys

__all__ = [
    "VERB_MODULE",
    "CheckKind",
    "Compare",
    "Duration",
    "Instant",
    "Registry",
    "Steps",
    "TableRows",
    "Value",
    "Verb",
    "VerbKind",
    "bind",
    "builtin_registry",
    "check",
    "verb",
]

VERB_MODULE = "harness_verbs_"
"""How the modules made of files of verbs begin."""
VerbKind: TypeAlias = Literal["flow", "provider", "low"]
F = TypeVar("F", bound=Callable[..., Any])


class Verb(Struct, frozen=True, dict=True):
    """One verb. `beside` are arguments written beside the verb instead of inside it."""

    name: str
    args_type: type[Any]
    run: Callable[..., Any]
    shorthand: str | None = None
    kind: VerbKind = "flow"
    beside: tuple[str, ...] = ()
    summary: str = ""
    doc: str = ""

    @property
    def own(self) -> bool:
        """Whether it is a project's own, from a file named by its path."""
        return self.run.__module__.startswith(VERB_MODULE)

    @cached_property
    def shape(self) -> Keys:
        """The shape of its arguments."""
        return shape_of(cast(Any, self.args_type), self.name)


class CheckKind(Struct, frozen=True):
    """One kind of check: its declared shape, and the function that runs it (None until that is imported)."""

    name: str
    declared: CheckShape
    run: Callable[..., Any] | None = None


class Registry:
    """The verbs and checks that scenarios may name."""

    def __init__(self, parent: Registry | None = None) -> None:
        self.verbs: dict[str, Verb] = dict(parent.verbs) if parent else {}
        self.checks: dict[str, CheckKind] = (
            dict(parent.checks) if parent else {name: CheckKind(name, shape) for name, shape in CHECK_SHAPES.items()}
        )

    def add_verb(self, added: Verb) -> None:
        """Adds a verb. Raises InputError when the name is taken by another function."""
        known = self.verbs.get(added.name)
        if known is not None and known.run.__code__ is not added.run.__code__:
            where = Path(known.run.__code__.co_filename).name if known.own else "the harness itself"
            raise InputError(f"The verb {added.name} exists already, in {where}.", "Choose another name.")
        if added.name in RESERVED:
            raise InputError(
                f"A verb cannot be called {added.name}: it is a word of the language.", "Choose another name."
            )
        self.verbs[added.name] = added

    def add_run(self, name: str, run: Callable[..., Any]) -> None:
        """Gives a declared kind of check its function."""
        known = self.checks.get(name)
        if known is None:
            raise HarnessFault(f"There is no kind of check called {name}.", f"One of: {', '.join(self.checks)}.")
        self.checks[name] = CheckKind(name, known.declared, run)

    @contextmanager
    def collecting(self) -> Iterator[Registry]:
        """While it lasts, the decorators add to this registry."""
        token = _CURRENT.set(self)
        try:
            yield self
        finally:
            _CURRENT.reset(token)


RESERVED = frozenset({"as", "by", "expect", "then", "eventually", "name", "call"})
_BUILTIN = Registry()
_CURRENT: ContextVar[Registry] = ContextVar("registry", default=_BUILTIN)


def verb(
    name: str,
    *,
    shorthand: str | None = None,
    kind: VerbKind = "flow",
    beside: tuple[str, ...] = (),
    args: type[Any] | None = None,
) -> Callable[[F], F]:
    """Makes `def f(world, args: SomeArgs) -> Any` a verb.

    Args:
        name: how scenarios write it.
        shorthand: the argument that a single value or a list stands for (`select_session: intro-call`).
        kind: `flow` (a visitor acts), `provider` or `low`.
        beside: arguments that stand beside the verb in the step (`parallel: […]` with `outcomes: …`).
        args: the type of the arguments, when the annotation cannot be found in the function's module.

    The docstring is what editors and the reference show.
    """

    if not isinstance(name, str):
        raise InputError("A verb needs a name.", 'Write @verb("name") above the function.')

    def register(function: F) -> F:
        _fitting(name, kind, function)
        args_type = args or _annotated(function)
        doc = inspect.getdoc(function) or ""
        summary = doc.partition("\n\n")[0].replace("\n", " ")
        added = Verb(name, args_type, function, shorthand, kind, beside, summary, doc)
        for key in (*beside, *([shorthand] if shorthand else [])):
            if key not in added.shape.fields:
                raise HarnessFault(f"The verb {name} has no argument {key}.")
        _CURRENT.get().add_verb(added)
        return function

    return register


def check(name: str) -> Callable[[F], F]:
    """Makes a function the one that runs the checks of a declared kind (`checkshapes.CHECK_SHAPES`)."""

    def register(function: F) -> F:
        _CURRENT.get().add_run(name, function)
        return function

    return register


def builtin_registry() -> Registry:
    """A registry with every verb and check of the harness, to which own verbs may be added."""
    import_module("harness.scenario.verbs")
    import_module("harness.scenario.checks")
    return Registry(_BUILTIN)


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_PREPARED: Mapping[str, Callable[[Any], bool]] = {
    "a coroutine": inspect.iscoroutinefunction,
    "a generator": inspect.isgeneratorfunction,
    "an asynchronous generator": inspect.isasyncgenfunction,
}
"""Functions that a call only prepares: a step would pass, and nothing of it would have run."""


def _fitting(name: str, kind: str, function: Callable[..., Any]) -> None:
    """Refuses what cannot be a verb: its name, its kind, or a function that takes something else, or runs nothing."""
    if not _NAME.match(name):
        raise InputError(f"{name!r} cannot be the name of a verb.", "Use letters, digits, _ and -.")
    if kind not in get_args(VerbKind):
        raise InputError(f"The verb {name} has the kind {kind!r}.", f"Use one of {', '.join(get_args(VerbKind))}.")
    if not inspect.isfunction(function):
        raise InputError(f"The verb {name} is no function.", "Write `def verb(world: World, args: SomeArgs)`.")
    for prepared, is_so in _PREPARED.items():
        if is_so(function):
            raise InputError(
                f"The verb {name} is {prepared}, so a step would run nothing of it.",
                "Write a plain `def` that returns what the step gives; `asyncio.run(…)` may stand in it.",
            )
    try:
        inspect.signature(function).bind(None, None)
    except TypeError as error:
        raise InputError(
            f"The verb {name} is called with world and args, and that is not what it takes: {error}.",
            "Write `def verb(world: World, args: SomeArgs)`.",
        ) from None


def _annotated(function: Callable[..., Any]) -> type[Any]:
    parameters = list(inspect.signature(function).parameters.values())
    hint = parameters[1].annotation if len(parameters) > 1 else None
    if isinstance(hint, str):
        hint = getattr(function, "__globals__", {}).get(hint)
    if isinstance(hint, type) and takes_arguments(hint):
        return hint
    where = f"{function.__module__}.{function.__qualname__}"
    raise InputError(
        f"The verb {where} needs its arguments as a dataclass.", "Write `def verb(world: World, args: SomeArgs)`."
    )
