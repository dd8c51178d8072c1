"""`python -m tests.soak`: the whole suite two hundred times, and once on every correct variant, without one failure.

Each run prints a line and is kept in `.harness/soak/`; what was stopped goes on where it was, while the code is the same.
Exit code 0: all were done and nothing failed; 1: something failed; 2: stopped before the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.session.plan import suite_of
from tests.soak.runs import Ended, Log, Planned, plan, soak

ROOT = Path(__file__).resolve().parents[2]


def main(words: Sequence[str]) -> int:
    asked = _asked(words)
    root: Path = asked.root
    log = Log(root)
    done = [] if asked.afresh else log.read()
    known = {Planned(each.target, each.number) for each in done}
    wanted = plan(asked.runs, variants=not asked.no_variants)
    todo = [each for each in wanted if each not in known]
    found = [each for each in done if Planned(each.target, each.number) in set(wanted)]
    suite = suite_of((), root)
    if found:
        print(f"{len(found)} of {len(wanted)} runs were done before ({log.path})", flush=True)
    began, cases = time.monotonic(), len(suite.cases)
    try:
        for ended in soak(suite, root, todo, database=asked.database, workers=asked.workers, tell=_tell):
            log.add(ended)
            found.append(ended)
            left = (time.monotonic() - began) / (len(found) - len(wanted) + len(todo)) * (len(wanted) - len(found))
            _tell(f"{len(found):>3} of {len(wanted)}  {_line(ended)}  about {left / 60:.0f} min left")
    except KeyboardInterrupt:
        _tell("stopped; the same command goes on from here")
    return _end(found, wanted, cases)


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.soak", description=__doc__, add_help=True)
    parser.add_argument("--runs", type=int, default=200, help="how often on the reference (200)")
    parser.add_argument("--no-variants", action="store_true", help="not on the correct variants")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many runs at once (all cores)")
    parser.add_argument("--database", default="embedded", help="embedded, testcontainers or postgresql://…")
    parser.add_argument("--afresh", action="store_true", help="do not count what was done before")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _line(ended: Ended) -> str:
    failed = f"{len(ended.failures)} FAILED" if ended.failures else "all passed"
    return f"{ended.target} {ended.number}: seed {ended.seed}, {ended.cases} cases, {failed}, {ended.seconds:.0f} s"


def _end(found: Sequence[Ended], wanted: Sequence[Planned], cases: int) -> int:
    failed = [failure for each in found for failure in each.failures]
    for failure in failed:
        print(f"  {failure}")
    ran = sum(each.cases for each in found)
    print(f"{len(found)} of {len(wanted)} runs of {cases} cases: {ran - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0 if len(found) == len(wanted) else 2


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
