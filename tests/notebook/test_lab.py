"""The control room in a real JupyterLab, in a real browser: started, watched, opened, run again, rehearsed, compared."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from harness.notebook.lab import ROOM, command
from harness.report.dossier.pairing import differences
from tests.notebook.conftest import FAILING
from tests.support.browser import chromium
from tests.support.commands import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("control-room")]

TOKEN = "only-for-this-test"


@pytest.fixture(scope="module")
def lab(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on 127.0.0.1, stopped afterwards with its kernels."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR"}
    words = command(project, ["--no-browser", f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}"])
    words += ["--allow-root", f"--LabApp.workspaces_dir={home}", f"--LabApp.user_settings_dir={home}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            words, cwd=project, env=os.environ | dict.fromkeys(own, str(home)), stdout=log, stderr=log, start_new_session=True
        )  # fmt: skip
        try:
            _answered(server, f"http://127.0.0.1:{port}/api?token={TOKEN}", home / "log")
            yield f"http://127.0.0.1:{port}/lab/tree/{ROOM}?token={TOKEN}"
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            finally:
                if server.poll() is None:
                    os.killpg(server.pid, signal.SIGKILL)


def _answered(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


def test_a_tester_runs_watches_opens_repeats_and_rehearses_without_a_command_line(lab: str, project: Path) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 3000})
        page.set_default_timeout(40_000)
        page.goto(lab)
        page.get_by_role("button", name="Start", exact=True).wait_for(
            timeout=90_000
        )  # it opens ready to use: nobody ran its cells
        assert page.get_by_text("No run yet.").is_visible()
        _run_the_suite(page)
        _open_the_failure(page)
        _run_it_again(page)
        _rehearse(page)
        _saved_without_outputs(page, project)
        page.close()


def _run_the_suite(page: Page) -> None:
    page.get_by_label("Scenarios").select_option("scenarios/small.yaml")
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Database").fill("embedded")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Start", exact=True, disabled=True).wait_for()
    page.get_by_text(re.compile(r"^1 passed, 1 failed in ")).wait_for()


def _open_the_failure(page: Page) -> None:
    offered = page.get_by_label("Scenario", exact=True).locator("option")
    offered.filter(has_text=FAILING).wait_for(state="attached")
    assert offered.count() == 1
    page.get_by_text("expected 418", exact=False).first.wait_for()
    request = page.locator("summary", has_text="POST /api/scheduling/bookings/create").first
    body = page.locator("details", has=request).get_by_text('"sessionTypeId"').first
    assert not body.is_visible()
    request.click()
    assert body.is_visible()
    assert page.get_by_role("heading", name=re.compile(r"^Rows changed")).is_visible()


def _run_it_again(page: Page) -> None:
    page.get_by_role("button", name="Run it again", disabled=False).click()
    page.get_by_text(re.compile(r"^1 failed in ")).wait_for()
    page.get_by_role("heading", name=re.compile("1 still failing, 1 removed")).wait_for()


def _rehearse(page: Page) -> None:
    page.get_by_label("Phases").select_option(["lint", "observe"])
    page.get_by_role("spinbutton", name="Rows").fill("20")
    page.get_by_role("button", name="Rehearse", exact=True).click()
    page.get_by_role("heading", name=re.compile("hazards? found")).wait_for()


def _saved_without_outputs(page: Page, project: Path) -> None:
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    assert differences(ROOT / "notebooks" / "control_room.py", project / ROOM) == []
