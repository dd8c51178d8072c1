"""What to run: the control room's first panel, and the choices that it offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets

from harness.errors import InputError
from harness.session.options import RunOptions

__all__ = ["Choosing", "path_choices", "tag_choices", "target_choices"]

DATABASES = ("auto", "embedded", "testcontainers")
_WIDE = {"description_width": "9em"}


def path_choices(root: Path) -> list[str]:
    """Folders and files of scenarios, relative to the project; what is shared between scenarios is left out."""
    place = root / "scenarios"
    files = sorted(path for path in place.rglob("*.yaml") if _holds_scenarios(path))
    folders = sorted({path.parent for path in files} - {place})
    return [path.relative_to(root).as_posix() for path in sorted([*folders, *files])]


def tag_choices(root: Path) -> list[str]:
    """Every tag of the suite; none when a file has a mistake, which starting the run will tell."""
    from harness.scenario.loader import load

    try:
        return sorted(load(["scenarios"], project=root).tags)
    except InputError:
        return []


def target_choices() -> list[str]:
    """The targets that have a name; a URL may be typed."""
    from harness.defects import CATALOGUE

    return ["reference", "legacy", *(f"defect:{id_}" for id_ in CATALOGUE)]


class Choosing:
    """The panel. `options()` is what it says now."""

    def __init__(self, root: Path) -> None:
        self._root = root
        wide: dict[str, Any] = {"style": _WIDE, "layout": ipywidgets.Layout(width="46em")}
        self.paths = ipywidgets.SelectMultiple(
            options=path_choices(root), rows=8, description="Scenarios", tooltip="None chosen: all of them", **wide
        )
        self.more = ipywidgets.Text(
            description="Other paths", placeholder="FILE, FOLDER or FILE:LINE, separated by spaces", **wide
        )
        self.tags = ipywidgets.Combobox(
            description="Tags", placeholder="smoke and not update", options=tag_choices(root), **wide
        )
        self.text = ipywidgets.Text(description="Name contains", placeholder="any", **wide)
        self.target = ipywidgets.Combobox(
            description="Target", value="reference", options=target_choices(), placeholder="or https://…", **wide
        )
        self.database = ipywidgets.Combobox(
            description="Database", value="auto", options=DATABASES, placeholder="or postgresql://…", **wide
        )
        self.seed = ipywidgets.Text(description="Seed", placeholder="drawn", **wide)
        self.workers = ipywidgets.BoundedIntText(description="Workers", value=1, min=1, max=64, **wide)
        self.box = ipywidgets.VBox(
            [self.paths, self.more, self.tags, self.text, self.target, self.database, self.seed, self.workers]
        )

    def options(self, **instead: Any) -> RunOptions:
        """The run that the panel describes; `instead` replaces fields of it.

        Raises:
            InputError: the seed is no whole number.
        """
        seed = self.seed.value.strip()
        if seed and not seed.isdigit():
            raise InputError(f"The seed {seed!r} is no whole number.", "Leave it empty to have one drawn.")
        chosen: dict[str, Any] = {
            "paths": (*self.paths.value, *self.more.value.split()),
            "root": self._root,
            "tags": (self.tags.value.strip(),) if self.tags.value.strip() else (),
            "text": self.text.value.strip() or None,
            "target": self.target.value.strip() or "reference",
            "database": self.database.value.strip() or "auto",
            "seed": int(seed) if seed else None,
            "workers": self.workers.value,
        }
        return RunOptions(**(chosen | instead))


def _holds_scenarios(path: Path) -> bool:
    return "fragments" not in path.parts and any(
        line.startswith("scenarios:") for line in path.read_text("utf-8").splitlines()
    )
