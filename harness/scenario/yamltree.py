"""YAML text to a tree of nodes that know where they stand.

libyaml reads the events (C); the values are made here, by YAML 1.2 with fewer surprises:

* only `true` and `false` are booleans; `null`, `~` and nothing are null;
* `12` is an int, `45.00` a Decimal that keeps its scale; `1E5`, `22:30`, `2030-03-01`, `+15m`, `NO` are text;
* a number with a leading zero, a duplicate key, an anchor, an alias, a merge key and a tag are mistakes;
* depth and size are limited.

Whatever the bytes are, the outcome is a tree or an `InputErrors` whose problems carry positions.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias

import yaml
from msgspec import Struct, field

from harness.errors import WIDTH, InputErrors, Position, Problem, around
from harness.scenario.concealing import without_secrets
from harness.scenario.yamlmistakes import advice

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML built without libyaml: the same events, slower
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # where PyYAML was built without C: another class, the same methods

__all__ = ["ListNode", "MapNode", "Node", "ScalarNode", "Source", "parse", "scalar_value"]

MAX_BYTES = 2_000_000
MAX_DEPTH = 40
MAX_NODES = 200_000

Plain: TypeAlias = str | int | Decimal | bool | None

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER_START = frozenset("-0123456789")
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+\Z")
_LEADING_ZERO = re.compile(r"-?0[0-9]+(?:\.[0-9]+)?\Z")
_MAX_DIGITS = 400  # beyond this Python refuses or crawls; no identifier is that long
_REFUSED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Source(Struct, eq=False):
    """One file's name (as messages show it) and text."""

    file: str
    text: str
    _lines: list[str] | None = None
    _concealed: set[str] = field(default_factory=set)

    def conceal(self, value: str) -> None:
        """From now on no line shows `value`: stars stand for its characters."""
        self._concealed.add(value)

    def line(self, number: int) -> str:
        """Line `number` (from 1) as a message shows it: no control characters, no secrets."""
        if self._lines is None:
            lines = self.text.splitlines()
            self._lines = without_secrets(lines) if "secrets" in self.text else lines
        if not 0 < number <= len(self._lines):
            return ""
        line = "".join(char if char.isprintable() else " " for char in self._lines[number - 1])
        for value in self._concealed:
            line = line.replace(value, "*" * len(value))
        return line.rstrip()

    def problem(self, line: int, column: int, what: str, remedy: str = "") -> Problem:
        """A mistake at a place of this file, with the line it stands on."""
        whole = self.line(line)
        start, shown = around(whole, column - 1, WIDTH - 8)  # room for the indentation and what stands for the rest
        rest = " …" if start + len(shown) < len(whole) else ""
        return Problem(Position(self.file, line, column), what, remedy, shown + rest, start)


class _Placed(Struct, eq=False):
    source: Source
    line: int
    column: int

    @property
    def position(self) -> Position:
        """Where the node begins."""
        return Position(self.source.file, self.line, self.column)

    def problem(self, what: str, remedy: str = "") -> Problem:
        """A mistake made here."""
        return self.source.problem(self.line, self.column, what, remedy)


class ScalarNode(_Placed, eq=False):
    """A single value: `value` typed, `text` as written, `plain` without quotes."""

    value: Plain
    text: str
    plain: bool


class ListNode(_Placed, eq=False):
    """A sequence."""

    items: list[Node]


class MapNode(_Placed, eq=False):
    """A mapping: `entries` by the text of the key, `keys` for where each key stands."""

    entries: dict[str, Node]
    keys: dict[str, ScalarNode]

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        return self.entries.get(key)


Node: TypeAlias = ScalarNode | ListNode | MapNode


def parse(text: str | bytes, file: str = "<text>") -> Node:
    """The tree of one YAML document.

    Raises:
        InputErrors: the text is not UTF-8, not YAML, too large or too deep, or uses what the language leaves out.
    """
    source = Source(file, text if isinstance(text, str) else _decode(text, file))
    if len(source.text) > MAX_BYTES:
        _fail(source, 1, 1, f"The file is larger than {MAX_BYTES:,} characters.", "Split it by capability.")
    builder = _Builder(source)
    try:
        root = builder.document()
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax_mistake(source, error))
    except yaml.reader.ReaderError:
        builder.problems.append(_refused_character(source))
    finally:
        builder.loader.dispose()
    if builder.problems:
        raise InputErrors(builder.problems)
    return root


def _syntax_mistake(source: Source, error: yaml.MarkedYAMLError) -> Problem:
    opened, mark = error.context_mark, error.problem_mark
    if "end of stream" in (error.problem or "") and opened:
        mark = opened
    mark = mark or opened
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    where = f"{opened.line + 1}:{opened.column + 1}" if opened else ""
    what, remedy = advice(error.problem or "", source.line(line)[column - 1 : column], where)
    return source.problem(line, column, what, remedy)


