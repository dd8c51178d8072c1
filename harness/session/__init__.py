"""One run of scenarios: what it is asked, how it goes, what it came to.

Planning a run needs none of what running it needs, so each module is imported when a name of it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import names_at

if TYPE_CHECKING:
    from harness.session.bench import Bench, cases_of
    from harness.session.counting import Counting
    from harness.session.listener import Listener, Silent
    from harness.session.options import RunOptions
    from harness.session.result import RunResult
    from harness.session.running import run
    from harness.session.watching import watch_and_run

__all__ = ["Bench", "Counting", "Listener", "RunOptions", "RunResult", "Silent", "cases_of", "run", "watch_and_run"]

_HOMES = {
    "Bench": "bench",
    "Counting": "counting",
    "Listener": "listener",
    "RunOptions": "options",
    "RunResult": "result",
    "Silent": "listener",
    "cases_of": "bench",
    "run": "running",
    "watch_and_run": "watching",
}

__getattr__ = names_at(__name__, _HOMES)
