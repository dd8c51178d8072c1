"""Where the project is, seen from a notebook or a folder inside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["place", "project_root"]


def project_root(start: Path | None = None) -> Path:
    """The nearest folder, from `start` (default: the current one) upwards, that holds scenarios/; else `start` itself."""
    begin = (start or Path.cwd()).resolve()
    return next((folder for folder in (begin, *begin.parents) if (folder / "scenarios").is_dir()), begin)


def place(path: Path) -> Path:
    """`path` as it is, or, where there is none such here, as the project's folder has it."""
    if path.is_absolute() or path.exists():
        return path
    there = project_root() / path
    return there if there.exists() else path
