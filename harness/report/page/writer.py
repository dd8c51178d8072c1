"""Writes report.html while compaction goes by, in bounded memory: chunks into a spool, the page around them last."""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from harness.report.cases import Case, Cases
from harness.report.disk import disk_errors
from harness.report.manifest import Manifest
from harness.report.page.summary import summary
from harness.rules import RULES

__all__ = ["Page"]

_CHUNK = 1_500_000  # characters of evidence in one chunk: some 15 ms to open in a browser
_PIECE = 65_536  # bytes that are written together
_LEVEL = 4  # of compression: half the time of the default, a tenth larger
_COLUMNS = (
    "id",
    "name",
    "feature",
    "file",
    "line",
    "tags",
    "covers",
    "outcome",
    "flaky",
    "failure",
    "took",
    "attempts",
)


class Page:
    """Hears of each execution in order; `close` writes the page. A context manager, for its spool."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spool: IO[bytes] = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by __exit__
        self._pending: list[bytes] = []
        self._size = 0
        self._chunks = 0
        self._places = array("L")  # of each execution with a result, in order: its chunk, and its place there

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, lines: Sequence[bytes], known_bodies: Sequence[bytes]) -> None:
        """Take the lines of one execution with a result, and of the bodies that it names and an earlier one brought."""
        self._places.extend((self._chunks, len(self._pending)))
        packed = b"[[%b],[%b]]" % (b",".join(lines), b",".join(known_bodies))
        self._pending.append(packed)
        self._size += len(packed)
        if self._size >= _CHUNK:
            self._flush()

    def close(self, manifest: Manifest, cases: Cases) -> None:
        """Write the page."""
        from jinja2 import Environment

        self._flush()
        here = files("harness.report.page")
        environment = Environment(autoescape=True)
        css = (here / "page.css").read_text("utf-8")
        head = environment.from_string((here / "page.html").read_text("utf-8"))
        with disk_errors(self._path), self._path.open("wb") as page:
            page.write(head.render(css=css, **summary(manifest, cases)).encode("utf-8", "replace"))
            page.writelines(_script("index", _pack(self._index(cases))))
            self._spool.seek(0)
            page.writelines(self._spool)
            page.write(b"<script>" + (here / "page.js").read_bytes() + b"</script>\n</body>\n</html>\n")

    def _index(self, cases: Iterable[Case]) -> Iterator[bytes]:
        yield b'{"columns":%b,"cases":[' % _json(_COLUMNS)
        places = iter(zip(self._places[::2], self._places[1::2], strict=True))  # cases come in the order of executions
        for number, case in enumerate(cases):
            attempts = list(islice(places, len(case.attempts)))
            yield b"," * (number > 0) + _json([*_facts(case), attempts])
        yield b'],"rules":%b}' % _json(dict(RULES))

    def _flush(self) -> None:
        if self._pending:
            with disk_errors(self._path):
                packed = _pack((b"[", b",".join(self._pending), b"]"))
                self._spool.writelines(_script(f"chunk-{self._chunks}", packed))
            self._chunks += 1
            self._pending, self._size = [], 0


def _facts(case: Case) -> list[Any]:
    row = case.last
    shown = ("scenario_id", "name", "feature", "file", "line", "tags", "covers", "outcome", "flaky", "failure")
    return [*(row[name] for name in shown), row["duration_us"]]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _pack(content: Iterable[bytes]) -> Iterator[bytes]:
    """gzip without a time or a name in its head, in base64, piece by piece: the same bytes for the same content."""
    packer, left = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31), b""
    for piece in content:
        left += packer.compress(piece)
        if len(left) >= _PIECE:
            whole = len(left) - len(left) % 3  # three bytes are four characters
            yield base64.b64encode(left[:whole])
            left = left[whole:]
    yield base64.b64encode(left + packer.flush())


def _script(name: str, content: Iterable[bytes]) -> Iterator[bytes]:
    yield b'<script type="application/octet-stream" id="%b">' % name.encode("ascii")
    yield from content
    yield b"</script>\n"
