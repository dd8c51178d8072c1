"""Rehearsed migrations: what a change of the schema does, measured before production sees it.

`harness.migrations.check(path, baseline=…)` is for notebooks and prompts; the modules hold the parts:

reading.plan(path, baseline)              what is checked on top of what
checking.check(server, plan, Options())   every phase, each run or not checked because… → Report
rollout.rollout(suite, findings)          {legacy, reference} × {before, after}, and the deploy order
applying.apply(url, scripts, options)     to the database named by DATABASE_URL
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.migrations.interactive import check

__all__ = ["check"]


def __getattr__(name: str) -> Any:
    if name == "check":  # imported when asked for: it brings a parser of SQL and a database driver
        from harness.migrations.interactive import check

        return check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
