"""Reading the parts that workers wrote, executions put in order: the same whatever worker ran what.

A part may end in the middle of a line (its worker was killed, or the disk was full): that line is cut and reported.
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from harness.records import Body, Record, Scenario
from harness.report.events import PART_PATTERN
from harness.report.lines import read

__all__ = ["Execution", "Parts", "read_parts"]

_HEAD = re.compile(rb'\{"record":"(\w+)","scenario_id":("[^"\\]*(?:\\.[^"\\]*)*"),"attempt":(\d+),')
_START = b'{"record":"'
_BODY = b'{"record":"bodies"'
_BODY_OR_RESULT = re.compile(rb'\{"record":"(?:bodies|scenarios)"')
_BLOCK = 1 << 20  # bytes looked at together
_BODY_REFERENCE = re.compile(rb'"(?:request_body|response_body)":"([0-9a-f]{64})"')
_HASHED = re.compile("[0-9a-f]{64}")
_LOOKED_AT = frozenset({b"bodies", b"scenarios"})
_BODY_ID = b'"body_id":"'
_CACHED_BODIES = 256
_LAST = ("\U0010ffff", 0)
_HASH = 16  # hexadecimal digits of a body's id that tell it apart: 64 bits
_HASHES = 2**64 - 1

Key = tuple[str, int]
"""A scenario's id and the attempt."""


class Execution(Struct, frozen=True):
    """The lines (no newline) of one attempt at one case; `finished` when its Scenario record is there."""

    scenario_id: str
    attempt: int
    finished: bool
    lines: Sequence[bytes]
    known_bodies: Sequence[bytes] = ()
    """Bodies that it names and that an earlier execution brought."""


class _Bodies:
    """Where each body's line begins, by the first 64 bits of its hash: 16 bytes of memory a body, however many there are.

    Two hashes of a run that begin alike would be as likely as a lost bit in memory; then the first body stands for both.
    """

    def __init__(self) -> None:
        self._hashes: Any = array("Q")
        self._starts: Any = array("Q")

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, body_id: str, start: int) -> None:
        """Note a body; the first of the same id counts."""
        self._hashes.append(int(body_id[:_HASH], 16))
        self._starts.append(start)

    def sort(self) -> None:
        """Make `find` ready; from now on nothing can be added."""
        import numpy as np

        hashes, starts = np.array(self._hashes, np.uint64), np.array(self._starts, np.uint64)
        order = hashes.argsort(kind="stable")
        self._hashes, self._starts = hashes[order], starts[order]

    def find(self, body_ids: Sequence[bytes]) -> list[int | None]:
        """The number of each body; None for one that no line has brought."""
        import numpy as np

        hashes = np.array([int(body_id[:_HASH], 16) for body_id in body_ids], np.uint64)
        places = self._hashes.searchsorted(hashes).tolist()
        return [
            at if at < len(self) and self._hashes[at] == wanted else None
            for at, wanted in zip(places, hashes, strict=True)
        ]

    def start(self, number: int) -> int:
        """Where a body's line begins."""
        return int(self._starts[number])


