"""The tutorial does what it says, from nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import jupytext
import pytest

from tests.support.commands import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("control-room")]


def test_the_tutorial_runs_to_its_end(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "notebooks")
    shown: list[Any] = []
    names: dict[str, Any] = {}
    for cell in jupytext.read(ROOT / "notebooks" / "tutorial.py", fmt="py:percent").cells:
        if cell.cell_type == "code":
            names["display"] = shown.append
            body = ast.parse(cell.source.replace("from IPython.display import display", "")).body
            last = body.pop() if isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), "cell", "exec"), names)
            if last is not None:
                shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    pages = [piece._repr_html_() for piece in shown if hasattr(piece, "_repr_html_")]
    assert "The one executed scenario held" in pages[0]
    assert "Booking" in pages[1]
    assert "1 of 1 scenario did not hold" in pages[2]
    assert "POST /api/scheduling/bookings/initialize" in pages[3]
    assert "1 fixed" in pages[4]
    assert "hazards found" in pages[5]
    assert (project / ".harness" / "tutorial" / "first.yaml").is_file()
