"""Reading the parts that workers wrote, executions put in order: the same whatever worker ran what.

A part may end in the middle of a line (its worker was killed, or the disk was full): that line is cut and reported.
"""

from __future__ import annotations

import json
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, NamedTuple

from msgspec import Struct, field

from harness.errors import HarnessFault
from harness.records import Body, Scenario
from harness.report.events import PART_PATTERN
from harness.report.lines import read

__all__ = ["Execution", "Parts", "read_parts"]

_HEAD = re.compile(rb'\{"record":"(\w+)","scenario_id":("[^"\\]*(?:\\.[^"\\]*)*"),"attempt":(\d+),')
_START = b'{"record":"'
_BODY_OR_RESULT = re.compile(rb'\{"record":"(?:bodies|scenarios)"')
_BLOCK = 4 << 20  # bytes looked at together
_BODY_REFERENCE = re.compile(rb'"(?:request_body|response_body)":"([0-9a-f]{64})"')
_LOOKED_AT = frozenset({b"bodies", b"scenarios"})
_CACHED_BODIES = 256

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


class _Span(NamedTuple):
    part: int
    start: int
    end: int


class _Bodies:
    """Where each body stands, by the first 64 bits of its hash: 32 bytes of memory a body, however many there are.

    Two hashes of a run that begin alike would be as likely as a lost bit in memory; then the first body stands for both.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._spans = array("Q")  # part, start, end of each
        self._order: Any = None

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, body_id: bytes, span: _Span) -> None:
        """Note a body; the first of the same id counts."""
        self._hashes.append(int(body_id[:16], 16))
        self._spans.extend(span)

    def sort(self) -> None:
        """Make `find` ready."""
        import numpy as np

        hashes = np.frombuffer(self._hashes, np.uint64) if self._hashes else np.empty(0, np.uint64)
        self._order = hashes.argsort(kind="stable").astype(np.uint32)
        self._sorted = hashes[self._order]

    def find(self, body_id: bytes) -> int | None:
        """The number of a body; None when no line has brought it."""
        wanted = int(body_id[:16], 16)
        at = int(self._sorted.searchsorted(self._sorted.dtype.type(wanted)))
        if at == len(self._sorted) or int(self._sorted[at]) != wanted:
            return None
        return int(self._order[at])

    def span(self, at: int) -> _Span:
        """Where a body stands."""
        return _Span(*self._spans[3 * at : 3 * at + 3])


class Parts(Struct):
    """Where each execution's lines stand in the parts. `notes` say what was cut or damaged."""

    paths: list[Path]
    spans: dict[Key, array[int]] = field(default_factory=dict)  # part, start, end of each
    places: dict[Key, tuple[str, int]] = field(default_factory=dict)
    bodies: _Bodies = field(default_factory=lambda: _Bodies())
    notes: list[str] = field(default_factory=list)

    def executions(self, planned: Sequence[str] = ()) -> Iterator[Execution]:
        """Every execution: in the order of `planned`, the others after them by file and line."""
        self.bodies.sort()
        written = bytearray(len(self.bodies))
        with ExitStack() as stack:
            streams = [stack.enter_context(path.open("rb")) for path in self.paths]
            read = lru_cache(_CACHED_BODIES)(partial(self._body, streams))
            for key in self._ordered(planned):
                own = b"".join([_between(streams[span.part], span) for span in self._spans(key)])
                bodies = dict.fromkeys(
                    _BODY_REFERENCE.findall(own)
                )  # a quote in a text is escaped: these are references
                named = [at for body_id in bodies if (at := self.bodies.find(body_id)) is not None]
                new = [_adopted(read(at), key) for at in named if not written[at]]
                known = [read(at) for at in named if written[at]]
                for at in named:
                    written[at] = True
                yield Execution(key[0], key[1], key in self.places, [*new, *own[:-1].split(b"\n")], known)

    def note_span(self, key: Key, span: _Span) -> None:
        """These lines are of the execution `key`."""
        spans = self.spans.get(key)
        if spans is None:
            self.spans[key] = array("Q", span)
        elif spans[-3] == span.part and spans[-1] == span.start:
            spans[-1] = span.end
        else:
            spans.extend(span)

    def _spans(self, key: Key) -> Iterator[_Span]:
        spans = self.spans[key]
        return (_Span(*spans[at : at + 3]) for at in range(0, len(spans), 3))

    def _body(self, streams: Sequence[IO[bytes]], at: int) -> bytes:
        span = self.bodies.span(at)
        return _between(streams[span.part], span)[:-1]

    def _ordered(self, planned: Sequence[str]) -> list[Key]:
        position = {scenario_id: index for index, scenario_id in enumerate(planned)}
        last = len(position)
        return sorted(
            self.spans,
            key=lambda key: (position.get(key[0], last), self.places.get(key, ("\U0010ffff", 0)), key),
        )


