"""What papermill would let pass is refused, each with a message that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from harness.errors import InputErrors
from harness.report.dossier.traps import check_notebook, defaults_of

PATH = Path("notebooks/x.ipynb")


def notebook(parameters: str = 'run_path = "."\ncount = 3\nshare = 0.5\n', **more: Any) -> Any:
    cell = v4.new_code_cell(parameters)
    cell.metadata["tags"] = ["parameters"]
    made = v4.new_notebook(cells=[cell, v4.new_code_cell("print(run_path)")])
    made.cells += more.get("cells", [])
    return made


def refused(made: Any, **given: Any) -> str:
    with pytest.raises(InputErrors) as caught:
        check_notebook(PATH, made, given)
    return str(caught.value)


def test_known_parameters_of_the_right_type_are_accepted() -> None:
    check_notebook(PATH, notebook(), {"run_path": "x", "count": 4, "share": 1})


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    assert (
        refused(notebook(), run_pth="x")
        == "x.ipynb:1:1: There is no parameter 'run_pth'. Its parameters: run_path, count, share."
    )


@pytest.mark.parametrize(
    ("name", "value"), [("run_path", 3), ("count", "3"), ("count", True), ("count", 1.5), ("share", "x")]
)
def test_a_parameter_of_another_type_is_refused(name: str, value: object) -> None:
    assert f"The parameter {name!r} wants" in refused(notebook(), **{name: value})


@pytest.mark.parametrize("name", ["time", "run", "load", "pwd", "matplotlib"])
def test_a_parameter_named_like_a_magic_is_refused(name: str) -> None:
    assert f"{name!r} has the name of a magic" in refused(notebook(f"{name} = 1"))


def test_parameters_left_by_an_earlier_run_are_refused() -> None:
    left = v4.new_code_cell("run_path = '/old'")
    left.metadata["tags"] = ["injected-parameters"]
    assert "parameters that an earlier run injected" in refused(notebook(cells=[left]))


def test_stale_outputs_are_refused() -> None:
    stale = v4.new_code_cell("1", execution_count=7, outputs=[v4.new_output("stream", text="all is well")])
    assert "stored outputs, which would look fresh" in refused(notebook(cells=[stale]))


@pytest.mark.parametrize("count", [0, 2])
def test_there_must_be_one_cell_of_parameters(count: int) -> None:
    made = notebook()
    made.cells = made.cells[:1] * count + made.cells[1:]
    assert f"It has {count} cells tagged `parameters`" in refused(made)


def test_every_mistake_is_reported_at_once() -> None:
    text = refused(notebook("time = 1"), unknown=1)
    assert len(text.splitlines()) == 2


def test_defaults_are_plain_values() -> None:
    assert defaults_of("a = 1\nb: str = 'x'\nc = [1, 'y']\nimport os\nd = os.name\n") == {
        "a": 1,
        "b": "x",
        "c": [1, "y"],
        "d": None,
    }
