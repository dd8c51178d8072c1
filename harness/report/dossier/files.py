"""Notebook files read and written: the one place that talks to nbformat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.disk import replace_text

__all__ = ["Notebook", "read_notebook", "write_notebook"]

Notebook = Any
"""A notebook as nbformat has it: `cells`, `metadata`."""


def read_notebook(path: Path) -> Notebook:
    """The notebook at `path`, in version 4 of the format."""
    import nbformat

    reader: Any = nbformat.reads
    return reader(path.read_text("utf-8"), as_version=4)


def write_notebook(path: Path, notebook: Notebook) -> None:
    """Write `notebook` as a whole or not at all."""
    import nbformat

    writer: Any = nbformat.writes
    replace_text(path, writer(notebook) + "\n")
