"""Tools from npm for tests: installed once, beside the build, and shared by test processes."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.absent import absent

__all__ = ["npm_tools"]

BUILD = Path(__file__).parents[2] / "build" / "npm"


def npm_tools(name: str, packages: Sequence[str]) -> Path:
    """The directory that holds `packages` (such as `allure@3.18.0`) in its node_modules.

    Without npm, or when it cannot install, the test is skipped, but fails under CI=true.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        absent("no Node.js with npm on the PATH; on Debian: apt-get install nodejs npm")
    directory = BUILD / name
    directory.mkdir(parents=True, exist_ok=True)
    done = directory / ".done"
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.is_file() or done.read_text() != " ".join(packages):
            command = [
                "npm",
                "install",
                "--prefix",
                str(directory),
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--silent",
                *packages,
            ]
            made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
            if made.returncode:
                absent(f"npm could not install {' '.join(packages)}: {made.stderr[-500:]}")
            done.write_text(" ".join(packages))
    return directory
