"""`--watch`: run again whenever a scenario file changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from harness.errors import HarnessError
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
    try:
        while True:
            seen = _stamps(options)
            try:
                result = run(options, listener)
                options = replace(options, seed=result.seed)
                code = result.exit_code
                if result.interrupted:
                    return code
            except HarnessError as error:
                listener.note(str(error))
                code = error.exit_code
            listener.note("watching; Ctrl-C ends")
            while _stamps(options) == seen:
                time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        return code


def _stamps(options: RunOptions) -> Mapping[Path, int]:
    """When each file that a run reads was last written."""
    roots = [options.root / "scenarios", options.root / "fixtures", *(Path(p.split(":")[0]) for p in options.paths)]
    files = {file for root in roots for file in (root.rglob("*") if root.is_dir() else [root])}
    return {file: file.stat().st_mtime_ns for file in sorted(files) if file.is_file()}
