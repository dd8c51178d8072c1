"""The beginning of a run: its directory is a run's, or is not there."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.report import load
from harness.session import RunOptions, run
from tests.support.commands import ROOT

SUITE = """
feature: A beginning
given: {catalog: production, visitor: anonymous}
scenarios: [{scenario: One, when: [{http: {GET: /api/nowhere}, expect: 404}]}]
"""


def test_a_clock_that_goes_back_meanwhile_makes_no_run_end_before_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back:
        """Each time that it is asked, it is an hour earlier."""

        asked = 0

        @classmethod
        def now(cls, tz: tzinfo) -> datetime:
            cls.asked += 1
            return datetime.now(tz) - cls.asked * timedelta(hours=1)

    (tmp_path / "one.yaml").write_text(SUITE)
    for place in ("session.running", "scenario.runner"):
        monkeypatch.setattr(f"harness.{place}.datetime", Back)
    options = RunOptions(
        paths=(str(tmp_path / "one.yaml"),), root=ROOT, database="embedded", reports=tmp_path / "reports"
    )
    result = run(options)
    assert Back.asked >= 2
    assert result.report is not None
    loaded = load(result.report.parent)
    assert loaded.manifest.end is not None
    assert 0 < (loaded.manifest.end - loaded.manifest.start).total_seconds() < 60
    assert (loaded.scenarios["duration_us"] > 0).all()
    assert (tmp_path / "reports" / "latest").resolve() == result.report.parent


@pytest.mark.parametrize("step", ["write_manifest", "point"])
def test_a_disk_that_is_full_at_the_beginning_leaves_no_half_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> None:
        raise MachineError("No space left on device.")

    (tmp_path / "one.yaml").write_text(SUITE)
    monkeypatch.setattr(f"harness.report.beginning.{step}", full)
    options = RunOptions(
        paths=(str(tmp_path / "one.yaml"),), root=ROOT, database="embedded", reports=tmp_path / "reports"
    )
    with pytest.raises(MachineError, match="No space left"):
        run(options)
    assert list((tmp_path / "reports").iterdir()) == []
