"""From the user's choice to a server in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.postgres.choice import Choice, parse_choice
from harness.postgres.records import ServerInfo
from harness.postgres.server import Server

if TYPE_CHECKING:
    from harness.postgres.kept import Keep

__all__ = ["open_server"]

Note = Callable[[str], None]


def open_server(choice: str = "auto", *, note: Note | None = None, keep: Keep | None = None) -> Server:
    """Start or connect to the server that `choice` names (see `harness.postgres.choice`).

    `note` is told, in sentences, what was chosen and why. An embedded server has the template `keep` from the start;
    others make it when it is asked for. Raises InputError for a choice that cannot be read and
    MachineError, with a remedy, when this machine cannot give what was asked for.
    """
    parsed = parse_choice(choice)
    tell = note or _say_nothing
    match parsed.kind:
        case "existing":
            return _open_existing(parsed, tell)
        case "testcontainers":
            return _open_container(parsed, tell)
        case "embedded":
            return _open_embedded(parsed, tell, keep)
        case "auto":
            return _open_best(parsed, tell, keep)


def _say_nothing(_: str) -> None:
    return None


def _open_embedded(choice: Choice, note: Note, keep: Keep | None) -> Server:
    from harness.postgres.embedded import find_ground, launch
    from harness.postgres.kept import launch_with

    ground = find_ground(choice.argument)
    started, kept = (launch(ground), {}) if keep is None else launch_with(keep, ground, note)
    info = ServerInfo("embedded", started.binaries.version, None, None, choice.shown)
    _tell_swept(started.swept, note)
    place = started.instance.path.parent
    note(f"Database: embedded PostgreSQL {info.version} ({started.binaries.origin}), in {place}.")
    return Server(info, started.parameters, owned=True, stop=started.stop, explain=started.said, kept=kept)


def _tell_swept(number: int, note: Note) -> None:
    if number:
        note(f"Removed {number} server(s) that an earlier run had to leave behind.")


def _open_existing(choice: Choice, note: Note) -> Server:
    from harness.postgres.existing import connect_existing

    parameters, version = connect_existing(choice.argument or "")
    info = ServerInfo("existing", version, None, None, choice.shown)
    server = Server(info, parameters, owned=False)
    swept = server.claim()
    if swept:
        note(f"Dropped {swept} database(s) that an earlier run had to leave behind.")
    note(f"Database: PostgreSQL {version} at {choice.shown}, in databases of the harness's own.")
    return server


def _open_container(choice: Choice, note: Note) -> Server:
    from harness.postgres.containers import start_container

    started = start_container(choice.argument, note=note)
    _tell_swept(started.swept, note)
    info = ServerInfo("testcontainers", started.version, started.image, started.digest, choice.shown)
    note(f"Database: PostgreSQL {info.version} in a container of {info.image} ({info.image_digest}).")
    return Server(info, started.parameters, owned=True, stop=started.stop)


def _open_best(choice: Choice, note: Note, keep: Keep | None) -> Server:
    from harness.postgres.containers import why_no_container

    reason = why_no_container(note)
    if reason is None:
        return _open_container(choice, note)
    note(f"No container: {reason}")
    return _open_embedded(choice, note, keep)
