"""Bad input and what a script sees of it: the message, where, and the exit code; never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
    done = run(suite, "--report", tmp_path / "r")
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
        (["--tag", "nope"], 4, "No scenario has the tag nope."),
        (["-k", "no such scenario"], 5, "none of"),
        (["--target", "legasy"], 4, "Did you mean legacy?"),
        (["--target", "defect:NOPE"], 4, "There is no defect 'NOPE'."),
        (["--schema", "later"], 4, "neither before nor after"),
        (["--shard", "3/2"], 4, "is not I/N"),
        (["--workers", "none"], 4, "neither auto nor a number"),
        (["--color", "blue"], 4, "not one of auto, always, never"),
        (["--bogus"], 4, "No such option: --bogus"),
        (["--database", "oracle"], 4, "oracle"),
        (["--database", "postgresql://nobody:hunter2secret@127.0.0.1:1/none"], 10, "127.0.0.1"),
        (["--covers", "R99"], 4, "There is no rule R99."),
    ],
)
def test_what_cannot_be_is_told_with_its_code(arguments: list[str], code: int, said: str, suite: Path) -> None:
    paths = [] if arguments[0].endswith(".yaml") else [str(suite)]
    done = harness("run", *paths, *arguments)
    assert done.code == code, done
    assert said in done.err, done
    assert "Traceback" not in done.err + done.out
    assert "hunter2secret" not in done.err + done.out


def test_every_mistake_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("expect: STATUS", "expct: 200").replace("http:", "htp:", 1))
    done = harness("validate", str(tmp_path))
    assert done.code == 4, done
    for name in ("a", "b"):
        assert f"{name}.yaml:6:13: " in done.err, done
        assert f"{name}.yaml:9:" in done.err, done
    assert "Did you mean http?" in done.err


def test_a_full_disk_is_told_and_leaves_no_traceback(suite: Path) -> None:
    done = run(suite, "--report", "/dev/full/reports")
    assert done.code == 10, done
    assert "Traceback" not in done.err
    assert "/dev/full" in done.err


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
