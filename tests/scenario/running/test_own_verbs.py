"""What verbs of one's own do to their scenario when they leave, raise, or give what cannot be written."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from harness.interrupts import AskedToEnd
from tests.scenario.running.conftest import Play

LEAVING = '''
from dataclasses import dataclass
from harness.interrupts import AskedToEnd
from harness.scenario.registry import verb

@dataclass(frozen=True)
class LeaveArgs:
    how: str

@verb("leave", shorthand="how", kind="low")
def leave(world, args: LeaveArgs):
    """Leave the process, as a script does."""
    raise {"exit": SystemExit(0), "fail": ValueError("no"), "signal": AskedToEnd(143), "odd": GeneratorExit(), "ctrl-c": KeyboardInterrupt()}[args.how]
'''


LEAVING_HEAD = "feature: A test\nuse: [leaving.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("leave: exit", "This verb failed: SystemExit: 0 (leave, leaving.py line 13)"),
        ("leave: odd", "This verb failed: GeneratorExit:  (leave, leaving.py line 13)"),
        ("parallel: [[{leave: odd}]]", "This verb failed: GeneratorExit:  (leave, leaving.py line 13)"),
        ("parallel: [[{leave: exit}]]", "This verb failed: SystemExit: 0 (leave, leaving.py line 13)"),
        ("parallel: [[{leave: fail}]]", "This verb failed: ValueError: no (leave, leaving.py line 13)"),
    ],
)
def test_a_verb_that_leaves_the_process_is_an_error_of_its_scenario(play: Play, step: str, told: str) -> None:
    played = play(f"when: [{{{step}}}]\nthen: [{{changed: none}}]", head=LEAVING_HEAD, files={"leaving.py": LEAVING})
    assert played.outcome == "error"
    assert told in played.failure


def test_a_signal_that_asks_the_process_to_end_is_no_error_of_a_scenario(play: Play) -> None:
    with pytest.raises(AskedToEnd):
        play("when: [{leave: signal}]\nthen: [{changed: none}]", head=LEAVING_HEAD, files={"leaving.py": LEAVING})


def test_an_interrupt_that_nobody_sent_is_an_error_of_its_scenario(play: Play, request: pytest.FixtureRequest) -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)  # as a run has a handler of its own
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    steps = "when: [{leave: ctrl-c}]\nthen: [{changed: none}]"
    played = play(steps, head=LEAVING_HEAD, files={"leaving.py": LEAVING})
    assert played.outcome == "error"
    assert "This verb failed: KeyboardInterrupt" in played.failure


def test_an_interrupt_that_was_sent_ends_the_run(play: Play) -> None:
    with pytest.raises(KeyboardInterrupt):
        play("when: [{leave: ctrl-c}]\nthen: [{changed: none}]", head=LEAVING_HEAD, files={"leaving.py": LEAVING})


def test_half_a_surrogate_pair_is_written_out_where_a_failure_is_shown(play: Play) -> None:
    source = """
from dataclasses import dataclass

from harness.scenario.registry import verb


@dataclass(frozen=True)
class Args:
    pass


@verb("halved")
def halved(world, args: Args):
    return chr(0xD800) + " alone"
"""
    head = "feature: A test\nuse: [halved.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
    played = play("when: [{halved: {}, expect: {gives: whole}}]", head=head, files={"halved.py": source})
    assert played.outcome == "failed", played.failure
    assert r"\ud800 alone" in played.failure
    assert played.failure.encode("utf-8")


def test_an_exception_without_a_text_is_an_error_of_its_scenario_alone(play: Play) -> None:
    source = """
from dataclasses import dataclass

from harness.scenario.registry import verb


@dataclass(frozen=True)
class Args:
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@verb("mute")
def mute(world, args: Args):
    raise Mute
