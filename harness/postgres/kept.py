"""Data directories that bring a filled template along: what most runs begin with is filled once, and then copied.

One is made for each `Keep.digest`, from the initialised data directory by a server of its own, which is stopped in good
order. Who changes a migration or the catalogue makes another; only the last few stay.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from harness.errors import HarnessError, MachineError
from harness.postgres.caching import cached_directory
from harness.postgres.cluster import keep_cluster
from harness.postgres.embedded import EmbeddedServer, Ground, launch
from harness.postgres.records import ServerInfo
from harness.postgres.sandbox import Sandbox
from harness.postgres.server import Server

if TYPE_CHECKING:
    import psycopg

__all__ = ["Keep", "launch_with"]

_LAYOUT = 1  # raise it when what is kept beside the data directory changes
_PREFIX = "kept-"
_NAMES = "templates.json"
_AT_MOST = 4  # data directories of some 40 MB
_IN_USE = 600  # seconds: one used since then may just be being copied
_PATIENCE = 30.0  # seconds for a server to stop in


class Keep(Struct, frozen=True):
    """A template worth keeping: `key` and `build` as `Server.template` takes them.

    `digest` (hexadecimal) is another whenever `build` would make something else. What is kept is the template, and what a
    sandbox over it clones.
    """

    key: str
    digest: str
    build: Callable[[psycopg.Connection[Any]], object]


def launch_with(keep: Keep, ground: Ground, note: Callable[[str], None]) -> tuple[EmbeddedServer, dict[str, str]]:
    """A server that has the template from the start; and by its key the name of each database that was kept.

    Where nothing can be kept or what was kept is damaged, `note` is told, and the server has nothing from the start: who
    then asks for the template fills it, and hears what is wrong with it. Raises MachineError as `launch` does.
    """
    name = f"{_PREFIX}{ground.binaries.fingerprint}-{_LAYOUT}-{keep.digest[:32]}"
    entry = ground.places.cache / name
    try:
        if not entry.is_dir():
            _make(keep, ground, name)
        entry = cached_directory(ground.places.cache, name, _never)
        names = json.loads((entry / _NAMES).read_text())
        return launch(ground, entry), names
    except (HarnessError, OSError, ValueError) as error:
        note(f"The filled template is not kept, which costs some time: {error}")
        shutil.rmtree(entry, ignore_errors=True)
        return launch(ground), {}


def _make(keep: Keep, ground: Ground, name: str) -> None:
    """Fill a server's data directory and keep it under `name`. Two at once make it twice, and the first is kept."""
    started = launch(ground)
    try:
        names = _fill(keep, started)

        def copy(target: Path) -> None:
            (target / _NAMES).write_text(json.dumps(names))
            keep_cluster(started.instance.data, target, ground.account)

        cached_directory(ground.places.cache, name, copy)
    finally:
        started.stop()
    _prune(ground.places.cache)


def _fill(keep: Keep, started: EmbeddedServer) -> dict[str, str]:
    info = ServerInfo("embedded", started.binaries.version, None, None, "embedded")
    with Server(info, started.parameters, owned=True, explain=started.said) as server:
        template = server.template(keep.key, keep.build)
        names = {each.key: each.database for each in (template, Sandbox.watched(template))}
    try:
        started.end()
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"PostgreSQL did not stop within {_PATIENCE:.0f} seconds.", "Try again.") from error
    return names


def _never(_: Path) -> None:
    raise MachineError("A kept data directory is gone as soon as it was made.", "Does something clean up there?")


def _prune(cache: Path) -> None:
    """Remove the data directories that were kept before the last few, but none that may be in use."""
    entries = sorted(cache.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for entry in entries[_AT_MOST:]:
        if entry.stat().st_mtime < time.time() - _IN_USE:
            shutil.rmtree(entry, ignore_errors=True)
