"""`pytest scenarios/` and `harness run` agree, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Finished, harness, python
from tests.support.projects import FREE_SESSION, make_project

LEAN = ("-p", "no:hypothesispytest", "-p", "no:anyio")
"""Plugins that whoever runs scenarios has not: two seconds of imports for each run."""
MIXED = """
feature: Mixed
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: This holds
    matrix: {path: [session-types, sessions/available]}
    when: [{http: {GET: "/api/scheduling/$path"}, expect: 200}]
  - scenario: This does not hold
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
  - scenario: This is not ready
    skip: nobody has built it
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
  - scenario: This asks for what is not there
    when:
      - {http: {GET: /api/scheduling/session-types}, as: answer, expect: 200}
      - {http: {GET: "/$answer.body.nothing"}, expect: 200}
"""


def outcomes_of_harness(*paths: Path, report: Path) -> dict[str, str]:
    done = harness(
        "run", *map(str, paths), "--database", "embedded", "--json", "--seed", "1", "--report", str(report), timeout=600
    )
    document = json.loads(done.out)
    return {f"{_named(row['file'])}::{row['name']}": row["outcome"] for row in document["scenarios"]}


def outcomes_of_pytest(*paths: Path) -> dict[str, str]:
    options = (*LEAN, "-p", "no:cacheprovider", "-rA", "-q", "--harness-database", "embedded", "--harness-seed", "1")
    done = python("pytest", *map(str, paths), *options, timeout=600)
    words = {"PASSED": "passed", "FAILED": "failed"}
    found = {}
    for line in done.out.splitlines():
        word, _, rest = line.partition(" ")
        if word in words and "::" in rest:
            name = rest.split(" - ")[0]
            file, _, title = name.partition("::")
            found[f"{_named(file)}::{title}"] = words[word]
    return found


def _named(file: str) -> str:
    """The path of a file outside the project, which both name relative to it."""
    return str((ROOT / file).resolve()) if file.startswith("..") else file


def test_every_outcome_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    ours = outcomes_of_harness(path, report=tmp_path / "r")
    theirs = outcomes_of_pytest(path)
    assert ours.pop(f"{path}::This is not ready") == "skipped"
    assert ours == {
        f"{path}::This holds [path=session-types]": "passed",
        f"{path}::This holds [path=sessions/available]": "passed",
        f"{path}::This does not hold": "failed",
        f"{path}::This asks for what is not there": "error",
    }
    assert theirs == {name: "passed" if outcome == "passed" else "failed" for name, outcome in ours.items()}


NOT_HOLDING = """
feature: Not holding
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Plain
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
  - scenario: Cases
    matrix: {n: [200, 405]}
    when: [{http: {GET: /api/scheduling/session-types}, expect: $n}]
  - scenario: "Weird [x=1] :: twice"
    repeat: 2
    when: [{http: {GET: /api/scheduling/session-types}, expect: 404}]
