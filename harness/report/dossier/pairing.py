"""A notebook and its py:percent twin: the twin is what people review; the notebook is made from it.

    python -m harness.report.dossier.pairing notebooks/*.py

A sync by the files' times loses edits silently, so there is none: the twin is the source, always.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.report.dossier.files import Notebook, read_notebook, write_notebook

__all__ = ["differences", "main", "notebook_of"]

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(twin: Path) -> Notebook:
    """The notebook that `twin` describes: no outputs, ids that follow from the position."""
    import jupytext

    notebook = jupytext.read(twin, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"
        if cell.cell_type == "code":
            cell["execution_count"], cell["outputs"] = None, []
    notebook.metadata.clear()
    notebook.metadata.update({"kernelspec": _KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def differences(twin: Path, notebook: Path) -> list[str]:
    """Why `notebook` is not what `twin` says; empty when the pair agrees and nothing was executed in place."""
    expected, found = notebook_of(twin), read_notebook(notebook)
    problems = []
    if len(expected.cells) != len(found.cells):
        problems.append(f"{notebook.name} has {len(found.cells)} cells, {twin.name} has {len(expected.cells)}.")
    for number, (one, two) in enumerate(zip(expected.cells, found.cells, strict=False), start=1):
        if (one.cell_type, one.source, one.metadata) != (two.cell_type, two.source, two.metadata):
            problems.append(f"Cell {number} of {notebook.name} differs from {twin.name}.")
        if two.get("outputs") or two.get("execution_count"):
            problems.append(f"Cell {number} of {notebook.name} holds outputs.")
    return problems


def main(arguments: Sequence[str]) -> None:
    """Write the notebook of each twin beside it."""
    for name in arguments:
        twin = Path(name)
        write_notebook(twin.with_suffix(".ipynb"), notebook_of(twin))


if __name__ == "__main__":
    main(sys.argv[1:])
