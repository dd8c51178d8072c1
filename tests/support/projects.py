"""A project of a test's own, with the fixtures of this one: nothing that runs there takes long."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.support.commands import ROOT

__all__ = ["FREE_SESSION", "PONDER", "edit", "make_project"]

FREE_SESSION = """
feature: One
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A free session is booked
    covers: [R06]
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        expect: {status: 200, body: {state: BOOKING_CONFIRMED}}
"""

PONDER = '''
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class PonderArgs:
    minutes: int

@verb("ponder", shorthand="minutes")
def ponder(world, args: PonderArgs) -> None:
    """The visitor thinks it over."""
'''
"""A file with a verb of one's own."""


def make_project(root: Path, scenarios: Mapping[str, str], kept: Iterable[str] = ("rules.yaml",)) -> Path:
    """`root` as a project: `scenarios` are files by name; `kept` come from this project's own scenarios/."""
    (root / "fixtures").symlink_to(ROOT / "fixtures")
    folder = root / "scenarios"
    folder.mkdir()
    for name in kept:
        shutil.copy(ROOT / "scenarios" / name, folder)
    for name, text in scenarios.items():
        (folder / name).write_text(text, encoding="utf-8")
    return root


def edit(path: Path, old: str, new: str) -> None:
    """As an editor does, some time later: Python tells a changed source by its time in whole seconds, and its size."""
    later = path.stat().st_mtime + 5
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, (later, later))
