"""The scripts that make an engine and an image."""

from __future__ import annotations

import subprocess

import pytest

from tests.postgres.processes import ROOT


@pytest.mark.parametrize(
    "script", [".ci/docker.sh", "fixtures/postgres-image/build.sh", "fixtures/postgres-image/entrypoint.sh"]
)
def test_scripts_are_well_formed_and_name_no_host(script: str) -> None:
    path = ROOT / script
    subprocess.run(["bash", "-n", path], check=True)
    assert "://" not in path.read_text()
