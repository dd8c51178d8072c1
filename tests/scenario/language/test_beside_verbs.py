"""What stands beside a file of verbs is imported as in a package, and what is read depends on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputErrors
from harness.scenario import loader
from harness.scenario.compiled import compiled_of
from harness.scenario.model import Suite
from harness.scenario.registry import builtin_registry
from harness.scenario.userverbs import load_verbs
from tests.support.projects import edit

HELPERS = """
from dataclasses import dataclass

@dataclass(frozen=True)
class PonderArgs:
    minutes: int
"""
OWN = '''
from .helpers import PonderArgs
from harness.scenario.registry import verb

@verb("ponder", shorthand="minutes")
def ponder(world, args: PonderArgs):
    """The visitor thinks it over."""
    from .late import spent
    return spent(args.minutes)
'''
SCENARIO = """
feature: One
use: [own.py]
given: {catalog: production, visitor: client}
scenarios:
  - scenario: Somebody thinks
    when: [{ponder: {minutes: 2}, expect: {gives: 4}}]
"""


def written(folder: Path, *, factor: int = 2) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "late.py").write_text(f"def spent(minutes):\n    return minutes * {factor}\n")
    (folder / "own.py").write_text(OWN)
    (folder / "one.yaml").write_text(SCENARIO)
    return folder / "one.yaml"


def loaded(*files: Path, project: Path) -> Suite:
    return loader.load(list(files), project=project, compiled=compiled_of(project))


def gives(suite: Suite, verb: str, *arguments: object) -> object:
    kind = suite.registry.verbs[verb]
    return kind.run(None, kind.args_type(*arguments))


def test_a_file_of_verbs_imports_what_stands_beside_it_now_and_later(tmp_path: Path) -> None:
    suite = loaded(written(tmp_path), project=tmp_path)
    assert gives(suite, "ponder", 3) == 6
    assert {"own.py", "helpers.py", "late.py"} <= set(suite.digests)


def test_equal_names_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one"), written(tmp_path / "two", factor=5)
    edit(two.with_name("own.py"), '"ponder"', '"brood"')
    edit(two, "ponder", "brood")
    suite = loaded(one, two, project=tmp_path)
    assert (gives(suite, "ponder", 3), gives(suite, "brood", 3)) == (6, 15)


def test_what_a_kept_file_was_read_by_counts_when_it_changes_beside_its_verbs(tmp_path: Path) -> None:
    """The mistake is told at load, with its line, though neither the scenario nor its verbs' file was touched."""
    path = written(tmp_path)
    loaded(path, project=tmp_path)
    edit(tmp_path / "helpers.py", "minutes: int", "minutes: str")
    with pytest.raises(InputErrors, match=r"one\.yaml:7:31: Expected text; found 2"):
        loaded(path, project=tmp_path)


def test_what_changed_beside_verbs_is_run_as_it_is_now(tmp_path: Path) -> None:
    """As `--watch` needs, which loads again in the same process."""
    path = written(tmp_path)
    assert gives(loaded(path, project=tmp_path), "ponder", 3) == 6
    edit(tmp_path / "late.py", "* 2", "* 7")
    assert gives(loaded(path, project=tmp_path), "ponder", 3) == 21


def test_files_of_verbs_may_import_each_other(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "more.py").write_text(
        OWN.replace('"ponder"', '"dwell"').replace("def ponder", "def dwell") + "\nfrom .own import ponder\n"
    )
    edit(path, "[own.py]", "[more.py, own.py]")
    suite = loaded(path, project=tmp_path)
    assert (gives(suite, "ponder", 3), gives(suite, "dwell", 4)) == (6, 8)
    assert suite.registry.verbs["ponder"].run.__globals__["PonderArgs"] is suite.registry.verbs["dwell"].args_type


@pytest.mark.parametrize(
    ("helpers", "own", "told"),
    [
        ("x = 1 / 0", OWN, "own.py:2:1: Loading it failed: ZeroDivisionError: division by zero (helpers.py line 1)."),
        ("x = (", OWN, "own.py:2:1: Loading it failed: SyntaxError: '(' was never closed (helpers.py, line 1)."),
        ("", OWN, "own.py:2:1: Loading it failed: ImportError: cannot import name 'PonderArgs' from '.helpers' ("),
        (
            HELPERS,
            OWN.replace(".helpers", ".nowhere"),
            "own.py:2:1: Loading it failed: ModuleNotFoundError: No module named '.nowhere'.",
        ),
        (
            HELPERS,
            OWN.replace(".helpers", "helpers"),
            "own.py:2:1: Loading it failed: ModuleNotFoundError: No module named 'helpers'. "
            "helpers.py stands beside it: write `from .helpers import …`.",
        ),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_place(tmp_path: Path, helpers: str, own: str, told: str) -> None:
    path = written(tmp_path)
    (tmp_path / "helpers.py").write_text(helpers)
    (tmp_path / "own.py").write_text(own)
    with pytest.raises(InputErrors) as failed:
        loaded(path, project=tmp_path)
    assert told in str(failed.value)


def test_files_that_import_each_other_in_a_circle_are_all_counted(tmp_path: Path) -> None:
    path = written(tmp_path)
    edit(tmp_path / "helpers.py", "\nfrom", "\nfrom . import late\nfrom")
    edit(tmp_path / "late.py", "def", "from . import helpers\ndef")
    assert {"helpers.py", "late.py"} <= set(loaded(path, project=tmp_path).digests)


class Imported(str):
    """The name of a module; while somebody looks at it, another thread imports one more."""

    __slots__ = ()

    def startswith(self, *prefix: Any) -> bool:
        sys.modules["one_more_of_a_thread"] = sys
        return False


def test_a_thread_that_imports_meanwhile_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", {Imported("of_a_thread"): sys, **sys.modules})
    (tmp_path / "own.py").write_text("")
    load_verbs(tmp_path / "own.py", builtin_registry(), anew=True)
    assert "one_more_of_a_thread" in sys.modules
