"""What a scenario stands on: the migrations, applied in their order, and the catalogue of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import InputError, InputErrors, Position, Problem
from harness.scenario.suggest import did_you_mean
from harness.scenario.values import plain
from harness.scenario.yamltree import MapNode, Node, parse

if TYPE_CHECKING:
    import psycopg

    from harness.postgres import Keep, Server, Template
    from harness.scenario.targets import Target

__all__ = [
    "SECTIONS",
    "Catalogue",
    "catalogue",
    "catalogues",
    "history",
    "insert",
    "kept",
    "populate",
    "row_with_defaults",
    "template",
]

SECTIONS = ("before", "update", "reference")
"""The parts of fixtures/migrations/history.txt: production before the update, the update, what the reference adds."""


class Catalogue(Struct, frozen=True):
    """Rows by table and short key. `$catalog.KEY` is the row of the last table that has the key."""

    name: str
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]]
    digest: str

    def by_key(self) -> dict[str, Mapping[str, Any]]:
        """Every row under its key, whatever its table."""
        return {key: row for rows in self.tables.values() for key, row in rows.items()}

    def rows(self, table: str) -> Mapping[str, Mapping[str, Any]]:
        """The rows of one table by key; empty when the catalogue has none."""
        return self.tables.get(table, {})


def history(fixtures: Path, sections: Sequence[str]) -> list[Path]:
    """The SQL files of `sections`, in the order in which they were applied.

    Raises:
        InputError: the history is missing, or names a section or file that is not there.
    """
    index = fixtures / "migrations" / "history.txt"
    try:
        lines = index.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The migration history {index} cannot be read: {error.strerror}.") from error
    found: list[Path] = []
    section = ""
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
            if section not in SECTIONS:
                raise InputError(
                    f"[{section}] is no section.", did_you_mean(section, SECTIONS), Position(str(index), number)
                )
        elif text and section in sections:
            path = index.parent / text
            if not path.is_file():
                raise InputError(f"{text} is not there.", "Mend the history.", Position(str(index), number))
            found.append(path)
    return found


def catalogues(fixtures: Path) -> list[str]:
    """The names of the catalogues there are."""
    return sorted(path.stem for path in (fixtures / "catalogues").glob("*.yaml"))


@lru_cache(maxsize=16)
def catalogue(fixtures: Path, name: str) -> Catalogue:
    """Read `fixtures/catalogues/NAME.yaml`.

    Raises:
        InputError: there is none of that name, or it is no map of table, key, row.
    """
    path = fixtures / "catalogues" / f"{name}.yaml"
    shown = path.relative_to(fixtures.parent).as_posix()  # it reaches records, which hold no absolute path
    if not path.is_file():
        remedy = did_you_mean(name, catalogues(fixtures), noun="catalogues")
        raise InputError(f"There is no catalogue {name!r} ({shown}).", remedy)
    text = path.read_text(encoding="utf-8")
    root = parse(text, shown)
    _check_rows(root, shown)
    return Catalogue(name, plain(root), hashlib.sha256(text.encode()).hexdigest())


def _check_rows(root: Node, shown: str) -> None:
    """Every row is a map."""
    tables = root.entries if isinstance(root, MapNode) else {}
    if not tables or not all(isinstance(rows, MapNode) for rows in tables.values()):
        raise InputError("A catalogue is a map: table, key, row.", position=Position(shown))
    problems: list[Problem] = []
    for rows in tables.values():
        for key, row in rows.entries.items() if isinstance(rows, MapNode) else ():
            if not isinstance(row, MapNode):
                problems.append(row.problem(f"The row {key} is a map of columns.", "Write {column: value}."))
    if problems:
        raise InputErrors(problems)


def template(server: Server, fixtures: Path, target: Target, rows: Catalogue) -> Template:
    """The template of the target's schema with `rows` in it; the first call builds it.

    Raises:
        InputError: see `history` and `populate`.
    """
    migrations = history(fixtures, target.sections)
    rewrite = target.rewritten
    return server.template(_key(target, rows), lambda connection: populate(connection, migrations, rows, rewrite))


def kept(fixtures: Path, target: Target, name: str | None = None) -> Keep | None:
    """What `template` makes of the catalogue `name` (None: the project's only one, or `production`), for a server to keep.

    None where nothing can be kept: a schema with defects is made once and no more, and whatever is wrong with the
    project is told by whoever needs it.
    """
    from harness.postgres import Keep

    if target.defects:
        return None
    try:
        found = catalogues(fixtures)
        rows = catalogue(fixtures, name or (found[0] if len(found) == 1 else "production"))
        migrations = history(fixtures, target.sections)
        key = _key(target, rows)
        digest = hashlib.sha256(key.encode())
        for path in (*migrations, *_makers()):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    except (InputError, OSError, UnicodeDecodeError):
        return None
    return Keep(key, digest.hexdigest(), lambda connection: populate(connection, migrations, rows))


def _makers() -> list[Path]:
    """The sources that decide what a template, and a sandbox over it, are made of."""
    here = Path(__file__)
    return [here, *sorted(path for path in (here.parents[1] / "postgres").iterdir() if path.suffix in {".py", ".sql"})]


def _key(target: Target, rows: Catalogue) -> str:
    return f"{rows.name} {rows.digest} {target.sections} {target.schema_key}"


def populate(
    connection: psycopg.Connection[Any],
    migrations: Sequence[Path],
    rows: Catalogue | None,
    rewrite: Callable[[Path, str], str] | None = None,
) -> None:
    """Apply `migrations`, each as one batch as psql's `-1` would, then insert `rows`.

    `rewrite` gives the SQL to apply instead of a file's own: how a defect sits in the history.

    Raises:
        InputError: a migration or a row is refused by the database, with the file and the server's words.
    """
    import psycopg

    from harness.postgres.values import sent

    for path in migrations:
        try:
            text = path.read_text(encoding="utf-8")
            connection.execute(rewrite(path, text) if rewrite else text)
        except psycopg.Error as error:
            raise InputError(f"The migration is refused: {error}", position=Position(str(path))) from error
    for table, row in _ordered(rows):
        try:
            insert(lambda text, values: connection.execute(text, sent(connection, text, values)), table, row)
        except psycopg.Error as error:
            raise InputError(
                f"Catalogue {rows.name if rows else ''}: {table} refuses {row.get('id')}: {error}"
            ) from error


def insert(execute: Callable[[str, dict[str, Any]], Any], table: str, row: Mapping[str, Any]) -> None:
    """Insert one row through `execute`; maps become JSON, lists what their column holds, text is cast to the column's type by the server."""
    from psycopg import sql

    values = {f"value{number}": value for number, value in enumerate(row.values())}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    execute(statement.as_string(None), values)


def row_with_defaults(
    row: Mapping[str, Any], types: Mapping[str, str], now: datetime, new_id: Callable[[], str]
) -> dict[str, Any]:
    """`row` with what the application always makes and a scenario need not write: an id, and when it was written."""
    defaults: dict[str, Callable[[], Any]] = {"id": new_id, "createdAt": lambda: now, "updatedAt": lambda: now}
    missing = {
        column: make()
        for column, make in defaults.items()
        if column in types and column not in row and _made_up(column, types)
    }
    values = {**missing, **row}
    return {
        column: _utc(value) if "without time zone" in types.get(column, "") else value
        for column, value in values.items()
    }


def _made_up(column: str, types: Mapping[str, str]) -> bool:
    return column != "id" or types[column] == "text"


def _utc(value: Any) -> Any:
    """An instant as the text of a timestamp without zone, in UTC."""
    from harness.scenario.instants import parse_instant

    instant = parse_instant(value) if isinstance(value, str) else value
    return instant.astimezone(UTC).replace(tzinfo=None) if isinstance(instant, datetime) else value


def _ordered(rows: Catalogue | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows in the order of the file: the author puts parents before children."""
    for table, by_key in (rows.tables if rows else {}).items():
        for row in by_key.values():
            yield table, row
