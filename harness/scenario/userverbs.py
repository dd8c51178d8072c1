"""Verbs of one's own: a Python file loaded by its path."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType

from harness.errors import HarnessError, InputError, InputErrors, Position, Problem
from harness.interrupts import AskedToEnd
from harness.scenario.ownprocess import staying
from harness.scenario.registry import VERB_MODULE, Registry

__all__ = ["imported_from_beside", "load_verbs"]


def load_verbs(path: Path, registry: Registry, *, shown: str = "", anew: bool = True) -> None:
    """Runs the file, so that its `@verb` functions stand in `registry`. A file already loaded is run again.

    What stands beside it, it may import as `from .helpers import …`: its folder is a package of its own, so that equal
    names in two folders are two modules.

    Its environment and the like stay, for its verbs; the working directory does not: the command's own paths start there.

    Args:
        anew: import again what stands beside it; not for a second file of one loading, which shares it with the first.

    Raises:
        InputError: the file cannot be run, or declares a verb badly; with the line where it happened.
    """
    name = shown or str(path)
    package = _package(path.resolve().parent, anew=anew)
    module_name = f"{package}.{path.stem if path.stem.isidentifier() else _short(path)}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError("This is no Python file.", "Name it verbs.py.", Position(name))
    module = importlib.util.module_from_spec(spec)
    try:
        if anew or module_name not in sys.modules:  # else another file of verbs imported it, and its verbs are there
            with staying(), registry.collecting(), _whole(module_name, registry):
                _run(module, spec.loader)
    except HarnessError as error:
        raise InputError(error.what, error.remedy, Position(name, _line(error, path))) from None
    except (AskedToEnd, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a user's file does must become a message with its line
        if isinstance(error, SyntaxError) and error.filename == str(path):
            where = Position(name, error.lineno or 1, error.offset or 1)
            raise InputError(f"This is not Python: {error.msg}.", "", where) from None
        text = str(error).replace(package, "")  # as it is written: .helpers
        raise InputError(
            f"Loading it failed: {type(error).__name__}: {text}{_beyond(error, path)}.",
            _remedy(error, path),
            Position(name, _line(error, path)),
        ) from None

    _shapes(module_name, registry, name)


def imported_from_beside(path: Path) -> list[Path]:
    """The files beside a file of verbs that it imports, and those that they import; sorted, and without running any."""
    found: set[Path] = set()
    waiting = [path.resolve()]
    while waiting:
        new = {each for each in _relative_imports(waiting.pop()) if each.is_file()} - found
        found |= new
        waiting += new
    return sorted(found - {path.resolve()})


def _relative_imports(path: Path) -> Iterator[Path]:
    """Where a module may find what it imports relatively, whether it is there or not."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return  # who runs it is told
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for each in (place, *(place / alias.name for alias in node.names)):
                yield from (each.with_name(f"{each.name}.py"), each / "__init__.py")


def _run(module: ModuleType, loader: Loader) -> None:
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise


@contextmanager
def _whole(module_name: str, registry: Registry) -> Iterator[None]:
    """Within this block a file declares its verbs: all of them or, where it cannot be run to its end, none."""
    try:
        yield
    except BaseException:
        for name in [each.name for each in registry.verbs.values() if each.run.__module__ == module_name]:
            del registry.verbs[name]
        raise


def _package(folder: Path, *, anew: bool) -> str:
    """The name of the package that `folder` is to the files of verbs in it."""
    name = f"{VERB_MODULE}{_short(folder)}"
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [str(folder)]
    if anew:
        every = list(sys.modules)  # at once: the database's driver is imported in a thread beside this
        for module in [each for each in every if each.startswith(f"{name}.")]:
            del sys.modules[module]
        importlib.invalidate_caches()  # a file written a moment ago is seen
    return name


def _short(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _shapes(module_name: str, registry: Registry, shown: str) -> None:
    """Makes the shapes of the arguments of a file's verbs, so that a type which no scenario can write is told with its verb.

    Raises:
        InputErrors: each of those; their verbs are taken out of `registry`.
    """
    problems: list[Problem] = []
    for verb in [each for each in registry.verbs.values() if each.run.__module__ == module_name]:
        try:
            _ = verb.shape  # made once and kept
        except Exception as error:  # noqa: BLE001 - NameError, RecursionError: whatever an annotation brings about
            what = error.what if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}."
            where = Position(shown, verb.run.__code__.co_firstlineno)
            remedy = error.remedy if isinstance(error, HarnessError) else ""
            problems.append(Problem(where, f"The arguments of {verb.name} cannot be read: {what}", remedy))
            del registry.verbs[verb.name]
    if problems:
        raise InputErrors(problems)


def _beyond(error: BaseException, path: Path) -> str:
    """Where in a file beside `path` it happened; nothing where that is in `path` itself, or in no such file."""
    folder = path.resolve().parent
    frames = [each for each in traceback.extract_tb(error.__traceback__) if folder in Path(each.filename).parents]
    last = frames[-1] if frames else None
    return f" ({Path(last.filename).name} line {last.lineno})" if last and last.filename != str(path) else ""


def _remedy(error: BaseException, path: Path) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    beside = missing is not None and missing.isidentifier() and path.with_name(f"{missing}.py").is_file()
    return f"{missing}.py stands beside it: write `from .{missing} import …`." if beside else ""


def _line(error: BaseException, path: Path) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path) and frame.lineno]
    return lines[-1] if lines else 1
