"""Mistakes with notebooks and their parameters that papermill lets pass, each refused with a message.

Parameters that an earlier run injected stay in a notebook; an unknown parameter is accepted; types are not checked;
a parameter named like a magic runs the magic; an output stored long ago looks as if it were fresh.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import InputErrors, Position, Problem

__all__ = ["check_notebook", "defaults_of"]


def check_notebook(path: Path, notebook: Any, parameters: Mapping[str, Any]) -> None:
    """Raise InputErrors with every reason why `notebook` (read from `path`) must not be run with `parameters`."""
    problems = [Problem(Position(path.name), what, remedy) for what, remedy in _stored(notebook)]
    tagged = [cell for cell in notebook.cells if "parameters" in _tags(cell)]
    if len(tagged) != 1:
        what = f"It has {len(tagged)} cells tagged `parameters`; there must be one."
        problems.append(Problem(Position(path.name), what, "Tag the cell that sets the defaults."))
    else:
        problems += [Problem(Position(path.name), w, r) for w, r in _parameters(tagged[0].source, parameters)]
    if problems:
        raise InputErrors(problems)


def defaults_of(source: str) -> dict[str, Any]:
    """The parameters that a cell sets, with their defaults. Only plain values are parameters; anything else is left out."""
    found = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            continue
        if isinstance(target, ast.Name) and statement.value is not None:
            found[target.id] = _literal(statement.value)
    return found


def _stored(notebook: Any) -> list[tuple[str, str]]:
    problems = []
    if any("injected-parameters" in _tags(cell) for cell in notebook.cells):
        problems.append(
            ("It holds parameters that an earlier run injected.", "Remove the cell tagged `injected-parameters`.")
        )
    if any(cell.cell_type == "code" and (cell.outputs or cell.execution_count) for cell in notebook.cells):
        problems.append(
            ("It holds stored outputs, which would look fresh.", "Clear them; make it again from its .py twin.")
        )
    return problems


def _parameters(source: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    defaults, problems = defaults_of(source), []
    for name in defaults:
        if name in _magics():
            problems.append((f"The parameter {name!r} has the name of a magic, which would run instead.", "Rename it."))
    for name, value in given.items():
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            problems.append((f"There is no parameter {name!r}.", f"Its parameters: {known}."))
        elif not _fits(value, defaults[name]):
            wanted, got = type(defaults[name]).__name__, type(value).__name__
            problems.append(
                (f"The parameter {name!r} wants {wanted} and got {got} ({value!r}).", "Give a value of that type.")
            )
    return problems


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return True
    return default is None or type(value) is type(default)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", ()))


@cache
def _magics() -> frozenset[str]:
    """The line magics that IPython brings; with automagic on, a line that starts with such a name is the magic."""
    from IPython.core import magics
    from IPython.core.magic import Magics

    there = [getattr(magics, name) for name in dir(magics)]
    classes = [found for found in there if isinstance(found, type) and issubclass(found, Magics)]
    return frozenset(name for one in classes for name in getattr(one, "magics", {}).get("line", ()))
