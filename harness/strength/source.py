"""The reference's source as this room needs it: functions with their lines, statements with theirs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from harness.strength.reach import BOOKING

__all__ = ["function_lines", "modules", "statement_lines"]


def modules() -> list[str]:
    """The names of the reference's modules."""
    return sorted(path.stem for path in BOOKING.glob("*.py"))


@cache
def text_of(module: str) -> str:
    """The source of one module of the reference."""
    return (BOOKING / f"{module}.py").read_text(encoding="utf-8")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(text_of(module))


def function_lines(name: str) -> frozenset[tuple[str, int]]:
    """The lines of the body of `module.function` or `module.Class.method`; of every method for `module.Class.attribute`.

    Raises LookupError when the reference has no such thing.
    """
    module, *path = name.split(".")
    found: ast.AST = _tree(module)
    for step in path:
        inner = next((each for each in ast.iter_child_nodes(found) if getattr(each, "name", None) == step), None)
        if inner is None:
            if isinstance(found, ast.ClassDef) and step == path[-1]:
                break
            raise LookupError(f"the reference has no {name}")
        found = inner
    return frozenset((module, line) for line in _body_lines(found))


def _body_lines(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, ast.FunctionDef):
                yield from _body_lines(each)
    elif isinstance(node, ast.FunctionDef):
        for each in node.body:
            yield from range(each.lineno, (each.end_lineno or each.lineno) + 1)


@cache
def _statements(module: str) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    statements = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.stmt)]
    for node in sorted(statements, key=lambda each: (each.lineno, -(each.end_lineno or each.lineno))):
        last = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if body and isinstance(body, list):
            last = max(node.lineno, body[0].lineno - 1)
        for line in range(node.lineno, last + 1):
            found[line] = (node.lineno, last)
    return found


def statement_lines(module: str, line: int) -> frozenset[tuple[str, int]]:
    """The lines of the innermost statement (of a compound one, its head) that `line` belongs to."""
    first, last = _statements(module).get(line, (line, line))
    return frozenset((module, each) for each in range(first, last + 1))
