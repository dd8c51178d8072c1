"""What the help shows as an example can be typed in this project as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from harness.cli.listing import list_
from harness.cli.run import run
from harness.session import RunOptions
from harness.session.plan import make_plan
from tests.support.commands import ROOT

_OF_SELECTING = {"-t": "tags", "--tag": "tags", "--covers": "covers", "-k": "text"}
EXAMPLES = [
    line.strip()
    for command in (run, list_)
    for line in (command.__doc__ or "").splitlines()
    if re.match(r" +harness (run|list)( |$)", line)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_selects_something(example: str, tmp_path: Path) -> None:
    typed = re.split(r" {3,}", example)[0]  # what follows says what it is for
    _, _, *words = shlex.split(typed)
    paths: list[str] = []
    wishes: dict[str, Any] = {}
    while words:
        word = words.pop(0)
        if word in _OF_SELECTING:
            value = words.pop(0)
            wishes[_OF_SELECTING[word]] = value if word == "-k" else (value,)
        elif word.startswith("scenarios/"):
            paths.append(word)
    assert make_plan(RunOptions(paths=tuple(paths), root=ROOT, seed=1, **wishes), tmp_path).cases


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 5