class Parts:
    """Where the lines of each execution stand, and each body, in the parts laid end to end. `notes` say what was damaged.

    Of an execution half a hundred bytes are held, however many lines it has, and none of its id: lines and results are found by
    64 bits of the id's hash, as bodies are.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.notes: list[str] = []
        self.paths = paths
        self._begins: list[int] = []  # of each part
        self._attempts: set[int] = set()
        self._regions = array("Q")  # of each: the hash of its execution, start, end
        self._results = array(
            "Q"
        )  # of each: the hash of its execution, the number of its scenario's file, the line there
        self._files: dict[str, int] = {}
        self._bodies = _Bodies()

    def begin_part(self, start: int) -> None:
        """What is noted from now on is of the next part."""
        self._begins.append(start)

    def note_region(self, key: Key, start: int, end: int) -> None:
        """The lines between are of the execution `key`, the bodies that it brought among them."""
        hashed = _hash(key)
        if self._regions and self._regions[-3] == hashed and self._regions[-1] == start:
            self._regions[-1] = end
        else:
            self._regions.extend((hashed, start, end))
            self._attempts.add(key[1])

    def note_record(self, record: Record, start: int) -> None:
        """`record`, a body or a result, stands at `start`."""
        if isinstance(record, Body):
            self._bodies.add(record.body_id, start)
        elif isinstance(record, Scenario):
            file = self._files.setdefault(record.file, len(self._files))
            self._results.extend((_hash((record.scenario_id, record.attempt)), file, min(max(record.line, 0), _HASHES)))

    def executions(self, planned: Iterable[str] = ()) -> Iterator[Execution]:
        """Every execution: in the order of `planned`, the others after them by file and line."""
        self._bodies.sort()
        regions, results = _Found(self._regions), _Found(self._results)
        written = bytearray(len(self._bodies))
        with ExitStack() as stack:
            streams = [stack.enter_context(path.open("rb")) for path in self.paths]
            body_at = lru_cache(_CACHED_BODIES)(partial(self._body, streams))
            for key in self._ordered(planned, regions, results, streams):
                lines = b"".join([self._read(streams, *region) for region in regions.of(key)])[:-1].split(b"\n")
                own = [line for line in lines if not line.startswith(_BODY)]
                if not own:
                    continue
                brought = dict(map(_body_of, [line for line in lines if line.startswith(_BODY)]))
                named = list(dict.fromkeys(_BODY_REFERENCE.findall(b"".join(own))))
                new, known = [], []
                for body_id, at in zip(named, self._bodies.find(named), strict=True):
                    if at is None:
                        continue
                    if written[at]:
                        known.append(body_at(at))
                    else:
                        new.append(_head_of(key) + (brought.get(body_id) or _body_of(body_at(at))[1]))
                        written[at] = True
                yield Execution(key[0], key[1], bool(results.of(key)), [*new, *own], known)

    def _ordered(
        self, planned: Iterable[str], regions: _Found, results: _Found, streams: Sequence[IO[bytes]]
    ) -> Iterator[Key]:
        attempts = sorted(self._attempts)
        for scenario_id in planned:
            yield from (key for attempt in attempts if regions.take(key := (scenario_id, attempt)))
        files = list(self._files)

        def place(key: Key) -> tuple[str, int]:
            found = results.of(key)
            return (files[found[-1][0]], found[-1][1]) if found else _LAST

        others = [self._key_at(streams, *region) for region in regions.left()]
        yield from sorted(others, key=lambda key: (place(key), key))

    def _key_at(self, streams: Sequence[IO[bytes]], start: int, end: int) -> Key:
        head = _HEAD.match(self._read(streams, start, end))
        key = None if head is None else _key_of(head)
        assert key is not None  # or its lines had not been noted
        return key

    def _read(self, streams: Sequence[IO[bytes]], start: int, end: int) -> bytes:
        stream, begin = self._part(streams, start)
        stream.seek(start - begin)
        return stream.read(end - start)

    def _body(self, streams: Sequence[IO[bytes]], number: int) -> bytes:
        start = self._bodies.start(number)
        stream, begin = self._part(streams, start)
        stream.seek(start - begin)
        return stream.readline()[:-1]

    def _part(self, streams: Sequence[IO[bytes]], offset: int) -> tuple[IO[bytes], int]:
        part = bisect_right(self._begins, offset) - 1
        return streams[part], self._begins[part]


class _Found:
    """What was noted of each execution, two numbers each time, found by the execution's hash: in the order in which it was noted."""

    def __init__(self, noted: array[int]) -> None:
        import numpy as np

        rows = np.frombuffer(noted, np.uint64).reshape(-1, 3) if noted else np.empty((0, 3), np.uint64)
        order = rows[:, 0].argsort(kind="stable")
        self._hashes: Any = rows[order, 0]
        self._pairs: Any = rows[order, 1:]
        self._taken = bytearray(len(rows))

    def of(self, key: Key) -> list[list[int]]:
        """The pairs of the execution `key`."""
        import numpy as np

        hashed = np.uint64(_hash(key))
        first, end = self._hashes.searchsorted(hashed), self._hashes.searchsorted(hashed, "right")
        found: list[list[int]] = self._pairs[first:end].tolist()
        return found

    def take(self, key: Key) -> bool:
        """Whether anything was noted of `key`, the first time that it is asked for."""
        import numpy as np

        hashed = np.uint64(_hash(key))
        first = int(self._hashes.searchsorted(hashed))
        if first == len(self._hashes) or self._hashes[first] != hashed or self._taken[first]:
            return False
        self._taken[first] = True
        return True

    def left(self) -> Iterator[list[int]]:
        """The first pair of each execution that was not taken."""
        before = None
        for at, hashed in enumerate(self._hashes):
            if hashed != before and not self._taken[at]:
                yield self._pairs[at].tolist()
            before = hashed


def read_parts(directory: Path) -> Parts:
    """Index the parts in `directory`; nothing is kept in memory but where each execution stands."""
    parts = Parts(sorted(directory.glob(PART_PATTERN)))
    end = 0
    for path in parts.paths:
        parts.begin_part(end)
        end = _index(parts, path, end)
    return parts


