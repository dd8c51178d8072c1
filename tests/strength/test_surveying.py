"""What was surveyed stays known: only what changed is surveyed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.progress import Steps
from harness.scenario.model import Case, Suite
from harness.session.plan import suite_of
from harness.strength import measuring
from harness.strength.measuring import Options
from harness.strength.reach import KEPT, CaseReach, Reach, store
from tests.support.projects import make_project

ROOT = Path(__file__).resolve().parents[2]
TEXT = """
feature: One
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Nothing happens
    covers: [R06]
    when: [{clock: +1m}]
    then: [{changed: none}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, {"one.yaml": TEXT, "two.yaml": TEXT})


@pytest.fixture
def surveyed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The files whose scenarios were surveyed, a list for each survey."""
    found: list[list[str]] = []

    def survey(_: Options, __: Suite, cases: Sequence[Case], own: Mapping[str, str], ___: Any) -> Any:
        found.append([case.scenario.file for case in cases])
        lines = frozenset({("rules", 1)})
        return {case.scenario_id: CaseReach("passed", 1, lines, own[case.scenario_id]) for case in cases}

    monkeypatch.setattr(measuring, "_surveyed", survey)
    return found


def reach_of(project: Path, seed: int = 1) -> Reach:
    suite = suite_of((), project)
    return measuring._reach(Options(root=project, seed=seed), suite, suite.cases, Steps(wanted=False))


def test_what_is_as_it_was_is_not_surveyed_again(project: Path, surveyed: list[list[str]]) -> None:
    assert reach_of(project) == reach_of(project)
    assert surveyed == [["scenarios/one.yaml", "scenarios/two.yaml"]]


def test_a_file_that_changed_is_surveyed_alone(project: Path, surveyed: list[list[str]]) -> None:
    reach_of(project)
    (project / "scenarios" / "two.yaml").write_text(TEXT.replace("+1m", "+2m"), encoding="utf-8")
    assert set(reach_of(project).cases) == {f"scenarios/{each}.yaml::Nothing happens" for each in ("one", "two")}
    assert surveyed[1:] == [["scenarios/two.yaml"]]
    reach_of(project)
    assert len(surveyed) == 2


def test_what_all_share_changed_and_all_are_surveyed_again(project: Path, surveyed: list[list[str]]) -> None:
    reach_of(project)
    reach_of(project, seed=2)
    (project / "scenarios" / "invariants.yaml").write_text(
        "- {name: nothing, sql: SELECT 1 WHERE false, reason: none}\n"
    )
    reach_of(project)
    assert [len(each) for each in surveyed] == [2, 2, 2]


def test_old_surveys_are_let_go(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        store(tmp_path / f"{number}.json", Reach({}))
    assert len(list(tmp_path.iterdir())) == KEPT
