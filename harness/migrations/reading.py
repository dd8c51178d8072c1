"""Migrations as they lie on disk: files, folders, Prisma's folders, production's history, and what came since a commit.

Prisma's rules (MIGRATIONS.md 4): folders `<14 digits>_<name>/migration.sql` in name order, undated ones last; the
checksum is the SHA-256 of the file's bytes. Loose `.sql` files beside the folders were applied by hand: they come after.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

from harness.errors import InputError, Position
from harness.migrations.changesets import Changeset, changesets, unfilled
from harness.migrations.conventions import is_way_back, ordered, placeholders, same_number, section, undo_of
from harness.migrations.statements import Source, split

__all__ = ["Plan", "Script", "plan", "read"]

_DATED = re.compile(r"^\d{14}_")
_UP = re.compile(r"[._-]up\.sql$", re.IGNORECASE)
_PROVIDER = re.compile(r"""^[ \t]*provider[ \t]*=[ \t]*["'](?P<name>[^"']*)""", re.MULTILINE)
_SECTION = re.compile(r"^\[?(?P<name>before|update|reference)\]?:?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Script:
    """One migration: `name` as its runner knows it, `display` as the user gave the path, `text` without byte order mark.

    Of a file with sections for both directions (goose, dbmate, sql-migrate), `part` is the one that is meant. One of
    several in a file of Liquibase's has its `change`.
    """

    name: str
    path: Path
    display: str
    data: bytes
    prisma: bool
    down: Path | None = None
    part: str = "up"
    change: Changeset | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 hex of the file's bytes, as in `_prisma_migrations`."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def text(self) -> str:
        """The SQL; raises InputError when it is not UTF-8 or holds a NUL byte."""
        if self.change is not None:
            return self.change.up if self.part == "up" else self.change.down or ""
        found = section(self.whole, self.part)
        return found.text if found else self.whole

    @property
    def placeholders(self) -> tuple[tuple[int, str, str], ...]:
        """(line, placeholder, whose) of what its runner replaces before it sends the SQL, and nobody does here."""
        if self.change is not None:
            return tuple((line, text, "Liquibase") for line, text in unfilled(self.text))
        return tuple(placeholders(self.name, self.whole))

    @property
    def in_transaction(self) -> bool | None:
        """Whether its runner wraps it in a transaction, where its sections say so; None where it has none."""
        if self.change is not None:
            return self.change.in_transaction or (self.change.whole and len(self.source.statements) > 1)
        found = section(self.whole, self.part)
        return found.in_transaction if found else None

    @cached_property
    def way_back(self) -> Script | None:
        """What undoes it: a file beside it, or its own section."""
        if self.down is not None:
            return _script(self.down)
        given = self.change.down is not None if self.change else bool(section(self.whole, "down"))
        return replace(self, part="down") if self.part == "up" and given else None

    @cached_property
    def whole(self) -> str:
        """All that the file says."""
        if b"\0" in self.data and not self.data.startswith((b"\xff\xfe", b"\xfe\xff")):
            line = self.data[: self.data.index(b"\0")].count(b"\n") + 1
            raise InputError(
                "there is a NUL byte here.", "PostgreSQL would read nothing after it.", Position(self.display, line)
            )
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            line = self.data[: problem.start].count(b"\n") + 1
            raise InputError(
                "this file is not UTF-8.",
                "Save it as UTF-8; PostgreSQL would read other bytes.",
                Position(self.display, line),
            ) from problem

    @cached_property
    def source(self) -> Source:
        """Its statements."""
        return split(self.text, self.display)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is there already (`baseline`, applied in order) and what is to be checked (`target`)."""

    baseline: tuple[Script, ...]
    target: tuple[Script, ...]
    notes: tuple[str, ...] = ()

    @property
    def prisma(self) -> bool:
        """Whether Prisma runs the target."""
        return any(script.prisma for script in self.target)


def plan(path: Path, baseline: Sequence[Path] = (), since: str | None = None) -> Plan:
    """Decide what is checked on top of what.

    Without `baseline`, a migration that lies in a Prisma folder stands on the folders before it. With `since` (a git
    revision) the scripts under `path` that changed after it are checked and the others are the baseline.
    Raises InputError when a path is missing or nothing is left to check.
    """
    scripts = read(path)
    notes = [*_remarks(scripts)]
    if since is not None:
        changed = _changed_since(path, since)
        target = _without_known([script for script in scripts if script.path.resolve() in changed], since, notes)
        if not target:
            raise InputError(
                f"nothing under {path} changed since {since}.", "Name the migration itself, or an older revision."
            )
        old = [script for script in scripts if script not in target]
    else:
        target, old = scripts, []
    for one, other in same_number(list(dict.fromkeys(script.path for script in scripts))):
        notes.append(f"{one.name} and {other.name} have the same number: they are run in this order")
    if baseline:
        before = _without(_read_all(baseline, notes), target)
    elif since is not None:
        before = old
    else:
        before = _siblings_before(path)
        if before:
            notes.append(f"baseline: the {len(before)} migrations beside it that come before")
    return Plan(tuple(before), tuple(target), tuple(notes))


def read(path: Path) -> list[Script]:
    """Every migration under `path`, in the order in which its runner applies them."""
    if path.is_file():
        return _scripts(path)
    if not path.is_dir():
        raise InputError(
            f"{path} does not exist.", "Give a .sql file, a folder of them, or a Prisma migrations folder."
        )
    if (path / "history.txt").is_file():
        return _history(path, ("before", "update", "reference"))
    if (path / "migration.sql").is_file():
        return [_script(path / "migration.sql")]
    for folder in (path, path / "migrations", path / "prisma" / "migrations", path / "prisma"):
        if _prisma_folders(folder):
            return _read_prisma(folder)
    files = ordered(_files(path))
    if not files:
        raise InputError(
            f"{path} holds no .sql file.", "An empty folder proves nothing; give the folder that holds the migrations."
        )
    return [script for file in files for script in _scripts(file)]


def _files(folder: Path) -> list[Path]:
    """The .sql files of a folder, in whatever case of letters, but those that undo others."""
    return [
        file
        for file in folder.iterdir()
        if file.suffix.lower() == ".sql" and not file.is_dir() and not is_way_back(file)
    ]


def _read_all(paths: Sequence[Path], notes: list[str]) -> list[Script]:
    found: list[Script] = []
    for path in paths:
        if path.is_dir() and (path / "history.txt").is_file():
            notes.append(f"baseline: section 'before' of {path / 'history.txt'}")
            found += _history(path, ("before",))
        else:
            found += read(path)
    return found


def _without(scripts: Iterable[Script], target: Sequence[Script]) -> list[Script]:
    """A baseline folder that holds the migration itself ends before it."""
    mine = {(script.path.resolve(), script.change and script.change.name) for script in target}
    kept: list[Script] = []
    for script in scripts:
        if (script.path.resolve(), script.change and script.change.name) in mine:
            break
        kept.append(script)
    return kept


def _history(folder: Path, wanted: Sequence[str]) -> list[Script]:
    """`history.txt`: one path a line under a section name `before`, `update` or `reference`."""
    listing = folder / "history.txt"
    section = "before"
    scripts: list[Script] = []
    for number, raw in enumerate(listing.read_text().splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if match := _SECTION.match(line):
            section = match["name"].lower()
        elif line and section in wanted:
            name = line.split()[-1]
            if not (folder / name).is_file():
                raise InputError(f"{name} is listed but does not exist.", "", Position(str(listing), number))
            scripts += _scripts(folder / name)
    return scripts


def _prisma_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    folders = [child for child in folder.iterdir() if child.is_dir() and (child / "migration.sql").is_file()]
    return sorted(folders, key=lambda child: (not _DATED.match(child.name), child.name))


def _read_prisma(folder: Path) -> list[Script]:
    _refuse_other_provider(folder / "migration_lock.toml")
    lost = sorted(
        child
        for child in folder.iterdir()
        if child.is_dir() and _DATED.match(child.name) and not (child / "migration.sql").is_file()
    )
    if lost:
        raise InputError(
            f"{lost[0]} has no migration.sql.", "Prisma stops there with P3015: restore the file or remove the folder."
        )
    loose = sorted(_files(folder))
    return [_script(child / "migration.sql") for child in _prisma_folders(folder)] + [
        script for file in loose for script in _scripts(file)
    ]


def _refuse_other_provider(lock: Path) -> None:
    """Prisma's note of the database that a folder is for: with another it stops with P3019."""
    found = _PROVIDER.search(lock.read_text(errors="replace")) if lock.is_file() else None
    if found and found["name"] not in {"postgresql", "postgres", "cockroachdb"}:
        line = lock.read_text(errors="replace").count("\n", 0, found.start("name")) + 1
        raise InputError(
            f"these migrations are for {found['name']}.",
            "Only PostgreSQL can be rehearsed; Prisma would stop with P3019.",
            Position(str(lock), line),
        )


def _siblings_before(path: Path) -> list[Script]:
    """The Prisma folders that come before the one at `path`, or what history.txt lists before that file."""
    listing = next((parent for parent in path.resolve().parents[:3] if (parent / "history.txt").is_file()), None)
    if listing is not None and path.is_file():
        earlier = _history(listing, ("before", "update", "reference"))
        if any(script.path.resolve() == path.resolve() for script in earlier):
            return _without(earlier, [_script(path)])
    folder = path.parent if path.name == "migration.sql" else path
    if not (folder / "migration.sql").is_file():
        return []
    scripts = []
    for sibling in _prisma_folders(folder.parent):
        if sibling.resolve() == folder.resolve():
            break
        scripts.append(_script(sibling / "migration.sql"))
    return scripts


def _scripts(path: Path) -> list[Script]:
    """The migrations of a file: one, or of a file of Liquibase's one for each changeset."""
    script = _script(path)
    parts = changesets(script.whole)
    if not parts:
        return [script]
    return [replace(script, name=f"{script.name} {part.name}", change=part) for part in parts if part.runs]


def _remarks(scripts: Sequence[Script]) -> Iterator[str]:
    """What of Liquibase's files is not rehearsed."""
    for path, entries in groupby(scripts, key=lambda script: script.path):
        text = next(entries).whole
        parts = changesets(text)
        head = "".join(text.splitlines(keepends=True)[: parts[0].line - 1]) if parts else ""
        if strays := split(head, path.name).statements:
            place = f"{path.name}:{strays[0].position.line}"
            yield f"{place}: what stands before the first changeset is in none, and left out"
        for part in parts:
            remarks = part.remarks if part.runs else ("it is for another database and left out",)
            yield from (f"{path.name}:{part.line} {part.name}: {remark}" for remark in remarks)


def _script(path: Path) -> Script:
    prisma = path.name == "migration.sql"
    return Script(
        name=path.parent.name if prisma else path.name,
        path=path,
        display=str(path),
        data=path.read_bytes(),
        prisma=prisma,
        down=_down_of(path),
    )


def _down_of(path: Path) -> Path | None:
    """A down script beside it: `down.sql`, `x.down.sql`, `x_down.sql`, or `x.down.sql` for `x.up.sql`."""
    stem = _UP.sub("", path.name) if _UP.search(path.name) else path.stem
    names = [f"{stem}{mark}{word}.sql" for word in ("down", "undo", "rollback") for mark in "._-"]
    if path.name == "migration.sql":
        names.insert(0, "down.sql")
    return next((path.parent / name for name in names if (path.parent / name).is_file()), undo_of(path))


def _changed_since(path: Path, revision: str) -> set[Path]:
    where = path if path.is_dir() else path.parent
    top = Path(_git(where, "rev-parse", "--show-toplevel").strip())
    changed = _git(where, "diff", "--name-only", "--diff-filter=d", "-z", revision, "--", str(path.resolve()))
    untracked = _git(top, "ls-files", "--others", "--exclude-standard", "-z", "--", str(path.resolve()))
    return {(top / name).resolve() for name in (changed + untracked).split("\0") if name}


def _without_known(scripts: Sequence[Script], revision: str, notes: list[str]) -> list[Script]:
    """Of a file of Liquibase's only the changesets that the revision has not, or has otherwise: each is run once."""
    kept: list[Script] = []
    for path, entries in groupby(scripts, key=lambda script: script.path):
        found = list(entries)
        known: dict[str, str] = {}
        if any(script.change for script in found):
            known = {part.name: _said(part) for part in changesets(_text_at(path, revision))}
        for script in found:
            change = script.change
            if change is None or known.get(change.name) != _said(change):
                kept.append(script)
            if change is not None and known.get(change.name, _said(change)) != _said(change):
                notes.append(
                    f"{path.name}:{change.line} {change.name} is another than at {revision}: where it ran, Liquibase "
                    "refuses its checksum (but with runOnChange or validCheckSum)"
                )
    return kept


def _said(part: Changeset) -> str:
    """What a changeset does, wherever in its file it stands: as Liquibase, without comments and blanks."""
    return " ".join(re.sub(r"^[ \t]*--[^\n]*$", "", part.up, flags=re.MULTILINE).split())


def _text_at(path: Path, revision: str) -> str:
    """A file as it was; empty where it was not there."""
    done = subprocess.run(
        ("git", "-C", str(path.parent), "show", f"{revision}:./{path.name}"), capture_output=True, check=False
    )
    return done.stdout.decode("utf-8-sig", errors="replace") if done.returncode == 0 else ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(("git", "-C", str(folder), *arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"git cannot say what changed: {done.stderr.strip()}", "Give a revision that exists in this repository."
        )
    return done.stdout
