"""What a run is asked to do."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

__all__ = ["RunOptions"]


class RunOptions(Struct, frozen=True, kw_only=True):
    """Every choice of one run; the defaults are those of the command line (DESIGN: the command line).

    `shard` is (I, N), counted from 1. `workers` 0 means one per core. `seed` None draws one and prints it.
    """

    paths: tuple[str, ...] = ()
    root: Path = field(default_factory=Path.cwd)
    tags: tuple[str, ...] = ()
    text: str | None = None
    covers: tuple[str, ...] = ()
    last_failed: bool = False
    shard: tuple[int, int] | None = None
    repeat: int = 1
    shuffle: bool = False
    seed: int | None = None
    target: str = "reference"
    start: str | None = None  # the command that serves a URL target
    schema: str | None = None  # 'before' or 'after' the update; None: what the target was made for
    database: str = "auto"
    workers: int = 1
    fail_fast: bool = False
    max_failures: int | None = None
    retries: int = 0
    fail_on_flaky: bool = False
    allure: bool = False
    reports: Path | None = None
    command: str = "harness run"

    @property
    def failure_limit(self) -> int | None:
        """After how many failures the run stops; None: never."""
        return 1 if self.fail_fast else self.max_failures
