"""The dossier: made once on a failing run, then looked at from every side."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat import v4, write
from playwright.sync_api import Browser, Page

from harness.errors import InputError
from harness.report import Dossier, audit, verify
from harness.report.dossier.audit import ORDER, find_notebooks
from harness.report.dossier.render import asks_network
from harness.report.dossier.tables import fit
from tests.support.browser import chromium
from tests.support.commands import harness_process

pytestmark = [pytest.mark.xdist_group("dossier"), pytest.mark.long]


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def dossier(kinds: Path, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Dossier:
    """The dossier of the failing run."""
    return audit(kinds / "failing", tmp_path_factory.mktemp("dossier"), progress=told.append)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def test_every_notebook_was_executed_and_its_finding_stands_in_the_index(dossier: Dossier, told: list[str]) -> None:
    outcomes = {one.name: one.outcome for one in dossier.notebooks}
    assert outcomes == {
        "suite_health": "gate",
        "anonymous_vs_authenticated": "gate",
        "rules": "gate",
        "migration": "absent",
        "strength": "absent",
        "incident": "passed",
    }
    index = dossier.index.read_text()
    for one in dossier.notebooks:
        assert f'href="{one.name}.html"' in index
        assert one.title.split(":")[0] in index
    assert "1 of 4 notebooks passed their gate" in index
    assert len(told) == 6


def test_failures_say_why_and_the_notebooks_are_kept(dossier: Dossier) -> None:
    assert [failure.split(":")[0] for failure in dossier.failures] == [
        "suite_health",
        "anonymous_vs_authenticated",
        "rules",
    ]
    assert "4 scenarios did not hold" in dossier.failures[0]
    executed = dossier.index.parent / "executed" / "suite_health.ipynb"
    assert "did not hold" in executed.read_text()


def test_it_is_small_and_names_neither_this_machine_nor_papermill(dossier: Dossier, kinds: Path) -> None:
    files = [path for path in dossier.index.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5_000_000
    for path in files:
        if path.suffix in {".html", ".ipynb", ".json"}:
            text = path.read_text()
            assert str(kinds) not in text, path
            assert str(Path.home()) not in text, path
            assert '"papermill"' not in text, path


def test_tables_are_there_as_csv_and_parquet(dossier: Dossier) -> None:
    tables = dossier.index.parent / "tables"
    scenarios = pd.read_csv(tables / "scenarios.csv")
    assert len(scenarios) == 63
    assert scenarios["covers"].iloc[0].split()[0] == "R03"
    packed = tables / "row_changes.csv.gz"
    assert len(pd.read_csv(io.BytesIO(gzip.decompress(packed.read_bytes())))) == len(
        pd.read_parquet(tables / "row_changes.parquet")
    )


def test_the_dossier_holds_the_manifest_and_the_whole_run(dossier: Dossier) -> None:
    assert json.loads((dossier.index.parent / "manifest.json").read_bytes())["run_id"] == "failing"
    assert 'href="report.html"' in dossier.index.read_text()
    assert (dossier.index.parent / "report.html").is_file()


def test_no_page_would_fetch_anything(dossier: Dossier) -> None:
    for path in dossier.index.parent.glob("*.html"):
        assert asks_network(path.read_text()) == [], path.name


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/require.js"></script>',
        "<link rel=stylesheet href=//fonts.example/x.css>",
        '<img alt="x" src="http://example/x.png">',
        "<style>@import 'https://x/y.css'</style>",
        "<style>a{background:url(https://x/y)}</style>",
    ],
)
def test_what_would_be_fetched_is_noticed(text: str) -> None:
    assert asks_network(text)


def test_a_link_that_waits_for_a_click_is_no_fetch() -> None:
    assert asks_network('<a href="https://example.test">source</a>') == []


@pytest.mark.browser
def test_no_request_leaves_the_browser_and_every_link_leads_somewhere(dossier: Dossier, browser: Browser) -> None:
    root = dossier.index.parent
    page = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    for name in ("index", *ORDER, "report"):
        page.goto((root / f"{name}.html").as_uri())
        page.wait_for_load_state()
        assert page.locator("h1").count() >= 1, name
        assert page.evaluate(
            "[...document.images].every(image => image.complete && image.naturalWidth && image.alt)"
        ), name
    links = _links(page, root)
    page.close()
    assert complaints == []
    assert all(url.startswith(("file://", "data:")) for url in asked)
    assert {url for url in asked if url.startswith("file://")} == {
        (root / f"{n}.html").as_uri() for n in ("index", *ORDER, "report")
    }
    assert all((root / link).is_file() for link in links)


def _links(page: Page, root: Path) -> list[str]:
    page.goto((root / "index.html").as_uri())
    links: list[str] = page.evaluate("[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))")
    return links


@pytest.mark.browser
def test_code_is_folded_away_until_asked_for_and_pages_print(dossier: Dossier, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((dossier.index.parent / "suite_health.html").as_uri())
    code = page.locator(".code_cell .input").first
    assert not code.is_visible()
    page.get_by_label("Show code").check()
    assert code.is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.close()


@pytest.mark.browser
def test_axe_finds_nothing_wrong_with_any_page(dossier: Dossier, browser: Browser) -> None:
    page = browser.new_context(bypass_csp=True).new_page()  # the pages' own policy forbids every script, axe too
    found = {}
    for name in ("index", *ORDER):
        page.goto((dossier.index.parent / f"{name}.html").as_uri())
        violations = Axe().run(page).response["violations"]
        found[name] = [f"{each['id']}: {node['html'][:200]}" for each in violations for node in each["nodes"]]
    page.context.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_what_makes_a_dossier_too_large_is_left_to_parquet(tmp_path: Path) -> None:
    sizes = {"a.parquet": 900, "a.csv.gz": 500, "b.parquet": 10, "b.csv": 300}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(bytes(size))
    written = [tmp_path / name for name in sizes]
    assert fit(written, -5) == written
    assert [path.name for path in fit(written, 400)] == ["a.parquet", "b.parquet", "b.csv"]
    assert not (tmp_path / "a.csv.gz").exists()


@pytest.mark.browser
def test_it_reads_the_same_when_served(dossier: Dossier, browser: Browser) -> None:
    handler = partial(_Quiet, directory=str(dossier.index.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
        page.get_by_role("link", name="Rules").click()
        assert "rules were exercised" in page.locator("h1").inner_text()
        page.close()
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def own_notebook(path: Path, code: str) -> str:
    parameters = v4.new_code_cell('run_path = "."')
    parameters.metadata["tags"] = ["parameters"]
    write(v4.new_notebook(cells=[parameters, v4.new_code_cell(code)]), path)
    return str(path)


def test_a_dossier_verifies_and_the_next_audit_leaves_no_page_of_it(kinds: Path, tmp_path: Path) -> None:
    first, second = own_notebook(tmp_path / "first.ipynb", "1"), own_notebook(tmp_path / "second.ipynb", "2")
    out = tmp_path / "out"
    audit(kinds / "empty", out, notebooks=[first])
    assert verify(out) == []
    assert (out / "first.html").is_file()
    audit(kinds / "empty", out, notebooks=[second])
    assert verify(out) == []
    assert not (out / "first.html").exists()
    assert not (out / "executed" / "first.ipynb").exists()
    (out / "second.html").write_text("tampered")
    assert [(found.path, found.what) for found in verify(out)] == [("second.html", "changed")]


def test_a_run_that_is_not_as_it_was_written_closes_the_audit(kinds: Path, tmp_path: Path) -> None:
    run, notebook = shutil.copytree(kinds / "empty", tmp_path / "run"), own_notebook(tmp_path / "own.ipynb", "1")
    assert audit(run, tmp_path / "before", notebooks=[notebook]).failures == ()
    with (run / "junit.xml").open("a") as file:
        file.write("<!-- edited -->")
    made = audit(run, tmp_path / "after", notebooks=[notebook])
    (told,) = made.failures
    assert told.startswith("the run is not as it was written: junit.xml;")
    assert "This run is not as it was written: junit.xml;" in made.index.read_text()


def test_an_audit_takes_nothing_away_from_somebody_elses_folder(kinds: Path, tmp_path: Path) -> None:
    """A folder of downloads has a SHA256SUMS too, and a project a folder called tables."""
    (tmp_path / "home" / "tables").mkdir(parents=True)
    kept = [tmp_path / "home" / "tables" / "mine.csv", tmp_path / "home" / "disk.iso", tmp_path / "outside"]
    for path in kept:
        path.write_text("mine")
    (tmp_path / "home" / "SHA256SUMS").write_text(f"{'0' * 64}  disk.iso\n{'0' * 64}  ../outside\n")
    with pytest.raises(InputError, match="home holds something else than a dossier"):
        audit(kinds / "empty", tmp_path / "home", notebooks=["incident"])
    assert all(path.read_text() == "mine" for path in kept)


def test_a_notebook_that_breaks_is_kept_and_said_to_be_broken(kinds: Path, tmp_path: Path) -> None:
    name = own_notebook(tmp_path / "broken.ipynb", "1 / 0")
    made = audit(kinds / "empty", tmp_path / "out", notebooks=[name])
    assert made.failures == ("broken: ZeroDivisionError: division by zero",)
    assert "ZeroDivisionError" in (tmp_path / "out" / "broken.html").read_text()


def test_a_notebook_that_hangs_is_stopped_and_leaves_no_process(kinds: Path, tmp_path: Path) -> None:
    name = own_notebook(tmp_path / "hangs.ipynb", "import time\ntime.sleep(600)")
    begun = time.monotonic()
    made = audit(kinds / "empty", tmp_path / "out", notebooks=[name], timeout_s=4)
    assert time.monotonic() - begun < 30
    assert made.failures == ("hangs: It took longer than 4 s and was stopped.",)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and any("ipykernel_launcher" in " ".join(_command(p)) for p in _children()):
        time.sleep(0.2)
    assert not [p for p in _children() if "ipykernel_launcher" in " ".join(_command(p))]


@pytest.mark.parametrize("moment_s", [0.9, 1.3, 1.6, 2.0])
def test_an_audit_that_is_ended_while_it_begins_leaves_nothing(kinds: Path, tmp_path: Path, moment_s: float) -> None:
    """Its notebooks are starting then, and their kernels; the signal is for its whole group, as `timeout` sends one."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    words = ("audit", str(kinds / "full"), "--out", str(tmp_path / "dossier"))
    process = harness_process(*words, env={"TMPDIR": str(scratch)})
    time.sleep(moment_s)
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
    assert not list(scratch.iterdir())