"""


def test_pytest_runs_again_what_failed_whatever_its_title(tmp_path: Path) -> None:
    (tmp_path / "lasting.yaml").write_text(NOT_HOLDING)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "scenarios" / "seen.yaml").write_text(NOT_HOLDING)
    (tmp_path / "scenarios" / ".hidden.yaml").write_text(NOT_HOLDING)

    def ran(*more: str, place: str = "lasting.yaml") -> str:
        words = [place, *LEAN, "-q", "--harness-database", "embedded", "-p", "no:randomly", *more]
        return python("pytest", *words, cwd=tmp_path).out

    assert "4 failed, 1 passed" in ran()
    assert "4 failed, 1 deselected" in ran("--lf")
    assert "1 failed, 4 deselected" in ran("-k", "405")
    assert "lasting.yaml::Cases [n=405]" in ran("--lf", "--collect-only")
    assert "5 tests collected" in ran("--collect-only", place="scenarios")
    assert "5 tests collected" in ran("--collect-only", place="scenarios/.hidden.yaml")


@pytest.mark.parametrize(
    ("folders", "cases"),
    [
        (("authenticated", "legacy"), 50),
        pytest.param((".",), 1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
    ids=["two folders", "the whole suite"],
)
def test_the_suite_agrees_case_by_case(folders: tuple[str, ...], cases: int, tmp_path: Path) -> None:
    paths = [ROOT / "scenarios" / name for name in folders]
    ours, theirs = outcomes_of_harness(*paths, report=tmp_path / "r"), outcomes_of_pytest(*paths)
    assert len(ours) > cases
    assert theirs == {name: outcome for name, outcome in ours.items() if outcome != "skipped"}


def test_scenarios_that_were_all_skipped_are_not_green_for_either(tmp_path: Path) -> None:
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    chosen = ["--database", "embedded", "--report", str(tmp_path / "r")]
    for text, code in (("ready", 5), ("This", 1), ("holds", 0)):
        ours = harness("run", str(path), "-k", text, *chosen)
        theirs = pytest_of(path, "-k", text)
        assert (ours.code, theirs.code) == (code, code), (text, ours, theirs.out)


def test_pytest_selects_by_a_tag(tmp_path: Path) -> None:
    (tmp_path / "tagged.yaml").write_text(
        MIXED.replace("This does not hold", "This does not hold\n    tags: [night-shift]")
    )
    for words, found in (("night-shift", "1/5 tests"), ("not night-shift", "4/5 tests")):
        done = pytest_of(tmp_path / "tagged.yaml", "-k", words, "--collect-only")
        assert found in done.out, done.out


def test_pytest_collects_every_file_that_is_there_to_be_run(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    one = "{scenario: One, when: [{http: {GET: /nowhere}, expect: 404}]}"
    given = "given: {catalog: production, visitor: anonymous}"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "flow.yaml").write_text(f'{{"feature": F, {given}, scenarios: [{one}]}}')
    (tmp_path / "elsewhere" / "old.yaml").write_bytes(f"# F\rfeature: F\r{given}\rscenarios: [{one}]\r".encode())
    (tmp_path / "elsewhere" / "other.yaml").write_text("services: {feature: 1}")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "slip.yaml").write_text("featrue: F\nscenarois: []\n")
    done = pytest_of("elsewhere", "--collect-only", cwd=tmp_path)
    assert "2 tests collected" in done.out, done.out
    done = pytest_of("scenarios", cwd=tmp_path)
    assert "A scenario file has no key featrue" in done.out, done.out


def pytest_of(*words: object, cwd: Path = ROOT) -> Finished:
    options = (*LEAN, "-p", "no:cacheprovider", "-q", "--harness-database", "embedded")
    return python("pytest", *map(str, words), *options, cwd=cwd, timeout=600)


def test_a_file_whose_ending_has_capitals_is_told_by_both_and_not_left_out(tmp_path: Path) -> None:
    root = make_project(tmp_path, {"one.yaml": FREE_SESSION, "two.YAML": FREE_SESSION})
    ours = harness("run", "--database", "embedded", cwd=root)
    assert (ours.code, "two.YAML ends in .YAML, so it is not read. Rename it to two.yaml." in ours.err) == (4, True), (
        ours
    )
    theirs = python("pytest", "scenarios", *LEAN, "-p", "no:cacheprovider", "--harness-database", "embedded", cwd=root)
    assert theirs.code == 2, theirs
    assert "two.YAML is no scenario file" in theirs.out


def test_a_machine_that_cannot_is_no_failure_of_the_cases(tmp_path: Path) -> None:
    root = make_project(tmp_path, {"one.yaml": FREE_SESSION})
    for option, code, said in (
        ("--harness-target=http://127.0.0.1:9", 10, "The target http://127.0.0.1:9 does not answer"),
        ("--harness-target=defect:nope", 4, "There is no defect 'nope'."),
    ):
        done = pytest_of("scenarios", option, cwd=root)
        assert (done.code, said in done.out + done.err, "failed" in done.out) == (code, True, False), done
    (root / "test_other.py").write_text("def test_other(): pass\n")
    done = pytest_of("scenarios", "test_other.py", "--harness-target=http://127.0.0.1:9", cwd=root)
    assert (done.code, "1 failed, 1 passed" in done.out, "Traceback" in done.out) == (1, True, False), done


def test_the_project_is_found_from_what_is_named(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    root = make_project(tmp_path / "project", {"one.yaml": FREE_SESSION})
    done = pytest_of(root / "scenarios", "--rootdir", tmp_path, cwd=tmp_path)
    assert (done.code, "1 passed" in done.out) == (0, True), done


OWN = '''
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class ShoutArgs:
    word: str

@verb("shout", shorthand="word")
def shout(world, args: ShoutArgs) -> str:
    """Say it louder."""
    return args.word.upper()
'''
SHOUTING = """
feature: Shouting
use: [own.py]
given: {catalog: production, visitor: anonymous, secrets: {pin: swordfish-0815}}
scenarios:
  - scenario: It is heard
    when: [{shout: hello, expect: {gives: HELLO}}]
  - scenario: It is not what was said
    when: [{shout: $secrets.pin, expect: {gives: $secrets.pin}}]
