"""What a verb of one's own does to the process lasts as long as its scenario, and no longer."""

from __future__ import annotations

import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.running.conftest import Play

HEAD = "feature: A test\nuse: [own.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
OWN = """
import locale, logging, logging.config, os, random, signal, socket, sys, threading, time, warnings
from dataclasses import dataclass
from harness.scenario.registry import verb

class Here(logging.Handler):
    def emit(self, record): pass

@dataclass(frozen=True)
class DoArgs:
    what: str

@verb("do", shorthand="what", kind="low")
def do(world, args: DoArgs):
    exec(args.what, globals())
"""


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


FOUND: dict[str, tuple[str, Callable[[], Any]]] = {
    "working directory": ("os.chdir('/')", Path.cwd),
    "environment": ("os.environ['NEW'] = 'x'; del os.environ['HOME']", lambda: dict(os.environ)),
    "time zone": ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", lambda: (time.tzname, time.localtime().tm_zone)),
    "umask": ("os.umask(0o777)", _umask),
    "locale": ("locale.setlocale(locale.LC_ALL, 'C')", lambda: locale.setlocale(locale.LC_ALL)),
    "recursion": ("sys.setrecursionlimit(900)", sys.getrecursionlimit),
    "search path": ("sys.path.insert(0, '/nowhere')", lambda: list(sys.path)),
    "randomness": ("random.seed(1)", random.getstate),
    "socket timeout": ("socket.setdefaulttimeout(60)", socket.getdefaulttimeout),
    "root logger": (
        "logging.basicConfig(level=1, handlers=[Here()], force=True)",
        lambda: (logging.root.level, list(logging.root.handlers)),
    ),
    "warnings": ("warnings.simplefilter('ignore')", lambda: ("ignore", None, Warning, None, 0) in warnings.filters),
}
OF_THE_MAIN_THREAD: dict[str, tuple[str, Callable[[], Any]]] = {
    "signals": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", lambda: signal.getsignal(signal.SIGTERM)),
    "alarm": ("signal.alarm(5000)", lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 1000),
}
EVERYTHING = {**FOUND, **OF_THE_MAIN_THREAD}


@pytest.mark.parametrize("what", EVERYTHING)
def test_what_a_verb_changes_is_put_back_after_its_scenario(
    play: Play, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, look = EVERYTHING[what]
    monkeypatch.setenv("HOME", "/somewhere")
    before = look()
    played = play(f'when: [{{do: "{code}"}}]\nthen: [{{changed: none}}]', head=HEAD, files={"own.py": OWN})
    assert played.outcome == "passed", played.failure
    assert look() == before
    assert played.scenario.notes == ()


@pytest.mark.parametrize("what", FOUND)
def test_what_branches_change_is_put_back_too(play: Play, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, look = FOUND[what]
    monkeypatch.setenv("HOME", "/somewhere")
    before = look()
    branch = f'[{{do: "{code}"}}]'
    played = play(
        f"when: [{{parallel: [{branch}], copies: 2}}]\nthen: [{{changed: none}}]", head=HEAD, files={"own.py": OWN}
    )
    assert look() == before, played.failure


def test_a_later_step_still_finds_what_a_verb_changed(play: Play) -> None:
    look = "assert os.environ['NEW'] == 'x' and os.getcwd() == '/'"
    steps = ["os.environ['NEW'] = 'x'; os.chdir('/')", look]
    played = play(
        "when:\n" + "".join(f'  - do: "{each}"\n' for each in steps) + "then: [{changed: none}]",
        head=HEAD,
        files={"own.py": OWN},
    )
    assert played.outcome == "passed", played.failure


def test_what_a_verb_that_raised_changed_is_put_back(play: Play) -> None:
    before = Path.cwd()
    played = play("when: [{do: \"os.chdir('/'); 1/0\"}]\nthen: [{changed: none}]", head=HEAD, files={"own.py": OWN})
    assert (played.outcome, Path.cwd()) == ("error", before), played.failure


@pytest.mark.parametrize(
    "code",
    [
        "logging.config.dictConfig({'version': 1})",
        "logging.disable(logging.CRITICAL)",
        "logging.getLogger('booking').handlers.clear()",
        "logging.getLogger('booking').setLevel(logging.CRITICAL)",
    ],
)
def test_the_applications_log_is_heard_whatever_a_verb_sets_up(play: Play, code: str) -> None:
    body = f'''
when:
  - do: "{code}"
  - select_session: intro-call
  - schedule: "2030-03-06T10:00Z"
  - create: {{}}
then: [{{logs: {{some: {{level: info}}}}}}]
'''
    played = play(body, head=HEAD, files={"own.py": OWN})
    assert played.outcome == "passed", played.failure


def test_a_thread_that_goes_on_is_told(play: Play) -> None:
    code = "go_on = threading.Event(); threading.Thread(target=go_on.wait, args=(20,), daemon=True).start()"
    started = set(threading.enumerate())
    played = play(f'when: [{{do: "{code}"}}]\nthen: [{{changed: none}}]', head=HEAD, files={"own.py": OWN})
    assert played.outcome == "passed", played.failure
    assert played.scenario.notes == (
        "a thread goes on that a verb of one's own started: what it does now falls into other scenarios",
    )
    assert len(set(threading.enumerate()) - started) == 1


def test_a_file_of_verbs_does_not_take_the_command_elsewhere(play: Play) -> None:
    before = (Path.cwd(), _umask())
    source = f"import os\nos.chdir('/')\nos.umask(0o777)\nos.environ['OF_OUR_VERBS'] = 'x'\n{OWN}"
    look = "assert os.environ['OF_OUR_VERBS'] == 'x'"
    try:
        played = play(f'when: [{{do: "{look}"}}]\nthen: [{{changed: none}}]', head=HEAD, files={"own.py": source})
    finally:
        os.environ.pop("OF_OUR_VERBS", None)
    assert played.outcome == "passed", played.failure
    assert (Path.cwd(), _umask()) == before


SPOILING = """
from dataclasses import dataclass
from typing import Any
from harness.scenario.registry import Value, verb

@dataclass(frozen=True)
class SpoilArgs:
    of: Value

@verb("spoil", shorthand="of", kind="low")
def spoil(world, args: SpoilArgs):
    found = args.of.pop("id" if isinstance(args.of, dict) else 0)
    return {"found": found, "left": args.of}
"""


@pytest.mark.parametrize("of", ["$catalog.builder", "$x", "$y.k"])
def test_what_outlasts_a_scenario_a_verb_gets_a_copy_of(play: Play, of: str) -> None:
    body = f"""
matrix: {{x: [[1, 2]], y: [{{k: {{id: 3}}}}]}}
when:
  - spoil: {of}
    as: once
  - spoil: {of}
    expect: {{gives: {{found: $once.found}}}}
  - http: {{POST: /api/nowhere, body: [$x, $y]}}
    expect: 404
"""
    head = HEAD.replace("own.py", "spoiling.py")
    played = play(body, head=head, files={"spoiling.py": SPOILING})
    assert played.outcome == "passed", played.failure
