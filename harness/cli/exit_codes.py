"""Exit codes: a contract that scripts depend on. They agree with pytest's where both have one."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """What the process says when it ends."""

    OK = 0
    FAILED = 1  # the product failed a check, a hazard was found, a defect survived
    INTERRUPTED = 2
    FAULT = 3  # of the harness itself
    INPUT = 4  # bad input or usage, a mistake of a scenario that only its run could show
    NOTHING = 5  # nothing selected, or nothing of it could run
    MACHINE = 10  # no database, no Docker, no disk
    FLAKY = 11  # flaky only, with --fail-on-flaky
    GATE = 12  # an audit gate failed
