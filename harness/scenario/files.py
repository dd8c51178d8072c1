"""Scenario files: which there are, and their trees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from harness.errors import InputError, InputErrors, Position, Problem
from harness.project import located
from harness.scenario.suggest import did_you_mean
from harness.scenario.yamltree import Node, parse
from harness.surrogates import without_surrogates

__all__ = ["SUPPORT_FILES", "Place", "find_files", "read_bytes", "read_tree", "split_place"]

SUPPORT_FILES = frozenset({"rules.yaml", "invariants.yaml"})
"""YAML beside the scenarios that holds none."""

SUFFIXES = (".yaml", ".yml")

_LINE = re.compile(r"(.+?):(\d{1,9})(?::\d{1,9})?\Z")


class Place(Struct, frozen=True):
    """A path given on the command line, with the line after its colon, if any."""

    path: Path
    line: int | None = None


def split_place(text: str) -> Place:
    """`file.yaml:12` is line 12 of file.yaml; a second number (a column) is ignored."""
    found = _LINE.match(text)
    if found and not Path(text).exists():
        return Place(Path(found.group(1)), int(found.group(2)))
    return Place(Path(text))


def find_files(places: Iterable[Place], project: Path) -> list[Path]:
    """Every scenario file of `places`, directories searched through, each file once, in order of name.

    Raises:
        InputErrors: every path that is not there.
    """
    found: dict[Path, None] = {}
    problems: list[Problem] = []
    for place in places:
        path = located(place.path, project)
        if path.is_dir() and place.line is not None:
            what = f"{place.path} is a folder, and a line is a file's."
            problems.append(Problem(None, what, f"Name a file in it: {place.path / 'FILE.yaml'}:{place.line}."))
        elif path.is_dir():
            inside = list(_below(path))
            problems += [_capitals(each) for each in sorted(inside) if each.suffix not in SUFFIXES]
            found.update(dict.fromkeys(sorted(each.resolve() for each in inside if each.is_file())))
            problems += [_missing(each, each, project) for each in sorted(inside) if not each.is_file()]
        elif path.is_file() and (path.suffix not in {*SUFFIXES, ""} or path.name in SUPPORT_FILES):
            problems.append(_other(place.path))
        elif path.is_file():
            found[path.resolve()] = None
        else:
            problems.append(_missing(place.path, path, project))
    problems += [_unreadable(each) for each in found if without_surrogates(str(each)) != str(each)]
    if problems:
        raise InputErrors(problems)
    return list(found)


def _below(directory: Path) -> Iterator[Path]:
    """What ends as a scenario file does, also in capitals, which is told: to leave it out in silence would look complete."""
    for path in directory.rglob("*.[yY]*[mM][lL]"):
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        there = path.is_file() or path.is_symlink()
        if path.suffix.lower() in SUFFIXES and path.name not in SUPPORT_FILES and there and not hidden:
            yield path


def _capitals(path: Path) -> Problem:
    return Problem(
        None, f"{path} ends in {path.suffix}, so it is not read.", f"Rename it to {path.stem}{path.suffix.lower()}."
    )


def _other(shown: Path) -> Problem:
    if shown.name in SUPPORT_FILES:
        return Problem(None, f"{shown} holds no scenarios.", "It is read with every scenario file: name one of those.")
    remedy = f"Give one that ends in {' or '.join(SUFFIXES)}, or a directory."
    if shown.suffix == ".py":
        remedy += " A file of verbs is read with the scenario file that names it under `use`."
    return Problem(None, f"{shown} is no scenario file: those are YAML.", remedy)


def _unreadable(path: Path) -> Problem:
    return Problem(None, f"The name of {without_surrogates(str(path))} is no UTF-8, which records need.", "Rename it.")


def _missing(shown: Path, path: Path, project: Path) -> Problem:
    if path.is_symlink():
        what = f"{shown} is a link to {path.readlink()}, which is not there."
        return Problem(None, what, "Remove the link, or mend it.")
    if path.exists():
        return Problem(None, f"{shown} is neither a file nor a folder.", "Write what it gives into a file.")
    there = project / "scenarios" / shown.name
    if there.is_file() and there != path:
        return Problem(None, f"There is no {shown}.", f"Did you mean {there.relative_to(project)}?")
    try:
        siblings = [each.name for each in path.parent.iterdir() if _holds_scenarios(each)]
    except OSError:
        siblings = []
    hint = did_you_mean(path.name, siblings, noun="files") if siblings else "Give a file or a directory of scenarios."
    return Problem(None, f"There is no {shown}.", hint)


def _holds_scenarios(path: Path) -> bool:
    """Whether `path` could be given instead: nothing hidden, and no YAML of another kind."""
    if path.name.startswith(".") or path.name in SUPPORT_FILES:
        return False
    return path.is_dir() or path.suffix in SUFFIXES


def read_bytes(path: Path, shown: str) -> bytes:
    """The bytes of a file. Raises InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The file cannot be read: {error.strerror}.", position=Position(shown)) from None


def read_tree(path: Path, shown: str) -> Node:
    """The tree of a YAML file. Raises InputError when it cannot be read or is no YAML."""
    return parse(read_bytes(path, shown), shown)
