"""This suite's own verbs. A function with `@verb` is a verb: typed arguments, known to the loader and to editors."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from harness.errors import InputError
from harness.scenario.registry import verb
from harness.scenario.world import World

__all__ = ["MigrateArgs", "migrate"]


@dataclass(frozen=True)
class MigrateArgs:
    """Which migration, and whether it is for earnest."""

    file: Annotated[str, "a file of fixtures/migrations"]
    execute: Annotated[bool, "false: only say what would be done"] = True


@verb("migrate", shorthand="file", kind="low")
def migrate(world: World, args: MigrateArgs) -> Any:
    """Apply a migration to the scenario's own database, as `harness migrate apply` does (R02).

    Gives `{outcome, exit_code}`: the exit code is 0 only when the migration is there, or would be.
    """
    # imported here: this file is read by every command that loads scenarios, and few of them migrate
    from harness.migrations.applying import ApplyOptions, apply
    from harness.migrations.patience import Patience
    from harness.migrations.reading import plan

    path = world.stage.fixtures / "migrations" / args.file
    if not path.is_file():
        raise InputError(f"There is no migration {args.file}.", "Name a file of fixtures/migrations.")
    options = ApplyOptions(execute=args.execute, patience=Patience(attempts=3), records=None)
    with _as_the_target_has_it(world, path) as seen:
        applied = apply(world.stage.sandbox.database.dsn, plan(seen).target, options)
    world.touched()
    world.tell(migrated=_the_same_each_time(applied.lines))
    return {"outcome": applied.outcome, "exit_code": 0 if applied.good else 1}


@contextmanager
def _as_the_target_has_it(world: World, path: Path) -> Iterator[Path]:
    """The file, or what a target whose history has a defect makes of it."""
    text = path.read_text(encoding="utf-8")
    changed = world.stage.target.rewritten(path, text)
    if changed == text:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="harness-history-") as folder:
        seen = Path(folder) / path.name
        seen.write_text(changed, encoding="utf-8")
        yield seen


def _the_same_each_time(lines: Iterable[str]) -> list[str]:
    """What was said, without where the server of this run stands and how long a statement took."""
    return [re.sub(r" after \d+ ms", "", line) for line in lines if not line.startswith("target ")]
