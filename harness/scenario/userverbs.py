"""Verbs of one's own: a Python file loaded by its path."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path

from harness.errors import HarnessError, InputError, InputErrors, Position, Problem
from harness.interrupts import AskedToEnd
from harness.scenario.ownprocess import staying
from harness.scenario.registry import VERB_MODULE, Registry

__all__ = ["load_verbs"]


def load_verbs(path: Path, registry: Registry, *, shown: str = "") -> None:
    """Runs the file, so that its `@verb` functions stand in `registry`. A file already loaded is run again.

    Its environment and the like stay, for its verbs; the working directory does not: the command's own paths start there.

    Raises:
        InputError: the file cannot be run, or declares a verb badly; with the line where it happened.
    """
    name = shown or str(path)
    module_name = f"{VERB_MODULE}{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError("This is no Python file.", "Name it verbs.py.", Position(name))
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        with staying(), registry.collecting():
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise InputError(
            f"This is not Python: {error.msg}.", "", Position(name, error.lineno or 1, error.offset or 1)
        ) from None
    except HarnessError as error:
        raise InputError(error.what, error.remedy, Position(name, _line(error, path))) from None
    except (AskedToEnd, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a user's file does must become a message with its line
        raise InputError(
            f"Loading it failed: {type(error).__name__}: {error}.", "", Position(name, _line(error, path))
        ) from None

    _shapes(module_name, registry, name)


def _shapes(module_name: str, registry: Registry, shown: str) -> None:
    """Makes the shapes of the arguments of a file's verbs, so that a type which no scenario can write is told with its verb.

    Raises:
        InputErrors: each of those; their verbs are taken out of `registry`.
    """
    problems: list[Problem] = []
    for verb in [each for each in registry.verbs.values() if each.run.__module__ == module_name]:
        try:
            verb.shape  # noqa: B018 - made once and kept
        except Exception as error:  # noqa: BLE001 - NameError, RecursionError: whatever an annotation brings about
            what = error.what if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}."
            where = Position(shown, verb.run.__code__.co_firstlineno)
            remedy = error.remedy if isinstance(error, HarnessError) else ""
            problems.append(Problem(where, f"The arguments of {verb.name} cannot be read: {what}", remedy))
            del registry.verbs[verb.name]
    if problems:
        raise InputErrors(problems)


def _line(error: BaseException, path: Path) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path) and frame.lineno]
    return lines[-1] if lines else 1
