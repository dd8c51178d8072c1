"""Liquibase's formatted SQL: a file of changesets, each a migration of its own with its own transaction and way back.

Liquibase books every changeset by itself, so that a run which failed goes on at the one that failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Changeset", "changesets", "unfilled"]

_FORMATTED = re.compile(r"\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql\b", re.IGNORECASE)
_BEGIN = re.compile(
    r"""^[ \t]*--[ \t]*changeset[ \t]+(?P<author>"[^"\n]+"|[^:\n]+):(?P<id>"[^"\n]+"|\S+)(?P<rest>[^\n]*)$""",
    re.IGNORECASE | re.MULTILINE,
)
_ATTRIBUTE = re.compile(r"""(?P<name>\w+):(?:"(?P<quoted>[^"\n]*)"|(?P<plain>\S+))""")
_ROLLBACK = re.compile(r"^[ \t]*--[ \t]*rollback\b[ \t]*(?P<sql>[^\n]*)$", re.IGNORECASE | re.MULTILINE)
_BLOCK = re.compile(r"/\*[ \t]*liquibase[ \t]+rollback\b(?P<sql>.*?)\*/", re.IGNORECASE | re.DOTALL)
_PRECONDITION = re.compile(r"^[ \t]*--[ \t]*preconditions?\b", re.IGNORECASE | re.MULTILINE)
_PROPERTY = re.compile(
    r"""^[ \t]*--[ \t]*property[ \t]+(?=[^\n]*\bname:"?(?P<name>[\w.-]+))(?=[^\n]*\bvalue:(?:"(?P<quoted>[^"\n]*)"|(?P<plain>\S+)))""",
    re.IGNORECASE | re.MULTILINE,
)
_PARAMETER = re.compile(r"\$\{[\w.-]+\}")
_ELSEWHERE = re.compile(r"^\s*changeset(?:id|author|path)\s*:", re.IGNORECASE)
_NOTHING = re.compile(r"^\s*(?:empty|not[ \t]+required)\s*;?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Changeset:
    """One changeset. `up` and `down` are the file with all else blank, so that no line moves; `down` is None where none is given.

    `whole`: its statements go to the server as one query (`splitStatements:false`).
    """

    name: str
    line: int
    up: str
    down: str | None
    in_transaction: bool
    whole: bool
    remarks: tuple[str, ...]  # what of it is not rehearsed
    runs: bool = True  # False: it is for another database


def changesets(text: str) -> tuple[Changeset, ...]:
    """The changesets of a file that begins with `--liquibase formatted sql`; none for any other."""
    if not _FORMATTED.match(text):
        return ()
    told = {m["name"]: m["quoted"] if m["quoted"] is not None else m["plain"] for m in _PROPERTY.finditer(text)}
    begun = list(_BEGIN.finditer(text))
    ends = [*(match.start() for match in begun[1:]), len(text)]
    return tuple(_changeset(text, match, end, told) for match, end in zip(begun, ends, strict=False))


def unfilled(text: str) -> Iterator[tuple[int, str]]:
    """(line, placeholder) of what no property of the file has a value for."""
    for match in _PARAMETER.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[0]


def _changeset(text: str, begin: re.Match[str], end: int, told: Mapping[str, str]) -> Changeset:
    attributes = {m["name"].lower(): m["quoted"] or m["plain"] or "" for m in _ATTRIBUTE.finditer(begin["rest"])}
    body = text[begin.end() : end]
    before, after = _blank(text[: begin.end()]), _blank(text[end:])
    delimiter = attributes.get("enddelimiter", ";")

    def placed(part: str) -> str:
        for name, value in told.items():
            part = part.replace(f"${{{name}}}", value)
        return before + _with_semicolons(part, delimiter) + after

    down = _way_back(body)
    return Changeset(
        name=f"{begin['author'].strip()}:{begin['id']}".replace('"', ""),
        line=text.count("\n", 0, begin.start()) + 1,
        up=placed(_BLOCK.sub(lambda match: _blank(match[0]), body)),
        down=None if down is None else placed(down),
        in_transaction=attributes.get("runintransaction", "true").lower() != "false",
        whole=attributes.get("splitstatements", "true").lower() == "false",
        remarks=tuple(_remarks(body, attributes)),
        runs=_for_postgres(attributes.get("dbms", "")),
    )


def _way_back(body: str) -> str | None:
    """What its rollback lines and blocks say, in their places; None without one, or where one points elsewhere."""
    parts, done = [], 0
    found = sorted([*_ROLLBACK.finditer(body), *_BLOCK.finditer(body)], key=lambda match: match.start())
    for match in found:
        if _ELSEWHERE.match(match["sql"]):
            return None
        parts.append(_blank(body[done : match.start("sql")]))
        parts.append(_blank(match["sql"]) if _NOTHING.match(match["sql"]) else match["sql"])
        done = match.end("sql")
    return "".join((*parts, _blank(body[done:]))) if found else None


def _remarks(body: str, attributes: Mapping[str, str]) -> Iterator[str]:
    if any(_ELSEWHERE.match(match["sql"]) for match in _ROLLBACK.finditer(body)):
        yield "its rollback is that of another changeset, which is not looked up"
    if _PRECONDITION.search(body):
        yield "its preconditions are not asked: it is rehearsed as if they held"
    for name in ("context", "contextfilter", "labels"):
        if attributes.get(name):
            yield f"Liquibase runs it where {name} {attributes[name]} is asked for; it is rehearsed"
    if attributes.get("failonerror", "true").lower() == "false":
        yield "Liquibase goes on after its failure (failOnError:false)"


def _for_postgres(databases: str) -> bool:
    named = {name.strip().lower() for name in databases.split(",") if name.strip()}
    if "none" in named or "!postgresql" in named:
        return False
    wanted = {name for name in named if not name.startswith("!")}
    return not wanted or bool(wanted & {"postgresql", "all"})


def _with_semicolons(body: str, delimiter: str) -> str:
    """`body` with its own end of statements, which stands at the end of a line, written as PostgreSQL's; no offset moves."""
    mark = delimiter.replace("\\n", "").replace("\\r", "").strip()
    if mark in {"", ";"}:
        return body
    at_end = re.compile(rf"{re.escape(mark)}(?=[ \t\r]*$)", re.IGNORECASE | re.MULTILINE)
    return at_end.sub(";" + " " * (len(mark) - 1), body)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