def _children() -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if "hangs" in " ".join(_command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.mark.parametrize(
    ("number", "is_for_all"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGTERM, True)],
)
def test_an_audit_that_is_ended_leaves_nothing(kinds: Path, tmp_path: Path, number: int, is_for_all: bool) -> None:
    """The signal is for it alone, as a supervisor sends one, or for all that it started, as a service manager does."""
    begun, scratch = tmp_path / "begun", tmp_path / "scratch"
    scratch.mkdir()
    name = own_notebook(
        tmp_path / "endless.ipynb",
        f"from pathlib import Path\nimport time\nPath({str(begun)!r}).touch()\ntime.sleep(100)",
    )
    words = ("audit", str(kinds / "full"), "--out", str(tmp_path / "dossier"), "--notebook", name)
    process = harness_process(*words, env={"TMPDIR": str(scratch)})
    deadline = time.monotonic() + 60
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 2
    process.send_signal(number)
    for each in started if is_for_all else ():
        each.send_signal(number)
    _, said = process.communicate(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
    assert process.returncode == (2 if number == signal.SIGINT else -number)
    assert "Traceback" not in said
    assert not list(scratch.iterdir())
    assert not (tmp_path / "dossier" / "index.html").exists()


def test_unknown_notebooks_and_parameters_are_refused(kinds: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no notebook 'suite_helth'.*suite_health"):
        audit(kinds / "empty", tmp_path, notebooks=["suite_helth"])
    with pytest.raises(InputError, match="Parameters are given for rules, which is not executed"):
        audit(kinds / "empty", tmp_path, notebooks=["incident"], parameters={"rules": {}})
    with pytest.raises(InputError, match="There is no parameter 'scenario'"):
        audit(kinds / "empty", tmp_path, notebooks=["incident"], parameters={"incident": {"scenario": "x"}})


def test_notebooks_are_found_in_their_order() -> None:
    assert [path.stem for path in find_notebooks()] == list(ORDER)  # neither the tutorial nor the control room
