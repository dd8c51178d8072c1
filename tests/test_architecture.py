"""The arrows of ARCHITECTURE.md, enforced on every import of the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "harness"

GROUND = {
    "errors",
    "interrupts",
    "jsontext",
    "lazy",
    "memory",
    "progress",
    "project",
    "records",
    "redaction",
    "rules",
    "surrogates",
}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "interrupts": set(),
    "jsontext": set(),
    "lazy": set(),
    "memory": set(),
    "progress": set(),
    "project": set(),
    "records": set(),
    "redaction": {"jsontext"},
    "rules": set(),
    "surrogates": set(),
    "booking": set(),
    "provider": GROUND,
    "calendly": GROUND | {"provider"},
    "stripe": GROUND | {"provider"},
    "postgres": GROUND,
    "defects": {"booking"},
    "scenario": GROUND | {"booking", "calendly", "stripe", "provider", "postgres", "defects"},
    "report": GROUND,
    "migrations": GROUND | {"booking", "calendly", "stripe", "provider", "postgres", "defects", "scenario"},
    "session": GROUND | {"scenario", "report", "postgres", "booking", "defects", "calendly", "stripe", "provider"},
    "strength": GROUND | {"session", "scenario", "defects", "booking", "postgres", "report"},
}
DOORS = {"cli", "notebook", "pytest_plugin", "", "__main__"}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:  # `from . import x`, `from .x import y`: within the room, never above it
                assert node.level == 1, "a relative import that leaves its package hides an arrow"
                continue
            yield from ([f"harness.{alias.name}" for alias in node.names] if module == "harness" else [module])


def broken_arrows(room: str, text: str) -> list[str]:
    allowed = MAY_IMPORT[room] | {room}
    found = {room_of(name) for name in imports_of(ast.parse(text)) if name.split(".")[0] == "harness"}
    return sorted(found - allowed - {"", "__version__"})  # the package itself holds its version only


def sources() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        found.append(("" if room == "__init__" else room, path))
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_architecture_allows(room: str) -> None:
    for owner, path in sources():
        if owner == room:
            assert not broken_arrows(room, path.read_text()), f"{path.relative_to(SOURCE.parent)}"


def test_every_room_stands_in_the_table() -> None:
    assert {room for room, _ in sources()} <= set(MAY_IMPORT) | DOORS


def test_a_wrong_arrow_is_noticed() -> None:
    assert broken_arrows("booking", "from harness.errors import HarnessError") == ["errors"]
    assert broken_arrows("report", "def f():\n    import harness.scenario.runner") == ["scenario"]
    assert broken_arrows("scenario", "from harness import report") == ["report"]
