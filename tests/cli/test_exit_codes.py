"""Bad input and what a script sees of it: the message, where, and the exit code; never a traceback."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli import _machine
from harness.project import relative
from tests.support.commands import ROOT, Finished, harness

GOOD = """
feature: One
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: It is there
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: It is elsewhere
    tags: [other]
    when: [{http: {GET: /api/scheduling/session-types}, expect: STATUS}]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "one.yaml"
    path.write_text(GOOD.replace("STATUS", "200"))
    return path


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    path = tmp_path / "failing.yaml"
    path.write_text(GOOD.replace("STATUS", "404"))
    return path


def run(*arguments: object, **options: Any) -> Finished:
    return harness("run", "--database", "embedded", *map(str, arguments), **options)


def test_all_good_is_0(suite: Path, tmp_path: Path) -> None:
    done = run(suite, "--report", tmp_path / "r", cold=True)
    assert done.code == 0, done
    assert "2 passed" in done.out


def test_a_failed_check_is_1_and_says_how_to_run_it_again(failing: Path, tmp_path: Path) -> None:
    done = run(failing, "--report", tmp_path / "r", "--seed", "5")
    assert done.code == 1, done
    assert "$.status   expected 404   got 200" in done.out
    assert f"harness run {relative(failing, ROOT)}:7 --seed 5" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.yaml"], 4, "There is no nowhere.yaml."),
        ([""], 4, "A path is empty"),
        (["--tag", "nope"], 4, "No scenario has the tag nope."),
        (["-k", "no such scenario"], 5, "none of"),
        (["--target", "legasy"], 4, "Did you mean legacy?"),
        (["--target", "defect:NOPE"], 4, "There is no defect 'NOPE'."),
        (["--schema", "later"], 4, "neither before nor after"),
        (["--shard", "3/2"], 4, "is not I/N"),
        (["--shard", "²/2"], 4, "is not I/N"),
        (["--workers", "²"], 4, "neither auto nor a number"),
        (["--report", ""], 4, "this names no folder"),
        (["--report", "r\udcff"], 4, "no UTF-8"),
        (["-k", "\udcff"], 5, "none of"),
        (["--watch", "--json"], 4, "it has no one document"),
        (["--workers", "none"], 4, "neither auto nor a number"),
        (["--color", "blue"], 4, "not one of auto, always, never"),
        (["--bogus"], 4, "No such option: --bogus"),
        (["--database", "oracle"], 4, "oracle"),
        (["--database", "postgresql://nobody:hunter2secret@127.0.0.1:1/none"], 10, "127.0.0.1"),
        (["--covers", "R99"], 4, "There is no rule R99."),
        (["--tag", "other smoke"], 4, "smoke stands in the tag expression 'other smoke' without `and` or `or`"),
        (["--tag", "(other smoke"], 4, "smoke stands in the tag expression '(other smoke' without"),
    ],
)
def test_what_cannot_be_is_told_with_its_code(arguments: list[str], code: int, said: str, suite: Path) -> None:
    paths = [str(suite)] if arguments[0].startswith("-") else []
    done = harness("run", *paths, *arguments)
    assert done.code == code, done
    assert said in done.err, done
    assert "Traceback" not in done.err + done.out
    assert "hunter2secret" not in done.err + done.out


def test_a_line_after_the_end_and_a_link_to_nothing_are_told(suite: Path) -> None:
    done = harness("run", f"{suite}:99")
    assert (done.code, "The file ends at line 10." in done.err) == (4, True), done
    link = suite.with_name("link.yaml")
    link.symlink_to("nothing.yaml")
    for path in (link, suite.parent):
        done = harness("validate", str(path))
        assert (done.code, "is a link to nothing.yaml, which is not there" in done.err) == (4, True), done


@pytest.mark.parametrize(
    ("beside", "named"), [("--tags", "--tags"), ("--verbs", "--verbs"), ("-t=x", "--tag"), ("-k=x", "-k")]
)
def test_a_list_does_not_leave_a_wish_out_in_silence(suite: Path, beside: str, named: str) -> None:
    done = harness("list", str(suite), "--rules", *beside.split("="))
    assert (done.code, f"it cannot stand beside {named}" in done.err) == (4, True), done


def test_a_scenario_file_whose_name_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"x\xff.yaml")).write_text("feature: X\n")
    done = harness("validate", str(tmp_path))
    assert (done.code, "is no UTF-8, which records need. Rename it." in done.err) == (4, True), done


def test_a_project_in_a_folder_whose_name_is_no_text_is_told(tmp_path: Path) -> None:
    scenarios = tmp_path / os.fsdecode(b"x\xff") / "scenarios"
    scenarios.mkdir(parents=True)
    (scenarios / "verbs.py").touch()
    (scenarios / "a.yaml").write_text("feature: X\n")
    done = harness("validate", cwd=scenarios.parent)
    assert (done.code, "is no UTF-8, which records need. Rename it." in done.err) == (4, True), done