"""


def test_a_file_elsewhere_has_its_own_verbs_and_its_secrets_stay_secret(tmp_path: Path) -> None:
    """A file that does not lie below scenarios/ is run by what it uses, and not by what lies there."""
    (tmp_path / "own.py").write_text(OWN)
    path = tmp_path / "shouting.yaml"
    path.write_text(SHOUTING)
    ours = outcomes_of_harness(path, report=tmp_path / "r")
    assert ours == {f"{path}::It is heard": "passed", f"{path}::It is not what was said": "failed"}
    assert outcomes_of_pytest(path) == ours
    assert "swordfish-0815" not in pytest_of(path).out


def test_another_file_with_a_mistake_keeps_none_from_running(tmp_path: Path) -> None:
    root = make_project(tmp_path, {"one.yaml": FREE_SESSION, "two.yaml": "feature: Two\nscenarioz: []\n"})
    done = pytest_of(root / "scenarios" / "one.yaml", cwd=root)
    assert (done.code, "1 passed" in done.out) == (0, True), done
    assert harness("run", "scenarios/one.yaml", "--database", "embedded", cwd=root).code == 0


TELLING = """
import logging, threading, warnings
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class Args:
    what: str

@verb("tell", shorthand="what", kind="low")
def tell(world, args: Args):
    '''Tell it to whoever hears.'''
    print("printed", args.what)
    logging.getLogger(f"own.{args.what}").error("logged %s", args.what)
    warnings.warn(f"warned of {args.what}")
    thread = threading.Thread(target=int, args=(f"threaded {args.what}",))
    thread.start()
    thread.join()
"""
TOLD = """
feature: Telling
use: [telling.py]
given: {catalog: production, visitor: anonymous, secrets: {door: canary-4f6a8c0e2b}}
scenarios:
  - scenario: A verb tells a secret
    when: [{tell: $secrets.door}, {http: {GET: /api/nowhere}, expect: 200}]
"""


def test_what_pytest_itself_keeps_of_a_scenario_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(TELLING)
    (tmp_path / "telling.yaml").write_text(TOLD)
    options = ("-o", "junit_logging=all", f"--junitxml={tmp_path / 'junit.xml'}", "-rA")
    done = pytest_of(tmp_path / "telling.yaml", *options)
    said = done.out + done.err + (tmp_path / "junit.xml").read_text()
    assert "canary" not in said
    for word in ("printed ***", "logged ***", "warned of ***", "threaded ***"):
        assert word in said
