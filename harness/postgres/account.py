"""Who runs the server: PostgreSQL refuses to be started by root, so root hands it to `nobody`.

`nobody` rather than `postgres`: a superuser of the throwaway server can read files as the account it runs
under, and `postgres` may own a real database on this machine.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import TypedDict

from msgspec import Struct

from harness.errors import MachineError

__all__ = ["Account", "PopenIdentity", "server_account"]


class PopenIdentity(TypedDict, total=False):
    """The arguments of subprocess.Popen that change the user."""

    user: int
    group: int
    extra_groups: list[int]


class Account(Struct, frozen=True):
    """The account of the server process; `dropped` says that it is not the harness's own."""

    uid: int
    gid: int
    name: str
    dropped: bool

    def identity(self) -> PopenIdentity:
        """Arguments for subprocess.Popen; empty when the user stays the same."""
        return PopenIdentity(user=self.uid, group=self.gid, extra_groups=[]) if self.dropped else PopenIdentity()

    def can_read(self, path: Path) -> bool:
        """Whether this account may read (and enter or execute) `path`, by the permission bits on the way to it."""
        resolved = path.resolve()
        if not self.dropped:
            return os.access(resolved, os.R_OK | os.X_OK)
        return all(self._permitted(step) for step in (resolved, *resolved.parents))

    def check_entry(self, directory: Path) -> None:
        """Raise MachineError when this account may not enter `directory`."""
        if self.dropped and not self.can_read(directory):
            raise MachineError(
                f"The server runs as the user {self.name}, who may not enter {directory}.",
                "Choose a directory that everybody may enter; the harness opens none that it did not make.",
            )

    def _permitted(self, path: Path) -> bool:
        mode = path.stat().st_mode
        needed = stat.S_IROTH | stat.S_IXOTH if path.is_file() else stat.S_IXOTH
        return mode & needed == needed


def server_account() -> Account:
    """This user; as root `nobody`, else `postgres`. Raises MachineError when root finds neither."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), str(os.geteuid()), dropped=False)
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name, dropped=True)
    raise MachineError(
        "PostgreSQL does not run as root, and this machine has neither a user 'nobody' nor a user 'postgres'.",
        "Run the harness as an ordinary user, or make one of the two.",
    )
