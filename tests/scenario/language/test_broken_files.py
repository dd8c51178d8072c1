"""Files that are broken on purpose: each message is pinned, to the letter, beside its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

BROKEN = Path(__file__).parents[3] / "fixtures" / "broken-scenarios"
FILES = sorted(BROKEN.glob("*.yaml"))


def test_there_are_at_least_fifty() -> None:
    assert len(FILES) >= 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_message_is_the_pinned_one(path: Path, problems: Callable[[bytes, str], str]) -> None:
    assert problems(path.read_bytes(), path.name) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
