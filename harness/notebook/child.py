"""The process that a notebook's run happens in: options on standard input, events as lines of JSON on standard output.

A process of its own because a kernel has threads, which a forked worker must not inherit; because it sees the code as
it is now, not as it was when the kernel imported it; and because Ctrl-C ends it with its report finished.
When the reader of its events is gone (the kernel was restarted) it stops in the same way.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from harness.errors import HarnessError
from harness.memory import collect_rarely

if TYPE_CHECKING:
    from harness import records
    from harness.session import RunOptions, RunResult

__all__ = ["Teller", "main", "options_from", "options_text"]

_PATHS = ("root", "reports")


def options_text(options: RunOptions) -> str:
    """`options` as JSON, to be read by `options_from`."""
    from msgspec.structs import asdict

    return json.dumps(asdict(options), default=str)


def options_from(text: str) -> RunOptions:
    """The options that `options_text` wrote."""
    from harness.session import RunOptions

    value: dict[str, Any] = json.loads(text)
    for name in _PATHS:
        value[name] = None if value[name] is None else Path(value[name])
    for name in ("paths", "tags", "covers"):
        value[name] = tuple(value[name])
    value["shard"] = None if value["shard"] is None else tuple(value["shard"])
    return RunOptions(**value)


class Teller:
    """A listener of a run that tells every event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, event: str, **more: Any) -> None:
        """One line; the run is asked to stop when nobody reads any more."""
        try:
            self._stream.write(json.dumps({"event": event, **more}, ensure_ascii=False) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._stream = io.StringIO()
            signal.raise_signal(signal.SIGINT)

    def planned(self, *, cases: int, target: str, seed: int, workers: int) -> None:
        self.tell("planned", cases=cases, target=target, seed=seed, workers=workers)

    def database(self, about: dict[str, Any]) -> None:
        self.tell("database", text=f"PostgreSQL {about['version']}, {about['kind']}")

    def note(self, text: str) -> None:
        self.tell("note", text=text)

    def finished(self, record: records.Scenario) -> None:
        self.tell("finished", scenario_id=record.scenario_id, outcome=record.outcome, failure=record.failure)

    def completed(self, result: RunResult) -> None:
        directory = str(result.report.parent) if result.report else None
        self.tell("completed", directory=directory, headline=result.headline(), exit_code=result.exit_code)


def main() -> int:
    """Run what standard input asks for; the exit code is the run's."""
    collect_rarely()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a verb prints goes to standard error, not between the events
    teller = Teller(events)
    try:
        from harness.session import run

        return run(options_from(sys.stdin.read()), teller).exit_code
    except HarnessError as error:
        teller.tell("error", text=str(error), exit_code=error.exit_code)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
