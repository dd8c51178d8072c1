"""Scenario files as they were read last time, so that a file is read again only when it, or what it depends on, changed.

One file a project, `.harness/compiled`: the `Feature` of each scenario file, pickled, one after another; then an index that says
where each stands, the hash of all that its reading depends on, and the files that it uses; then where the index begins, and its
hash. So one feature at a time is in memory while thousands are read or written. The file is trusted as `scenarios/verbs.py`
beside it is, which is run as it stands.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from msgspec import Struct
from msgspec.structs import replace

from harness.scenario.model import Feature
from harness.scenario.packing import Scenarios

__all__ = ["Compiled", "compiled_of", "context", "digest"]

_WHERE = Path(".harness") / "compiled"
_WRITTEN_BY_NOW = 60  # seconds; writing takes a moment
_END = struct.Struct(">Q32s")  # where the index begins, and its sha256


class _Entry(Struct, frozen=True):
    """A file as it was read: what its reading depended on, and where its feature stands."""

    key: str
    uses: Mapping[str, str]  # the files that it used, with the sha256 of each
    start: int
    size: int
    sha256: bytes


class Compiled:
    """What is kept of the files of one project. Entries that nobody asks for stay; a torn or foreign file counts as empty.

    Use it in a block, for one loading: at its end both files are closed, that which was kept and that which is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.context = ""
        self._file = _opened(path)
        self._entries = _index(self._file) if self._file else {}
        self._half = path.with_name(f".{path.name}.{os.getpid()}")
        self._new: IO[bytes] | None = None
        self._fresh: dict[str, _Entry] = {}
        self._refused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up()
        if self._file is not None:
            self._file.close()

    def key(self, content: bytes, *about: str) -> str:
        """The hash of all that reading a file depends on, beside the files that it uses."""
        return digest(content, self.context, *about)

    def uses(self, shown: str, key: str) -> Mapping[str, str] | None:
        """The files that `shown` used when it was read, with the sha256 of each; None when it must be read again."""
        kept = self._entries.get(shown)
        return kept.uses if kept is not None and kept.key == key else None

    def feature(self, shown: str) -> Feature | None:
        """The feature as it was read; None when what was kept of it is damaged."""
        packed = self._packed(self._entries[shown])
        return pickle.loads(packed) if packed is not None else None  # noqa: S301 - of this project, as verbs.py is

    def keep(self, shown: str, key: str, uses: Mapping[str, str], feature: Feature) -> Feature:
        """Keeps what was read without a mistake, and gives it as the next reader will have it: packed."""
        feature = replace(feature, scenarios=Scenarios.of(feature.scenarios))
        packed = pickle.dumps(feature, pickle.HIGHEST_PROTOCOL)
        if not self._refused:
            with self._unless_refused():
                self._append(shown, _Entry(key, dict(uses), 0, len(packed), hashlib.sha256(packed).digest()), packed)
        return feature

    def save(self) -> None:
        """Writes what changed, as a whole or not at all; where nothing may be written, the files are read again next time."""
        if self._new is None:
            return
        with self._unless_refused():
            for shown, entry in self._entries.items():
                packed = self._packed(entry) if shown not in self._fresh else None
                if packed is not None:
                    self._append(shown, entry, packed)
            start, index = self._new.tell(), pickle.dumps(self._fresh, pickle.HIGHEST_PROTOCOL)
            self._new.writelines((index, _END.pack(start, hashlib.sha256(index).digest())))
            self._new.close()
            self._half.replace(self.path)
            self._new = None
            _sweep(self.path)

    def _packed(self, entry: _Entry) -> bytes | None:
        assert self._file is not None  # where the entry comes from
        self._file.seek(entry.start)
        packed = self._file.read(entry.size)
        return packed if hashlib.sha256(packed).digest() == entry.sha256 else None

    def _append(self, shown: str, entry: _Entry, packed: bytes) -> None:
        if self._new is None:
            self.path.parent.mkdir(exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._new = os.fdopen(os.open(self._half, flags, 0o600), "wb")  # what scenarios keep secret stands in it
        self._fresh[shown] = replace(entry, start=self._new.tell())
        self._new.write(packed)

    @contextmanager
    def _unless_refused(self) -> Iterator[None]:
        """Within this block the disk may refuse: nothing is kept then."""
        try:
            yield
        except OSError:
            self._refused = True
            self._give_up()

    def _give_up(self) -> None:
        """Remove what is half written."""
        if self._new is not None:
            with suppress(OSError):
                self._new.close()
            self._new = None
            self._half.unlink(missing_ok=True)


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


def _opened(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _index(file: IO[bytes]) -> dict[str, _Entry]:
    """The entries of a file by name, from its end; none when it is torn, or no such file."""
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        return {}
    file.seek(size - _END.size)
    start, sha256 = _END.unpack(file.read(_END.size))
    if start > size:
        return {}
    file.seek(start)
    index = file.read(size - _END.size - start)
    if hashlib.sha256(index).digest() != sha256:
        return {}
    entries: dict[str, _Entry] = pickle.loads(index)  # noqa: S301 - of this project, as verbs.py is
    return entries
