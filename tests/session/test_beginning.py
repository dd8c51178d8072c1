"""The beginning of a run: its directory is a run's, or is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.session import RunOptions, run
from tests.support.commands import ROOT

SUITE = """
feature: A beginning
given: {catalog: production, visitor: anonymous}
scenarios: [{scenario: One, when: [{http: {GET: /api/nowhere}, expect: 404}]}]
"""


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
