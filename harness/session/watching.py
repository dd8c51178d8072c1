"""`--watch`: run again whenever a scenario file changes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from harness.errors import HarnessError
from harness.project import located
from harness.scenario.files import split_place
from harness.session.listener import Listener
from harness.session.options import RunOptions
from harness.session.running import run

__all__ = ["watch_and_run"]

PAUSE_S = 0.3


def watch_and_run(options: RunOptions, listener: Listener) -> int:
    """Run, wait for a change under the paths, run again; until Ctrl-C. Gives the last exit code.

    The seed of the first run is kept, so that only the change makes a difference.
    """
    code = 0
    beside: set[Path] = set()  # read by the last run, wherever that stands
    try:
        while True:
            seen = _stamps(options, beside)
            try:
                result = run(options, listener)
                options = replace(options, seed=result.seed)
                read = {located(Path(name), options.root) for name in result.manifest.get("inputs", ())}
                seen = {**_stamped(read - beside), **seen}
                beside = read
                code = result.exit_code
                if result.interrupted:
                    return code
            except HarnessError as error:
                listener.note(str(error))
                code = error.exit_code
            listener.note("watching; Ctrl-C ends")
            while _stamps(options, beside) == seen:
                time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        return code


def _stamps(options: RunOptions, beside: Iterable[Path] = ()) -> Mapping[Path, int]:
    """When each file that a run reads was last written. One that goes meanwhile is not there."""
    roots = [options.root / "scenarios", options.root / "fixtures", *(split_place(p).path for p in options.paths)]
    below = (file for root in roots for file in ([root] if root.is_file() else _below(root)))
    return _stamped(chain(below, beside))


def _stamped(files: Iterable[Path]) -> Mapping[Path, int]:
    stamps = {}
    for file in {each.absolute() for each in files}:
        with suppress(OSError):
            stamps[file] = file.stat().st_mtime_ns
    return stamps


def _below(folder: Path) -> Iterator[Path]:
    """What people write: not what Python keeps of it, nor what an editor puts beside it meanwhile."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith(".") and not name.endswith("~"))
