"""Every notebook runs on every kind of run: full, failing, empty, killed, of an old schema."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any

import jupytext
import pytest

from harness.report.analysis.gates import GateFailed
from harness.report.dossier.audit import ORDER
from tests.notebooks.conftest import KINDS, NOTEBOOKS

OPEN = {
    "suite_health": {"full"},
    "anonymous_vs_authenticated": {"full"},
    "rules": set(),  # the sample covers half of the rules
    "migration": {"failing", "empty", "killed", "draft"},
    "strength": {"failing", "empty", "killed", "draft"},
    "incident": {"full", "failing", "killed", "draft"},
}

Ran = Callable[[str, str], tuple[list[Any], GateFailed | None]]


@cache
def cells_of(name: str) -> tuple[tuple[str, list[str]], ...]:
    notebook = jupytext.read(NOTEBOOKS / f"{name}.py", fmt="py:percent")
    return tuple((c.source, c.metadata.get("tags", [])) for c in notebook.cells if c.cell_type == "code")


def run_notebook(name: str, **parameters: Any) -> tuple[list[Any], GateFailed | None]:
    """What its cells displayed, and why its gate is closed. An error before the gate is raised."""
    shown: list[Any] = []
    names: dict[str, Any] = {}
    for source, tags in cells_of(name):
        code = source.replace("from IPython.display import display", "")
        names["display"] = shown.append
        try:
            value = _run_cell(code, names)
        except GateFailed as closed:
            assert tags == ["gate"]
            return shown, closed
        shown += [] if value is None else [value]
        if tags == ["parameters"]:
            names.update(parameters)
    return shown, None


def _run_cell(source: str, names: dict[str, Any]) -> Any:
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


@pytest.fixture(scope="module")
def ran(kinds: Path) -> Ran:
    """`ran(name, kind)`: what `run_notebook` says of a kind of run, executed once for all tests here."""
    return cache(lambda name, kind: run_notebook(name, run_path=str(kinds / kind)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ORDER)
def test_it_runs_and_its_gate_says_what_the_data_says(ran: Ran, name: str, kind: str) -> None:
    shown, closed = ran(name, kind)
    assert (closed is None) == (kind in OPEN[name]), closed
    assert len(shown) >= 2
    for piece in shown:
        html = piece._repr_html_()
        assert html
        assert "nan" not in repr(piece).split()
        assert "<NA>" not in html
    assert shown[0]._repr_html_().startswith("<h1>"), "the first thing shown says the finding"


@pytest.mark.parametrize("name", ORDER)
def test_every_chart_has_words_for_who_cannot_see_it(ran: Ran, name: str) -> None:
    shown, _ = ran(name, "full")
    charts = [piece for piece in shown if hasattr(piece, "alt")]
    assert charts
    for chart in charts:
        assert len(chart.alt) > 40
        assert 'alt="' in chart._repr_html_()


def test_the_same_data_gives_the_same_charts_and_tables(ran: Ran, kinds: Path) -> None:
    for name in ("suite_health", "rules"):
        (one, _), (two, _) = ran(name, "failing"), run_notebook(name, run_path=str(kinds / "failing"))
        assert [piece._repr_html_() for piece in one] == [piece._repr_html_() for piece in two]


@pytest.mark.parametrize("name", ["suite_health", "rules"])
def test_a_killed_run_says_so_at_the_top(ran: Ran, name: str) -> None:
    shown, closed = ran(name, "killed")
    assert "did not come to its end" in repr(shown[0])
    assert "The run did not come to its end." in str(closed)


def test_what_was_not_asked_for_is_not_a_pass(ran: Ran) -> None:
    for name, words in (("migration", "no migration was rehearsed"), ("strength", "strength was not measured")):
        shown, closed = ran(name, "failing")
        assert closed is None
        assert repr(shown[-1]).startswith("○ Nothing to judge: ")
        assert words in repr(shown[-1])


@pytest.mark.parametrize(("name", "file"), [("migration", "migration.json"), ("strength", "strength.parquet")])
def test_what_was_copied_in_or_taken_away_is_not_judged(kinds: Path, tmp_path: Path, name: str, file: str) -> None:
    copied = Path(copytree(kinds / "failing", tmp_path / "copied"))
    (copied / file).write_bytes((kinds / "full" / file).read_bytes())
    _, closed = run_notebook(name, run_path=str(copied))
    assert f"unknown  {file}" in str(closed)
    gone = Path(copytree(kinds / "full", tmp_path / "gone"))
    (gone / file).unlink()
    _, closed = run_notebook(name, run_path=str(gone))
    assert f"missing  {file}" in str(closed)


def test_a_closed_gate_gives_every_reason(ran: Ran) -> None:
    _, closed = ran("rules", "failing")
    assert "No scenario of this run covers R01, R02" in str(closed)
    assert "Did not hold: R03" in str(closed)


def test_the_incident_of_a_scenario_asked_for(kinds: Path) -> None:
    wanted = "scenarios/webhooks.yaml::A wrong signature is refused and nothing is stored[session=intro-call]"
    shown, _ = run_notebook("incident", run_path=str(kinds / "failing"), scenario_id=wanted)
    assert repr(shown[1]) == wanted
