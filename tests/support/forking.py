"""`python -m tests.support.forking MODULE…`: imports these once, then runs commands in forks of itself, one after another.

A line of JSON asks for one: `module`, `arguments`, `cwd`, `env`, and the files `out` and `err`. Two lines answer: the number
of its process when it begins, its exit code (negative: the signal that ended it) when it has ended. See `warm`.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def serve() -> Mapping[str, Any] | None:
    """Answer until nobody asks: None. In each fork: what it is to run."""
    answers, requests = os.fdopen(os.dup(1), "w", buffering=1), os.fdopen(os.dup(0))
    os.dup2(2, 1)  # what an import prints is no answer
    while line := requests.readline():
        child = os.fork()
        if child == 0:
            requests.close()
            answers.close()
            asked: Mapping[str, Any] = json.loads(line)
            return asked
        print(child, file=answers)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers)
    return None


def become(asked: Mapping[str, Any]) -> None:
    """What a process of its own has: a session, folder, environment, arguments, and the three streams."""
    os.setsid()
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], os.O_WRONLY),
        (2, asked["err"], os.O_WRONLY),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.path[0] = asked["cwd"]
    sys.argv = ["", *asked["arguments"]]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        import_module(name)
    gc.collect()
    gc.freeze()
    wanted = serve()
    if wanted is not None:
        become(wanted)
        runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
