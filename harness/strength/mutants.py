"""Generic mutants of the reference: the operators of mutmut, applied to the functions of `harness.booking`.

Only what runs when a request is served is mutated: not annotations, decorators or the modules LEFT_OUT. Texts for people (with a space in them) are left alone: their wording is no behaviour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.strength.source import modules, text_of

if TYPE_CHECKING:
    import libcst

__all__ = ["LEFT_OUT", "Mutant", "mutants"]

LEFT_OUT = frozenset(
    {
        "__init__",
        "__main__",
        "database",
        "drawing",
        "legacy",
        "machine_table",
        "models",
        "openapi",
        "serving",
        "settings",
    }
)
"""Modules that no request runs through: what is drawn or described, tables made at import, what is read once at the
start; `legacy` is another target. The first two and the tables are compared with their documents by tests."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of one function. `source` is the changed function, `line` where the original stands."""

    id: str
    module: str
    owner: str | None
    function: str
    line: int
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """`module.Class.method` or `module.function`."""
        return ".".join(part for part in (self.module, self.owner, self.function) if part)

    @property
    def title(self) -> str:
        """What is changed, on one line."""
        return f"{self.module}.py:{self.line}  {_short(self.before)} → {_short(self.after)}"


def mutants(count: int | None = None, only: Collection[str] = ()) -> tuple[list[Mutant], int]:
    """`count` mutants in the order of the source (None: all), or those with the ids `only`; and of how many.

    A sample is drawn by the hashes of the mutants: no wish steers it, and the next run draws it again. For `only` no
    more than the modules of these are read, which takes a moment instead of ten seconds.
    Raises InputError for an unknown id, MachineError when mutmut is not installed.
    """
    if only:
        return _named(only)
    every = [each for module in _mutated() for each in _of_module(module)]
    drawn = every if count is None else sorted(every, key=lambda each: (each.mark, each.place))[:count]
    wanted = {id(each) for each in drawn}
    return [each.rendered() for each in every if id(each) in wanted], len(every)


def _named(ids: Collection[str]) -> tuple[list[Mutant], int]:
    places = {each.partition(".")[0] for each in ids}
    every = [each for module in _mutated() if module in places for each in _of_module(module)]
    found = [each for each in every if each.id in ids]
    for each in sorted(set(ids) - {draft.id for draft in found}):
        raise InputError(
            f"There is no mutant {each!r}.", "An id stays while its line does; harness strength prints them."
        )
    return [each.rendered() for each in found], len(every)


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """A mutation that may be drawn; its source is made only then, because that is what costs."""

    module: str
    owner: str | None
    function: Any
    line: int
    before: str
    after: str
    mark: str
    place: str
    render: Callable[[], str]

    @property
    def id(self) -> str:
        return f"{self.place}~{self.mark}"

    def rendered(self) -> Mutant:
        name = self.function.name.value
        return Mutant(self.id, self.module, self.owner, name, self.line, self.before, self.after, self.render())


def _mutated() -> list[str]:
    return [each for each in modules() if each not in LEFT_OUT]


@cache
def _of_module(module: str) -> tuple[_Draft, ...]:
    return tuple(_drafts(module))


def _drafts(module: str) -> Iterator[_Draft]:
    libcst, visitor_of = _library()
    text = text_of(module)
    wrapper = libcst.metadata.MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
    visitor = visitor_of()
    wrapper.visit(visitor)
    positions = wrapper.resolve(libcst.metadata.PositionProvider)
    owners = dict(_owners(wrapper.module))
    seen: dict[str, int] = {}
    for mutation in visitor.mutations:
        function = mutation.contained_by_top_level_function
        if not isinstance(function, libcst.FunctionDef) or _is_for_people(libcst, mutation.original_node):
            continue
        owner = owners.get(function)
        before = wrapper.module.code_for_node(mutation.original_node)
        after = wrapper.module.code_for_node(mutation.mutated_node)
        line = positions[mutation.original_node].start.line if mutation.original_node in positions else 0
        place = f"{module}.{owner}.{function.name.value}" if owner else f"{module}.{function.name.value}"
        key = f"{place}\n{before}\n{after}"
        seen[key] = seen.get(key, 0) + 1
        mark = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:8]
        render = partial(_rendered, wrapper.module, mutation)
        line = line or positions[function].start.line
        yield _Draft(module, owner, function, line, before, after, mark, place, render)


def _rendered(module: libcst.Module, mutation: Any) -> str:
    function = mutation.contained_by_top_level_function
    return module.code_for_node(function.deep_replace(mutation.original_node, mutation.mutated_node))


def _library() -> tuple[Any, Any]:
    try:
        import libcst
        import libcst.metadata
        from mutmut.mutation.file_mutation import MutationVisitor
        from mutmut.mutation.mutators import mutation_operators
        from mutmut.mutation.pragma_handling import IgnoredCode
    except ImportError as error:
        from harness.errors import MachineError

        raise MachineError(
            f"The mutation operators of mutmut cannot be had ({error}).",
            "Install the development extras: make setup. Or measure the catalogue alone: --mutants 0.",
        ) from error
    return libcst, lambda: MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))


def _owners(module: libcst.Module) -> Iterator[tuple[Any, str]]:
    import libcst

    for statement in module.body:
        if isinstance(statement, libcst.ClassDef):
            for inner in statement.body.body:
                yield inner, statement.name.value


def _is_for_people(libcst: Any, node: Any) -> bool:
    return isinstance(node, libcst.SimpleString) and " " in node.value


def _short(code: str) -> str:
    text = " ".join(code.split())
    return text if len(text) <= 60 else f"{text[:57]}…"
