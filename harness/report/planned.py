"""`plan.json`: the ids of the cases that a run planned, in order. Long runs have many and long ones: they are read one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import InputError
from harness.report.disk import replace_text

__all__ = ["PLAN", "read_plan", "write_plan"]

PLAN = "plan.json"

_encode = json.JSONEncoder(ensure_ascii=False).encode
_decode = msgspec.json.Decoder(str).decode


def write_plan(directory: Path, planned: Iterable[str]) -> None:
    """A JSON list with each id on a line of its own. Raises MachineError when the disk refuses."""
    ids = ",\n".join(map(_encode, planned))
    replace_text(directory / PLAN, f"[\n{ids}\n]\n" if ids else "[]\n")


def read_plan(directory: Path) -> Iterable[str]:
    """The ids, read anew each time that somebody goes through them; none where no plan was kept. InputError when it is damaged."""
    path = directory / PLAN
    if not path.is_file():
        return ()
    found = _Lines(path)
    try:
        for _ in found:
            pass
    except ValueError:  # laid out by somebody else, or damaged
        return _whole(path)
    return found


class _Lines:
    """The ids of a file that `write_plan` wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            line = next(file, b"")
            if more := line == b"[\n":
                while more:
                    line = next(file, b"")
                    more = line.endswith(b",\n")
                    yield _decode(line.rstrip(b",\n"))
                line = next(file, b"")
            if line not in {b"]\n", b"[]\n"} or file.read(1):
                raise ValueError("Its lines are not laid out as they were written.")


def _whole(path: Path) -> list[str]:
    try:
        found: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}.", "Restore it, or remove it: the rest is read then.") from error
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InputError(
            f"{path} is damaged: it is no list of ids.", "Restore it, or remove it: the rest is read then."
        )
    return found
