"""Folders as options name them."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["folder"]


def folder(text: str | Path) -> Path:
    """The folder called `text`, or the option's default. Nothing, as a script's empty variable leaves it, is none: it would be the current one."""
    if not str(text).strip():
        raise typer.BadParameter("this names no folder; write . for the current one")
    return Path(text)
