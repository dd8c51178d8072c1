"""Scenario files as they were read last time, so that a file is read again only when it, or what it depends on, changed.

One file a project, `.harness/compiled`: for each scenario file the hash of all that its reading depends on, the files that
it uses, and its `Feature`, pickled. It is trusted as `scenarios/verbs.py` beside it is, which is run as it stands.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from harness.scenario.model import Feature

__all__ = ["Compiled", "compiled_of", "context", "digest"]

_WHERE = Path(".harness") / "compiled"
_WRITTEN_BY_NOW = 60  # seconds; writing takes a moment
_HASH = hashlib.sha256().digest_size


class Compiled:
    """What is kept of the files of one project. Entries that nobody asks for stay; a torn or foreign file counts as empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.context = ""
        self._entries = _read(path)
        self._changed = False

    def key(self, content: bytes, *about: str) -> str:
        """The hash of all that reading a file depends on, beside the files that it uses."""
        return digest(content, self.context, *about)

    def uses(self, shown: str, key: str) -> Mapping[str, str] | None:
        """The files that `shown` used when it was read, with the sha256 of each; None when it must be read again."""
        kept = self._entries.get(shown)
        return kept[1] if kept is not None and kept[0] == key else None

    def feature(self, shown: str) -> Feature:
        """The feature as it was read."""
        feature: Feature = pickle.loads(self._entries[shown][2])  # noqa: S301 - of this project, as verbs.py is
        return feature

    def keep(self, shown: str, key: str, uses: Mapping[str, str], feature: Feature) -> Feature:
        """Keeps what was read without a mistake, and gives it as the next reader will have it: packed."""
        packed = feature.packed()
        self._entries[shown] = (key, dict(uses), pickle.dumps(packed, pickle.HIGHEST_PROTOCOL))
        self._changed = True
        return packed

    def save(self) -> None:
        """Writes what changed, as a whole or not at all; where nothing may be written, the files are read again next time."""
        if not self._changed:
            return
        packed = pickle.dumps(self._entries, pickle.HIGHEST_PROTOCOL)
        half = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(exist_ok=True)
            half.write_bytes(hashlib.sha256(packed).digest() + packed)
            half.replace(self.path)
            _sweep(self.path)
        except OSError:
            with suppress(OSError):
                half.unlink()


def _sweep(path: Path) -> None:
    """Remove what writers that were killed left half done."""
    for left in path.parent.glob(f".{path.name}.*"):
        if time.time() - left.stat().st_mtime > _WRITTEN_BY_NOW:
            left.unlink()


def compiled_of(project: Path) -> Compiled:
    """What is kept of the files of a project."""
    return Compiled(project / _WHERE)


def digest(content: bytes, *about: str) -> str:
    """A sha256 of `content` and the words about it."""
    found = hashlib.sha256(content)
    for word in about:
        found.update(b"\0" + word.encode())
    return found.hexdigest()


def context(inputs: Iterable[tuple[str, str]]) -> str:
    """The hash of what every file's reading depends on: the language as this version has it, and `inputs` (name, sha256)."""
    return digest(_language(), *(word for pair in inputs for word in pair))


@cache
def _language() -> bytes:
    """The interpreter and the sources of the language: an edit of them makes what was kept worthless."""
    here = Path(__file__).parent
    sources = sorted([*here.rglob("*.py"), *here.parent.glob("*.py")])
    found = [(path.relative_to(here.parent).as_posix(), *_stamp(path)) for path in sources]
    return repr((sys.implementation.cache_tag, found)).encode()


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_mtime_ns, about.st_size


def _read(path: Path) -> dict[str, tuple[str, dict[str, str], bytes]]:
    try:
        content = path.read_bytes()
    except OSError:
        return {}
    packed = memoryview(content)[_HASH:]
    if hashlib.sha256(packed).digest() != content[:_HASH]:
        return {}
    entries: dict[str, tuple[str, dict[str, str], bytes]] = pickle.loads(packed)  # noqa: S301 - of this project, as verbs.py is
    return entries
