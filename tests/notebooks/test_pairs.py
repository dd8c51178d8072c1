"""Each notebook and its twin say the same, and neither holds outputs."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import pytest

from harness.report.dossier.audit import ORDER
from harness.report.dossier.pairing import differences, main
from tests.notebooks.conftest import NOTEBOOKS

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def test_every_notebook_has_a_twin_and_every_twin_a_notebook() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == set(NAMES)
    assert set(ORDER) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_agrees_and_holds_no_outputs(name: str) -> None:
    assert differences(NOTEBOOKS / f"{name}.py", NOTEBOOKS / f"{name}.ipynb") == []


@pytest.mark.parametrize("name", ORDER)
def test_every_notebook_has_parameters_and_ends_with_a_gate(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_bytes())["cells"]
    tags = [cell["metadata"].get("tags", []) for cell in cells]
    assert sum("parameters" in found for found in tags) == 1
    assert tags[-1] == ["gate"]
    assert cells[0]["cell_type"] == "markdown"


def test_an_edit_of_one_half_only_is_noticed(tmp_path: Path) -> None:
    twin, notebook = tmp_path / "rules.py", tmp_path / "rules.ipynb"
    copy(NOTEBOOKS / "rules.py", twin)
    copy(NOTEBOOKS / "rules.ipynb", notebook)
    twin.write_text(twin.read_text().replace("rules.chart(run)", "rules.chart( run )"))
    assert [problem.split()[0] for problem in differences(twin, notebook)] == ["Cell"]
    main([str(twin)])
    assert differences(twin, notebook) == []


def test_stored_outputs_and_a_missing_cell_are_noticed(tmp_path: Path) -> None:
    twin, notebook = tmp_path / "rules.py", tmp_path / "rules.ipynb"
    copy(NOTEBOOKS / "rules.py", twin)
    value = json.loads((NOTEBOOKS / "rules.ipynb").read_bytes())
    value["cells"][1]["execution_count"] = 1
    del value["cells"][-1]
    notebook.write_text(json.dumps(value))
    text = " ".join(differences(twin, notebook))
    assert "holds outputs" in text
    assert "cells" in text
