"""Files that are broken on purpose: each message is pinned, to the letter, beside its file.

After a change of the messages that is meant, `PIN_FAILURES=1 python -m pytest tests/scenario/language/test_broken_files.py`
writes the texts anew; the difference is then there to be read and committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

BROKEN = Path(__file__).parents[3] / "fixtures" / "broken-scenarios"
FILES = sorted(BROKEN.glob("*.yaml"))


def test_there_are_at_least_fifty() -> None:
    assert len(FILES) >= 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_message_is_the_pinned_one(path: Path, problems: Callable[[bytes, str], str]) -> None:
    text, pinned = problems(path.read_bytes(), path.name) + "\n", path.with_suffix(".txt")
    if os.environ.get("PIN_FAILURES"):
        pinned.write_text(text, encoding="utf-8")
    assert text == pinned.read_text(encoding="utf-8")
