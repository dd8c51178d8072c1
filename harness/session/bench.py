"""A bench: a server, a stage on it, and cases run one after another. What a worker and the pytest plugin share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from msgspec import Struct, structs

from harness import records
from harness.errors import InputError
from harness.postgres import Server, open_server
from harness.scenario.application import preload
from harness.scenario.fixtures import kept
from harness.scenario.model import Case, Suite
from harness.scenario.runner import run_case
from harness.scenario.stage import Stage
from harness.scenario.targets import Target, parse_target
from harness.session.plan import suite_of

__all__ = ["Bench", "cases_of"]

Sink = Callable[[records.Record], None]


class Bench(Struct):
    """Open it, run cases on it, close it."""

    server: Server
    stage: Stage

    @classmethod
    def over(
        cls,
        suite: Suite,
        *,
        root: Path,
        target: Target,
        database: str,
        seed: int,
        worker: int = 0,
        sink: Sink | None = None,
        note: Callable[[str], None] | None = None,
        server_of: Callable[[], Server] | None = None,
    ) -> Self:
        """A bench for the cases of `suite`, on a server of its own: `server_of()`, else one of the choice `database`.

        Raises:
            MachineError: no database of that choice can be had, or nobody listens at the target's URL.
        """
        if target.url is not None and target.start is None:
            from harness.scenario.deployment import reach

            reach(target.url)
        fixtures = root / "fixtures"
        with ThreadPoolExecutor(max_workers=1) as meanwhile:
            imported = meanwhile.submit(preload, target)  # the database takes as long to fill as this takes to import
            first = suite.cases[0].given.catalog if suite.cases else None
            server = server_of() if server_of else open_server(database, note=note, keep=kept(fixtures, target, first))
            try:
                stage = Stage(server, target, suite, fixtures, sink or _nowhere, seed, worker)
                bench = cls(server, stage)
            except BaseException:  # Ctrl-C too: a server without a stage must not stay
                server.close()
                raise
            try:
                if first is not None:
                    with contextlib.suppress(InputError):  # each case that needs it says what is wrong
                        stage.prepare(first)
                imported.result()
            except BaseException:
                bench.close()
                raise
        return bench

    @classmethod
    def open(cls, paths: Sequence[Path], *, root: Path, target: str, database: str, seed: int) -> Self:
        """A bench for the cases of some files, in whatever order they come, as the pytest plugin needs it.

        Raises:
            InputErrors: the files cannot be run together, as `harness run PATHS` would say.
        """
        suite = suite_of([str(path) for path in paths], root)
        return cls.over(suite, root=root, target=parse_target(target), database=database, seed=seed)

    @property
    def about(self) -> dict[str, Any]:
        """Which database this is, for the manifest."""
        return structs.asdict(self.server.info)

    def run(self, case: Case, *, retries: int = 0) -> records.Scenario:
        """Run `case`, again up to `retries` times while it fails; the record of the last attempt."""
        record = run_case(self.stage, case)
        attempt = 1
        while record.outcome in {"failed", "error"} and attempt <= retries:
            attempt += 1
            record = run_case(self.stage, case, attempt)
        return record

    def close(self) -> None:
        """Close the stage and the server; nothing stays."""
        try:
            self.stage.close()
        finally:
            self.server.close()


def cases_of(path: Path, root: Path) -> Sequence[Case]:
    """The cases of one file, in its order.

    Raises:
        InputErrors: every mistake of the file.
    """
    return suite_of((str(path),), root).cases


def _nowhere(_: records.Record) -> None:
    """Nobody reads the records."""