"""
    head = "feature: A test\nuse: [mute.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
    played = play("when: [{mute: {}, expect: {gives: 1}}]", head=head, files={"mute.py": source})
    assert (played.outcome, played.scenario.fault) == ("error", False), played.failure
    assert "This verb failed: Mute: (its text cannot be made) (mute, mute.py line 19)" in played.failure


ENDLESS = '''
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class NoArgs:
    """Nothing."""

@verb("endless", kind="low")
def endless(world, args: NoArgs):
    """Give what holds itself."""
    held = [1]
    held.append(held)
    return {"held": held}
'''


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{endless: {}, expect: {gives: $x}}", "This cannot be compared: a value here is nested without end"),
        (
            "{endless: {}, expect: {gives: <one of 1|$x>}}",
            "This cannot be compared: a value here is nested without end",
        ),
        ("{http: {POST: /api/nowhere, body: $x}}", "This body cannot be sent as JSON: Circular reference detected."),
        ("{sql: {run: 'SELECT %(x)s::jsonb AS x', params: {x: $x}}}", "This parameter is no value of JSON: Circular"),
    ],
)
def test_a_value_that_holds_itself_is_the_scenarios_mistake(play: Play, step: str, told: str) -> None:
    head = "feature: A test\nuse: [endless.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
    played = play(
        f"when: [{{endless: {{}}, as: x}}, {step}]\nthen: [{{changed: none}}]", head=head, files={"endless.py": ENDLESS}
    )
    assert (played.outcome, played.scenario.fault) == ("error", False), played.failure
    assert told in played.failure


WRITING = """
import os, subprocess, sys
from harness.scenario.ownoutput import masked_output

mask = lambda text: text.replace("secret", "***")
with masked_output(mask):
    os.write(1, b"a sec")
    os.write(1, b"ret\\n")
    os.write(1, b"begun: secret")
    os.write(1, bytes([255]) + b"\\n")
    late = subprocess.Popen(["sh", "-c", "read x; echo late: secret"], stdin=subprocess.PIPE)
    if os.fork() == 0:
        with masked_output(mask):
            os.write(2, b"a child's secret\\n")
        os._exit(0)
    os.wait()
os.write(1, b"after: secret\\n")
late.communicate(b"x\\n")
with masked_output(mask):
    pass
"""


def test_what_is_written_to_a_descriptor_is_masked_while_a_verb_runs_and_what_it_started_for_good() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", WRITING], capture_output=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [b"a ***", b"begun: ***\xff", b"after: secret", b"late: ***"]
    assert done.stderr == b"a child's ***\n"


def test_a_verb_that_closes_what_it_prints_to_does_not_close_it_for_the_run() -> None:
    code = """
import sys
from harness.scenario.ownoutput import masked_output

with masked_output(lambda text: text.replace("secret", "***")):
    sys.stdout.write("a secret")
    sys.stdout.close()
print("goes on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("a ***goes on\n", "")


LATE = """
import atexit, sys, threading
from harness.scenario.ownoutput import masked_output

go, gone = threading.Event(), threading.Event()

def later():
    go.wait()
    print("late secret", flush=True)
    sys.stderr.write("an error of a secret\\n")
    sys.stdout.buffer.write(b"bytes of a secret\\n")
    gone.set()

for _ in range(2):
    with masked_output(lambda text: text.replace("secret", "***")):
        atexit.register(print, "at the end a secret")
threading.Thread(target=later).start()
print("the run's own secret")
go.set()
gone.wait()
print("the last line's secret")
"""


def test_what_a_thread_prints_after_its_verb_and_what_is_printed_at_the_end_is_masked() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        "the run's own secret", "late ***", "bytes of a ***", "the last line's secret", *["at the end a ***"] * 2,
    ]  # fmt: skip
    assert done.stderr == "an error of a ***\n"


def test_a_process_without_standard_output_runs_verbs_all_the_same() -> None:
    code = "from harness.scenario.ownoutput import masked_output\nwith masked_output(str): print('x')"
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0
