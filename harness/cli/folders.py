"""Folders as options name them."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.surrogates import without_surrogates

__all__ = ["folder"]


def folder(text: str | Path) -> Path:
    """The folder called `text`, or the option's default. Nothing, as a script's empty variable leaves it, is none: it would be the current one."""
    if not str(text).strip():
        raise typer.BadParameter("this names no folder; write . for the current one")
    if without_surrogates(str(text)) != str(text):
        raise typer.BadParameter("this name is no UTF-8, which the formats of a report need; choose another")
    return Path(text)