def test_without_any_home_folder_a_run_is_as_ever(suite: Path, tmp_path: Path) -> None:
    """As in a container under a number that has no name."""
    nobody = "import os, pwd, sys; os.environ.pop('HOME', None); pwd.getpwuid = {}.__getitem__"
    words = ["run", str(suite), "-q", "--database", "embedded", "--report", str(tmp_path / "r")]
    program = f"{nobody}; from harness.cli import main; main({words!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in {0, 1}, done


def test_a_folder_that_was_removed_under_ones_feet_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    words = f"cd {tmp_path}/gone && rmdir ../gone && exec {sys.executable} -m harness list"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (
        10,
        "harness: The current folder is not there any more. Change to one that is.\n",
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("list --rules | true", 0), ("list | head -1", 0), ("run FILE -q --database embedded --report REPORT | true", 1),
        ("run FILE -q --database embedded --report REPORT --json | true", 1), ("nonsense 2>&1 | true", 4), ("list >&-", 0),
        ("run FILE -q --database embedded --report REPORT --json >&-", 1), ("run FILE -q --database embedded --report REPORT 2>&-", 1),
    ],
)  # fmt: skip
def test_a_reader_that_goes_away_changes_no_exit_code(failing: Path, tmp_path: Path, command: str, code: int) -> None:
    words = command.replace("FILE", str(failing)).replace("REPORT", str(tmp_path / "r"))
    line = f"{sys.executable} -m harness {words}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_what_failed_of_a_file_elsewhere_is_run_again_by_the_command_that_is_told(
    failing: Path, tmp_path: Path
) -> None:
    done = run(failing, "--report", tmp_path / "r", "--target", "legacy", "--schema", "after")
    told = [line.removeprefix("rerun   ") for line in done.out.splitlines() if line.startswith("rerun   harness run")]
    choices = "--target legacy@after --database embedded --last-failed"
    assert told == [f"harness run {failing} {choices} --report {tmp_path / 'r'}"]
    again = harness(*shlex.split(told[0])[1:])
    assert (again.code, "1 case on legacy@after" in again.out) == (1, True), again


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("expect: STATUS", "expct: 200").replace("http:", "htp:", 1))
    done = harness("validate", str(tmp_path))
    assert done.code == 4, done
    for name in ("a", "b"):
        assert f"{name}.yaml:6:13: " in done.err, done
        assert f"{name}.yaml:9:" in done.err, done
    assert "Did you mean http?" in done.err


def test_what_is_no_scenario_file_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "verbs.py").write_text("x = 1\n")
    (tmp_path / "rules.yaml").write_text("R01: One\n")
    for name, said in (("verbs.py", "A file of verbs is read with"), ("rules.yaml", "holds no scenarios")):
        done = harness("validate", str(tmp_path / name))
        assert (done.code, said in done.err) == (4, True), done
    done = harness("validate", str(tmp_path))
    assert (done.code, "There are no scenario files" in done.err) == (5, True), done


def test_a_json_document_is_alone_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "verbs.py").write_text(TALKING)
    path = tmp_path / "talking.yaml"
    path.write_text(
        "feature: F\nuse: [verbs.py]\ngiven: {catalog: production, visitor: anonymous}\n"
        "scenarios: [{scenario: One, when: [{talk: {}, expect: {gives: 1}}]}]\n"
    )
    done = run(path, "--report", tmp_path / "r", "--json")
    assert json.loads(done.out)["totals"]["passed"] == 1, done
    assert ("said by a verb" in done.err, "said by a child" in done.err) == (True, True), done
    (tmp_path / "verbs.py").write_text(f"{TALKING}\nprint('said by the file')\n")
    assert len(json.loads(harness("list", str(path), "--json").out)) == 1


TALKING = """
import subprocess
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class Nothing:
    pass

@verb("talk", kind="low")
def talk(world, args: Nothing):
    print("said by a verb")
    subprocess.run(["echo", "said by a child"], check=True)
    return 1
"""


def test_a_full_disk_is_told_and_leaves_no_traceback(suite: Path) -> None:
    done = run(suite, "--report", "/dev/full/reports")
    assert done.code == 10, done
    assert "Traceback" not in done.err
    assert "/dev/full" in done.err


