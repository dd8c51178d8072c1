"""A small project of its own: two scenarios, one of which does not hold, and the real fixtures."""

from __future__ import annotations

from pathlib import Path
from shutil import copy

import pytest

from tests.support.commands import ROOT
from tests.support.projects import make_project

FAILING = "The answer has another status"
HOLDING = "Asking which sessions there are"

SUITE = f"""\
feature: A small suite
given: {{catalog: production, visitor: anonymous}}
scenarios:
  - scenario: {HOLDING}
    tags: [smoke]
    when:
      - http: {{GET: /api/scheduling/session-types}}
        expect: 200
  - scenario: {FAILING}
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {{}}
        expect: 418
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder; its runs go to reports/ in it."""
    root = make_project(tmp_path_factory.mktemp("project"), {"small.yaml": SUITE}, kept=["tables.json"])
    (root / "notebooks").mkdir()
    copy(ROOT / "notebooks" / "control_room.ipynb", root / "notebooks")
    return root
