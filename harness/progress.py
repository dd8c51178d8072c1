"""Progress of what takes long: a widget-free bar in a notebook, a line in a terminal, nothing elsewhere.

`Bar` is for who calls from Python, `Steps` for commands that do one thing after another.
"""

from __future__ import annotations

import html
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

__all__ = ["Bar", "Steps", "bar_html", "clock", "in_notebook"]


class _Handle(Protocol):
    def update(self, shown: Any) -> None: ...


class _Html:
    """What a notebook displays."""

    def __init__(self, text: str, page: str) -> None:
        self._text, self._page = text, page

    def _repr_html_(self) -> str:
        return self._page

    def __repr__(self) -> str:
        return self._text


class Bar:
    """`with Bar("…") as bar: bar.show(done, total, text)`. In a notebook the bar is replaced in place, and stays."""

    def __init__(self, label: str, *, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._label, self._wanted = label, wanted
        self._stream = stream or sys.stderr
        self._handle: _Handle | None = None
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            self._stream.write("\n")
            self._stream.flush()

    def show(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total`; a total of 0 means that it is not known yet."""
        if not self._wanted:
            return
        if in_notebook():
            self._display(done, total, text)
        elif self._stream.isatty():
            self._write(f"{self._label} {done}/{total or '?'}  {text}")

    def _display(self, done: int, total: int, text: str) -> None:
        from IPython.display import display

        show: Any = display
        shown = _Html(f"{self._label} {done}/{total or '?'} {text}", bar_html(self._label, done, total, text))
        if self._handle is None:
            self._handle = show(shown, display_id=True)
        else:
            self._handle.update(shown)

    def _write(self, line: str) -> None:
        self._stream.write("\r" + line[:118].ljust(self._width))
        self._stream.flush()
        self._width = min(118, len(line))


class Steps:
    """Steps of a command, on `stream`: each is announced with a line; how far it is replaces one line of a terminal."""

    def __init__(self, *, wanted: bool = True, stream: TextIO | None = None) -> None:
        self._wanted = wanted
        self._stream = stream or sys.stderr
        self._began = time.monotonic()
        self._width = 0

    def note(self, text: str) -> None:
        """A line that stays; what is shown next is counted from here."""
        if self._wanted:
            self._stream.write(self._erased() + f"{text}\n")
            self._stream.flush()
        self._began = time.monotonic()

    def show(self, done: int, total: int, what: str = "") -> None:
        """`done` of `total`, and how long that took since the last note."""
        if not (self._wanted and self._stream.isatty()):
            return
        line = f"  {done}/{total}  {clock(time.monotonic() - self._began)}  {what}".rstrip()[:118]
        before = self._erased() if len(line) < self._width else "\r"
        self._stream.write(before + line)
        self._stream.flush()
        self._width = len(line)

    def end(self) -> None:
        """Nothing more is shown."""
        self._stream.write(self._erased())
        self._stream.flush()

    def _erased(self) -> str:
        blank = f"\r{' ' * self._width}\r" if self._width else ""
        self._width = 0
        return blank


def clock(seconds: float) -> str:
    """A duration as m:ss."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def bar_html(label: str, done: int, total: int, text: str) -> str:
    """A bar with its numbers in words, for who cannot see it."""
    name = html.escape(label, quote=True)
    value = f'value="{done}" max="{total}"' if total else ""
    numbers = f"{done} of {total}" if total else "…"
    return (
        f'<div><progress aria-label="{name}" {value} style="width:18em;vertical-align:middle"></progress> '
        f"{numbers} {html.escape(text)}</div>"
    )


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None