@pytest.mark.parametrize("nowhere", [True, False])
def test_a_place_of_reports_that_is_no_folder_is_told(suite: Path, tmp_path: Path, nowhere: bool) -> None:
    place = tmp_path / "place"
    place.symlink_to("nothing") if nowhere else place.touch()
    done = run(suite, "--report", str(place))
    assert done.code == 10, done
    assert "That place is a file, or a link to nowhere: choose another with --report DIR." in done.err


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("schema", "The file system is read-only: make it writable."),
        ("run", "The file system is read-only: make it writable, or choose another place with --report DIR."),
        ("audit", "The file system is read-only: make it writable, or choose another place with --out DIR."),
    ],
)
def test_what_may_not_be_written_is_told_with_an_option_that_there_is(command: str, remedy: str) -> None:
    error = OSError(errno.EROFS, "Read-only file system", "/x")
    assert _machine(error, command) == f"harness: Read-only file system (/x). {remedy}"


def test_flaky_only_is_11_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    (tmp_path / "verbs.py").write_text(
        f"""
from dataclasses import dataclass
from pathlib import Path
from harness.scenario.registry import verb

@dataclass(frozen=True)
class NoArgs:
    pass

@verb("second_time_lucky", kind="low")
def second_time_lucky(world, args: NoArgs):
    '''Ask for something that is there at the second attempt only.'''
    path = Path({str(tmp_path / "count")!r})
    count = int(path.read_text()) + 1
    path.write_text(str(count))
    from harness.scenario.transport import HttpRequest
    world.send(HttpRequest("GET", "/api/scheduling/session-types" if count > 1 else "/api/nowhere"), "visitor")
"""
    )
    (tmp_path / "flaky.yaml").write_text(
        """
feature: Flaky
use: [verbs.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: At the second attempt
    when: [{second_time_lucky: {}, expect: 200}]
"""
    )
    done = run(tmp_path / "flaky.yaml", "--retries", "1", "--fail-on-flaky", "--report", tmp_path / "r")
    assert done.code == 11, done
    assert "flaky" in done.out


MISTAKEN = """
feature: Mistaken
use: [verbs.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A value that is not there
    tags: [mine]
    when:
      - http: {GET: /api/scheduling/session-types}
        as: answer
      - http: {GET: "/api/$answer.nowhere"}
        expect: 200
  - scenario: A verb of mine breaks
    tags: [mine]
    when: [{break_down: harmless}, {http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: SQL drops what is looked at
    tags: [mine]
    when: [{sql: 'DROP TABLE "Booking" CASCADE'}]
    then: [{rows: {Booking: none}}]
  - scenario: SQL drops what the harness needs
    tags: [mine]
    when: [{sql: 'DROP SCHEMA harness CASCADE'}]
    then: [{changed: none}]
  - scenario: SQL ends every connection
    tags: [mine]
    when: [{sql: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity'}]
    then: [{changed: none}]
  - scenario: SQL takes too long
    tags: [mine]
    when: [{sql: 'SET statement_timeout = 5; SELECT pg_sleep(9)'}]
    then: [{changed: none}]
  - scenario: SQL breaks off in a transaction
    tags: [mine]
    when: [{sql: 'BEGIN; SELECT 1 / 0'}]
    then: [{changed: none}]
  - scenario: Everything is as before
    tags: [good]
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{rows: {Booking: none}}]
  - scenario: Does not hold
    tags: [bad]
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
  - scenario: A fault
    tags: [fault]
    when: [{break_down: harness}, {http: {GET: /api/scheduling/session-types}, expect: 200}]
  - scenario: Skipped
    tags: [skipped]
    skip: not now
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
"""
BREAKING = """
from dataclasses import dataclass
from harness.errors import HarnessFault
from harness.scenario.registry import verb

@dataclass(frozen=True)
class Whose:
    whose: str

@verb("break_down", shorthand="whose", kind="low")
def break_down(world, args: Whose):
    \"\"\"Break.\"\"\"
    if args.whose == "harness":
        raise HarnessFault("It was us.")
    raise KeyError(args.whose)
"""


def test_the_code_says_whose_error_it_is_and_none_spoils_the_next_scenario(tmp_path: Path) -> None:
    path = tmp_path / "mistaken.yaml"
    path.write_text(MISTAKEN)
    (tmp_path / "verbs.py").write_text(BREAKING)
    ended = {}
    for tags in ("mine or good", "mine or bad", "fault or bad", "skipped", "skipped or good"):
        done = run(path, "-t", tags, "--report", tmp_path / "r")
        ended[tags] = done.code
        if tags == "mine or good":
            assert "1 passed, 7 error" in done.out, done
        assert ("fault of the harness" in done.out or "It was us" in done.out) is (tags == "fault or bad"), done
        assert ("1 skipped: nothing ran" in done.out) is (tags == "skipped"), done
    assert ended == {"mine or good": 4, "mine or bad": 1, "fault or bad": 3, "skipped": 5, "skipped or good": 0}


def test_the_help_knows_every_code_that_a_run_ends_with() -> None:
    told = harness("run", "--help").out
    for code in (0, 1, 2, 3, 4, 5, 10, 11):
        assert f"{code}: " in told, code
