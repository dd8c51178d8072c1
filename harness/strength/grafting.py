"""A mutant put into the running reference: the code object of one function is swapped, and swapped back.

Nothing is imported again and no process started, so that a mutant costs what its scenarios cost. What runs only while
modules are imported cannot be changed this way; nor can a function whose closure differs (such a mutant is no mutant).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from harness.strength.mutants import Mutant
from harness.strength.reach import BOOKING

__all__ = ["NotViable", "compiled", "grafted"]


class NotViable(Exception):
    """The mutant does not compile, or does not fit where the original stands."""


def compiled(mutant: Mutant) -> CodeType:
    """The code object of the changed function. Raises NotViable."""
    head = "from __future__ import annotations\n"
    body = mutant.source.strip("\n")
    if mutant.owner:
        body = f"class {mutant.owner}:\n" + "\n".join(f"    {line}" for line in body.splitlines())
    try:
        code = compile(f"{head}{body}\n", str(BOOKING / f"{mutant.module}.py"), "exec")
    except (SyntaxError, ValueError) as error:
        raise NotViable(str(error)) from error
    path = [mutant.owner, mutant.function] if mutant.owner else [mutant.function]
    for step in path:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == step)
    return code


def function_of(mutant: Mutant) -> FunctionType:
    """The original, as the application calls it. Raises NotViable when it is no plain function."""
    found: Any = importlib.import_module(f"harness.booking.{mutant.module}")
    found = vars(vars(found)[mutant.owner])[mutant.function] if mutant.owner else vars(found)[mutant.function]
    found = inspect.unwrap(getattr(found, "__func__", found))
    if not isinstance(found, FunctionType):
        raise NotViable(f"{mutant.name} is no function")
    return found


@contextmanager
def grafted(mutant: Mutant) -> Iterator[None]:
    """Within this block the reference has the mutant. Raises NotViable."""
    function, code = function_of(mutant), compiled(mutant)
    original = function.__code__
    if _same(code, original):
        raise NotViable("it compiles to the same code")
    try:
        function.__code__ = code
    except ValueError as error:
        raise NotViable(str(error)) from error
    try:
        yield
    finally:
        function.__code__ = original


def _same(one: CodeType, other: CodeType) -> bool:
    """Whether both do the same, wherever their lines stand."""
    if (one.co_code, one.co_names, one.co_varnames) != (other.co_code, other.co_names, other.co_varnames):
        return False
    pairs = zip(one.co_consts, other.co_consts, strict=False)
    return len(one.co_consts) == len(other.co_consts) and all(
        _same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else (type(a), a) == (type(b), b)
        for a, b in pairs
    )
