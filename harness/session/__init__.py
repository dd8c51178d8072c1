"""One run of scenarios: what it is asked, how it goes, what it came to."""

from __future__ import annotations

from harness.session.bench import Bench, cases_of
from harness.session.listener import Listener, Silent
from harness.session.options import RunOptions
from harness.session.result import RunResult
from harness.session.run import run
from harness.session.watching import watch_and_run

__all__ = ["Bench", "Listener", "RunOptions", "RunResult", "Silent", "cases_of", "run", "watch_and_run"]
