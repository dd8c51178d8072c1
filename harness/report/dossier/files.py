"""Notebook files read and written: the one place that talks to nbformat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.lazy import left_out
from harness.report.disk import replace_text

__all__ = ["LEFT_OUT", "Notebook", "read_notebook", "write_notebook"]

LEFT_OUT = ("rfc3987_syntax",)
"""What nbformat's `jsonschema` would import to judge IRIs, of which a notebook's schema has none: it takes seconds."""

Notebook = Any
"""A notebook as nbformat has it: `cells`, `metadata`."""


def read_notebook(path: Path) -> Notebook:
    """The notebook at `path`, in version 4 of the format."""
    return _nbformat().reads(path.read_text("utf-8"), as_version=4)


def write_notebook(path: Path, notebook: Notebook) -> None:
    """Write `notebook` as a whole or not at all."""
    replace_text(path, _nbformat().writes(notebook) + "\n")


def _nbformat() -> Any:
    with left_out(*LEFT_OUT):
        import nbformat

    return nbformat
