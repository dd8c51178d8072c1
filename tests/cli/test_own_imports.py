"""What a run does without, the verbs of a project may still have."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, harness

VERBS = '''
import sys
from dataclasses import dataclass
from harness.scenario.registry import verb

HAD = sorted({"pandas", "pyarrow"} & set(sys.modules))

@dataclass(frozen=True)
class MeanArgs:
    of: list

@verb("mean", shorthand="of", kind="low")
def mean(world, args: MeanArgs):
    """The mean of numbers, as who has their figures in a spreadsheet writes it."""
    assert not HAD, HAD
    import pandas
    assert pandas.Series(args.of).mean() == 2
'''
SCENARIO = """\
feature: Mine
use: [verbs.py]
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Figures are compared
    when: [{mean: [1, 2, 3]}]
    then: [{changed: none}]
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_verb_may_import_pandas_which_a_run_does_without(tmp_path: Path, workers: int) -> None:
    (tmp_path / "verbs.py").write_text(VERBS)
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    words = (
        "--database",
        "embedded",
        "--workers",
        str(workers),
        "--repeat",
        str(workers),
        "--report",
        str(tmp_path / "r"),
    )
    done = harness("run", str(tmp_path / "mine.yaml"), *words, cold=True)
    assert done.code == 0, done


def test_little_is_imported_before_the_command_line_hears_ctrl_c() -> None:
    """Until then Python tells a Ctrl-C with a traceback. `re` the console script imports itself."""
    program = (
        "import re, sys; had = set(sys.modules); from harness.cli import main; print(sorted(set(sys.modules) - had))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(ast.literal_eval(done.stdout)) <= {"__future__", "harness", "harness.cli"}
