"""What is imported when: names of lazy packages come from their homes, and a plan needs no driver."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from harness.lazy import leave_out, left_out, names_at

LAZY = ("harness.postgres", "harness.report", "harness.session")


@pytest.mark.parametrize("name", LAZY)
def test_every_name_that_a_lazy_package_gives_is_there_and_hidden_by_no_module(name: str) -> None:
    package = import_module(name)
    given = set(package.__all__)
    assert given == set(package._HOMES)
    assert all(getattr(package, each).__name__ == each for each in given)
    assert not given & {path.stem for path in Path(str(package.__file__)).parent.glob("*.py")}


def test_a_name_that_no_module_gives_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'harness' has no attribute 'nothing'"):
        names_at("harness", {})("nothing")


def test_what_is_left_out_cannot_be_imported_meanwhile() -> None:
    with left_out("this"), pytest.raises(ModuleNotFoundError, match="this is left out of this process"):
        import_module("this")
    assert "this" not in sys.modules


def test_what_a_process_leaves_out_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    leave_out("this", "antigravity")
    for name in ("this", "antigravity"):
        with pytest.raises(ModuleNotFoundError):
            import_module(name)


def test_a_plan_is_made_without_what_runs_it() -> None:
    """What there is to do is told before what does it is imported."""
    code = "import sys, harness.cli.run, harness.session.plan, harness.session.running, harness.scenario.verbs; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "harness.session.plan" in loaded
    assert not loaded & {"psycopg", "sqlalchemy", "flask", "requests", "pydantic", "pyarrow", "pandas"}


def test_help_is_told_without_what_commands_need() -> None:
    code = "import sys, harness.cli\ntry:\n    harness.cli.main(['--help'])\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "harness.cli.run" in loaded
    assert not loaded & {"msgspec", "yaml", "psycopg", "sqlalchemy", "flask", "requests", "pyarrow", "pandas"}