def scalar_value(text: str) -> Plain:
    """The typed value of plain text: bool, None, int, Decimal, else the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_START and len(text) < _MAX_DIGITS:
        if _INT.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return Decimal(text)
    return text


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        what = f"Byte 0x{data[error.start]:02x} is not UTF-8."
        raise InputErrors([Problem(Position(file, line, column), what, "Save the file as UTF-8.")]) from None


def _refused_character(source: Source) -> Problem:
    found = _REFUSED.search(source.text)
    if found is None:
        return source.problem(1, 1, "The text holds a character that YAML refuses.", "Write it as an escape.")
    before = source.text[: found.start()]
    line = len(f"{before}x".splitlines())
    column = len(f"{before}x".splitlines()[-1])
    what = f"Character U+{ord(found.group()):04X} may not stand in a YAML file."
    return source.problem(line, column, what, f'Write it as an escape in double quotes: "\\u{ord(found.group()):04x}".')


def _fail(source: Source, line: int, column: int, what: str, remedy: str = "") -> NoReturn:
    raise InputErrors([source.problem(line, column, what, remedy)])


class _Stop(Exception):
    """A limit is reached; its problem is already noted."""


class _Builder:
    """Builds one document from libyaml's events, noting mistakes as it goes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.loader = _Loader(source.text)
        self.next = self.loader.get_event
        self.count = 0

    def document(self) -> Node:
        try:
            return self._document()
        except _Stop:
            raise InputErrors(self.problems) from None

    def _document(self) -> Node:
        self.next()  # the stream begins
        if isinstance(self.next(), yaml.StreamEndEvent):
            _fail(self.source, 1, 1, "The file is empty.", "A scenario file begins with `feature: …`.")
        root = self.node(self.next(), 0)
        self.next()  # the document ends
        event = self.next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._note(event, "A second document begins here.", "One file holds one document: remove the `---`.")
        return root

    def node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent:
            self._note(
                event, f"`*{event.anchor}` is an alias.", "Aliases are left out: use a fragment, or quote the text."
            )
            return self._scalar_node(event, None, "", plain=True)
        if event.anchor is not None:
            self._note(
                event, f"`&{event.anchor}` is an anchor.", "Anchors are left out: use a fragment, or quote the text."
            )
        if event.tag is not None:
            self._note(
                event,
                f"`{event.tag.replace('tag:yaml.org,2002:', '!!')}` is a tag.",
                "Tags are left out: quote the value to make it text.",
            )
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            limit = f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} values"
            self._note(event, f"The file is too large: {limit}.", "Split it.")
            raise _Stop
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        return self._map(event, depth) if kind is yaml.MappingStartEvent else self._list(event, depth)

    def _scalar(self, event: Any) -> ScalarNode:
        text = event.value
        if event.style:
            return self._scalar_node(event, text, text, plain=False)
        if text and text[0] in _NUMBER_START and _LEADING_ZERO.match(text):
            self._note(event, f"{text} is a number with a leading zero.", f'Write "{text}" if it is text.')
        return self._scalar_node(event, scalar_value(text), text, plain=True)

    def _scalar_node(self, event: Any, value: Plain, text: str, *, plain: bool) -> ScalarNode:
        mark = event.start_mark
        return ScalarNode(self.source, mark.line + 1, mark.column + 1, value, text, plain)

    def _list(self, event: Any, depth: int) -> ListNode:
        items: list[Node] = []
        following = self.next()
        while type(following) is not yaml.SequenceEndEvent:
            items.append(self.node(following, depth + 1))
            following = self.next()
        mark = event.start_mark
        return ListNode(self.source, mark.line + 1, mark.column + 1, items)

    def _map(self, event: Any, depth: int) -> MapNode:
        entries: dict[str, Node] = {}
        keys: dict[str, ScalarNode] = {}
        following = self.next()
        while type(following) is not yaml.MappingEndEvent:
            key = self.node(following, depth + 1)
            value = self.node(self.next(), depth + 1)
            if isinstance(key, ScalarNode) and self._good_key(key, keys):
                entries[key.text] = value
                keys[key.text] = key
            elif not isinstance(key, ScalarNode):
                self.problems.append(key.problem("A key must be text.", "Write `name: value`."))
            following = self.next()
        mark = event.start_mark
        return MapNode(self.source, mark.line + 1, mark.column + 1, entries, keys)

    def _good_key(self, key: ScalarNode, keys: dict[str, ScalarNode]) -> bool:
        if not key.text and key.plain:  # in quotes it is one: JSON has maps with the key ""
            self.problems.append(key.problem("A key is missing before the colon.", "Write `name: value`."))
            return False
        if key.text == "<<" and key.plain:
            self.problems.append(key.problem("`<<` is a merge key.", "Merge keys are left out: use a fragment."))
            return False
        if key.text in keys:
            first = keys[key.text]
            what = f"The key {key.text} stands here a second time; the first is at {first.line}:{first.column}."
            self.problems.append(key.problem(what, "Keep one of them."))
            return False
        return True

    def _note(self, event: Any, what: str, remedy: str) -> None:
        mark = event.start_mark
        self.problems.append(self.source.problem(mark.line + 1, mark.column + 1, what, remedy))
