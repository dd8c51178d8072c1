"""Where the project is, seen from a notebook or a folder inside it. The same case has the same id from everywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

__all__ = ["from_here", "home_folder", "located", "place", "project_root", "relative"]

_LINE = re.compile(r"(:\d+){1,2}\Z")


def project_root(start: Path | None = None) -> Path:
    """The nearest folder, from `start` (default: the current one) upwards, that holds scenarios/; else `start` itself."""
    begin = (start or Path.cwd()).resolve()
    return next((folder for folder in (begin, *begin.parents) if (folder / "scenarios").is_dir()), begin)


def place(path: Path) -> Path:
    """`path` as it is, or, where there is none such here, as the project's folder has it."""
    if path.is_absolute() or path.exists():
        return path
    there = project_root() / path
    return there if there.exists() else path


def from_here(paths: Iterable[str]) -> tuple[str, ...]:
    """`paths` as they were typed in the current folder, for a reader that starts from the project's: PATH or PATH:LINE."""
    here = Path.cwd()
    if here == project_root():
        return tuple(paths)
    return tuple(str(here / text) if text and (here / _LINE.sub("", text)).exists() else text for text in paths)


def relative(path: Path, project: Path) -> str:
    """How messages, ids and records name a file: relative to the project, with slashes.

    A file elsewhere is `~/…` or `../…`, which `located` finds again: no record holds an absolute path or a user's name.
    """
    whole, root, home = path.resolve(), _real(project.absolute()), _real(home_folder())
    if whole.is_relative_to(root):
        return whole.relative_to(root).as_posix()
    if whole.is_relative_to(home) and home != home.parent:
        return f"~/{whole.relative_to(home).as_posix()}"
    return Path(os.path.relpath(whole, root)).as_posix()


@lru_cache(16)
def _real(folder: Path) -> Path:
    """An absolute path of a folder that is asked for with every file."""
    return folder.resolve()


def home_folder() -> Path:
    """The user's folder; the root's where the system knows of none, as in a container under a number that has no name."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def located(path: Path, project: Path) -> Path:
    """Where a path stands that is relative to the project, to the home directory (`~`), or absolute."""
    return home_folder().joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else project / path