def read_parts(directory: Path) -> Parts:
    """Index the parts in `directory`; nothing is kept in memory but where each execution stands."""
    parts = Parts(sorted(directory.glob(PART_PATTERN)))
    for number, path in enumerate(parts.paths):
        _index(parts, number, path)
    return parts


def _index(parts: Parts, number: int, path: Path) -> None:
    """Note where each execution's lines stand in the part `path`, a block of whole lines at a time."""
    offset, row = 0, 1
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            block += stream.readline()
            found = _Block(parts, number, path.name, block, offset, row)
            if not found.sound() or not found.by_execution():
                found.line_by_line(0, len(block))
            offset += len(block)
            row += block.count(b"\n")


class _Block(Struct):
    """Whole lines of one part; the last may be torn. `offset` and `row` say where in the part it begins."""

    parts: Parts
    number: int
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
        """Note the lines between two bodies or results together, if they are of one execution; False if they are not.

        A quote in a text is escaped, so what looks like the head of a record is one.
        """
        between: list[tuple[int, int]] = []
        single: list[tuple[int, int]] = []
        at = 0
        for found in _BODY_OR_RESULT.finditer(self.content):
            between.append((at, found.start()))
            at = self.content.index(b"\n", found.start()) + 1
            single.append((found.start(), at))
        between.append((at, len(self.content)))
        if not all(map(self._of_one, between)):
            return False
        for region, line in zip_longest(between, single):
            if region[0] < region[1]:
                head = _HEAD.match(self.content, region[0])
                assert head is not None  # _of_one saw it
                self.parts.note_span((_text(head[2]), int(head[3])), self._span(*region))
            if line is not None:
                self.line_by_line(*line)
        return True

    def line_by_line(self, start: int, end: int) -> None:
        """Note each line by itself, and tell of those that are torn or no records."""
        while start < end:
            stop = self.content.find(b"\n", start) + 1 or end
            problem = self._problem(start, stop)
            if problem:
                row = self.row + self.content.count(b"\n", 0, start)
                self.parts.notes.append(f"{self.name}: line {row} {problem}.")
            start = stop

    def _problem(self, start: int, stop: int) -> str | None:
        """Note the line; or why it cannot be noted."""
        line = self.content[start:stop]
        if not line.endswith(b"\n"):
            return f"was torn and is cut ({len(line)} bytes)"
        if not line.endswith(b"}\n"):
            return "is damaged and left out"
        if not _note_line(self.parts, line.rstrip(b"\n"), self._span(start, stop)):
            return "is no record and left out"
        return None

    def _of_one(self, region: tuple[int, int]) -> bool:
        start, end = region
        if start == end:
            return True
        head = _HEAD.match(self.content, start)
        if head is None:
            return False
        key = self.content[head.end(1) : head.end()]
        return self.content.count(key, start, end) == self.content.count(b"\n", start, end)

    def _span(self, start: int, end: int) -> _Span:
        return _Span(self.number, self.offset + start, self.offset + end)


def _note_line(parts: Parts, line: bytes, span: _Span) -> bool:
    head = _HEAD.match(line)
    if head is None:
        return False
    if head[1] not in _LOOKED_AT:
        parts.note_span((_text(head[2]), int(head[3])), span)
        return True
    try:
        record = read(line)
    except ValueError:
        return False
    if isinstance(record, Body):
        parts.bodies.add(record.body_id.encode("ascii"), span)
        return True
    key = (record.scenario_id, record.attempt)
    if isinstance(record, Scenario):
        parts.places[key] = (sys.intern(record.file), record.line)
    parts.note_span(key, span)
    return True


@lru_cache(64)
def _text(quoted: bytes) -> str:
    """A JSON string; the lines of one execution repeat its id, which is kept once."""
    return sys.intern(json.loads(quoted))


def _between(stream: IO[bytes], span: _Span) -> bytes:
    stream.seek(span.start)
    return stream.read(span.end - span.start)


def _adopted(line: bytes, key: Key) -> bytes:
    head = _HEAD.match(line)
    if head is None:
        raise HarnessFault("A body's line lost its head.", "_note_line notes only lines that have one.")
    start = f'{{"record":"bodies","scenario_id":{json.dumps(key[0], ensure_ascii=False)},"attempt":{key[1]},'
    return start.encode("utf-8") + line[head.end() :]