def _index(parts: Parts, path: Path, offset: int) -> int:
    """Note where each execution's lines stand in the part `path`, a block of whole lines at a time; where it ends."""
    row = 1
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            block += stream.readline()
            found = _Block(parts, path.name, block, offset, row)
            if not found.sound() or not found.by_execution():
                found.line_by_line()
            offset += len(block)
            row += block.count(b"\n")
    return offset


class _Block(Struct):
    """Whole lines of one part; the last may be torn. `offset` says where in all parts it begins, `row` which line it is."""

    parts: Parts
    name: str
    content: bytes
    offset: int
    row: int

    def sound(self) -> bool:
        """Whether every line begins and ends as a record does."""
        lines = self.content.count(b"\n")
        return (
            self.content.startswith(_START)
            and self.content.endswith(b"}\n")
            and self.content.count(b"}\n") == lines
            and self.content.count(_START) == self.content.count(b"\n" + _START) + 1 == lines
        )

    def by_execution(self) -> bool:
        """Note the lines up to each result together; False, and nothing noted, if one is damaged or not of its execution.

        A quote in a text is escaped, so what looks like the head of a record is one.
        """
        regions: list[tuple[int, int]] = []
        records: list[tuple[Record, int]] = []
        done = 0
        for found in _BODY_OR_RESULT.finditer(self.content):
            start, end = found.start(), self.content.index(b"\n", found.start()) + 1
            try:
                record = read(self.content[start : end - 1])
            except ValueError:
                return False
            if not _sound(record):
                return False
            records.append((record, self.offset + start))
            if isinstance(record, Scenario):
                regions.append((done, end))
                done = end
        if done < len(self.content):
            regions.append((done, len(self.content)))
        keys = [self._key(*region) for region in regions]
        if None in keys:
            return False
        for key, (start, end) in zip(keys, regions, strict=True):
            assert key is not None
            self.parts.note_region(key, self.offset + start, self.offset + end)
        for record, at in records:
            self.parts.note_record(record, at)
        return True

    def line_by_line(self) -> None:
        """Note each line by itself, and tell of those that are torn or no records."""
        start, row = 0, self.row
        while start < len(self.content):
            end = self.content.find(b"\n", start) + 1 or len(self.content)
            problem = self._problem(self.content[start:end], self.offset + start)
            if problem:
                self.parts.notes.append(f"{self.name}: line {row} {problem}.")
            start, row = end, row + 1

    def _problem(self, line: bytes, start: int) -> str | None:
        """Note the line; or why it cannot be noted."""
        if not line.endswith(b"\n"):
            return f"was torn and is cut ({len(line)} bytes)"
        if not line.endswith(b"}\n"):
            return "is damaged and left out"
        head = _HEAD.match(line)
        key = None if head is None else _key_of(head)
        if head is None or key is None:
            return "is no record and left out"
        if head[1] in _LOOKED_AT:
            try:
                record = read(line[:-1])
            except ValueError:
                return "is no record and left out"
            if not _sound(record):
                return "is no record and left out"
            self.parts.note_record(record, start)
        self.parts.note_region(key, start, start + len(line))
        return None

    def _key(self, start: int, end: int) -> Key | None:
        """Whose lines these are; None when they are of several, or one has no head."""
        head = _HEAD.match(self.content, start)
        if head is None:
            return None
        same = self.content[head.end(1) : head.end()]
        if self.content.count(same, start, end) != self.content.count(b"\n", start, end):
            return None
        return _key_of(head)


def _hash(key: Key) -> int:
    """64 bits that tell an execution from the others of its run: two alike would be as likely as a lost bit in memory."""
    return hash(key) & _HASHES


def _key_of(head: re.Match[bytes]) -> Key | None:
    """Whose line has this head; None where damage made its id no text."""
    try:
        return _text(head[2]), int(head[3])
    except ValueError:
        return None


def _sound(record: Record) -> bool:
    """Whether a body has the id that it is found by."""
    return not isinstance(record, Body) or _HASHED.fullmatch(record.body_id) is not None


@lru_cache(64)
def _text(quoted: bytes) -> str:
    """A JSON string; the lines of one execution repeat its id, which is kept once."""
    return sys.intern(json.loads(quoted))


def _head_of(key: Key) -> bytes:
    """How the line of a body begins that the execution `key` brings."""
    start = f'{{"record":"bodies","scenario_id":{json.dumps(key[0], ensure_ascii=False)},"attempt":{key[1]},'
    return start.encode("utf-8")


def _body_of(line: bytes) -> tuple[bytes, bytes]:
    """The id of a body, and its line from there on."""
    at = line.index(_BODY_ID)
    begin = at + len(_BODY_ID)
    return line[begin : line.index(b'"', begin)], line[at:]
