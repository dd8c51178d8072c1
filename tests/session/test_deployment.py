"""The same scenarios against an application in a process of its own, reached by URL and started by the harness."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.errors import InputError, MachineError
from harness.report import load
from harness.scenario.targets import parse_target
from harness.session import RunOptions, RunResult, run
from harness.session.listener import Silent
from tests.support.commands import ROOT, harness

START = shlex.join([sys.executable, "-m", "harness.booking", "serve"])  # host and port come from the environment
SUITE = """
feature: A deployment
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: A free session is booked
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        expect: {status: 200, body: {state: BOOKING_CONFIRMED}}
      - deliver: invitee.created
    then:
      - rows: {Booking: [{clientId: null, status: CONFIRMED}]}
      - calls: {some: "GET /scheduled_events/*"}
      - deliveries: {every: {status: 200}}
  - scenario: A second one starts from the same rows
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{rows: {Booking: 0}}]
  - scenario: A table is made
    when: [{sql: CREATE TABLE extra (id int)}, {http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{changed: none}]
  - scenario: It is gone, and the application still answers
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{sql: {query: "SELECT to_regclass('extra') IS NULL AS gone", value: true}}]
  - scenario: Time moves
    when: [{clock: +1h}]
    then: [{changed: none}]
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Heard(Silent):
    """Keeps what a run notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def played(
    tmp_path: Path, *, start: str | None, text: str = SUITE, port: int | None = None, listener: Silent | None = None
) -> RunResult:
    path = tmp_path / "deployment.yaml"
    path.write_text(text)
    url = f"http://127.0.0.1:{port or free_port()}"
    options = RunOptions(
        paths=(str(path),), root=ROOT, database="embedded", seed=1, target=url, start=start, reports=tmp_path / "r"
    )
    return run(options, listener)


def test_database_and_providers_of_a_started_deployment_are_seen(tmp_path: Path) -> None:
    result = played(tmp_path, start=START)
    assert [s.outcome for s in result.scenarios] == ["passed"] * 4 + ["skipped"], [
        s.failure_text for s in result.scenarios
    ]
    recorded = load(tmp_path / "r" / "latest")
    assert len(recorded.calendly_calls) == 2
    assert set(recorded.row_changes.table) >= {"Booking", "BookingTransition"}


def test_what_cannot_be_seen_is_an_error_never_a_pass(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = played(tmp_path, start=None, port=server.server_port)
        server.shutdown()
    assert "passed" not in {s.outcome for s in result.scenarios}
    assert "Let the harness start it, with --start CMD." in (result.scenarios[0].failure_text or "")


def test_a_deployment_that_does_not_answer_is_no_failure_of_the_product(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"The target http://127.0.0.1:\d+ does not answer: Connection refused"):
        played(tmp_path, start=None)
    assert not list((tmp_path / "r").iterdir())
    asked = ("run", "--target", "http://no-such-host.invalid", "--database", "embedded", "--report", str(tmp_path))
    done = harness(*asked, "scenarios/anonymous")
    assert done.code == 10, done
    assert "The target http://no-such-host.invalid does not answer: " in done.err


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("/no/such/program", "cannot be run"),
        (shlex.join([sys.executable, "-c", "print('no key'); raise SystemExit(3)"]), "ended with exit code 3"),
    ],
)
def test_a_command_that_does_not_serve_is_told(tmp_path: Path, start: str, said: str) -> None:
    result = played(tmp_path, start=start)
    assert {s.outcome for s in result.scenarios[:4]} == {"error"}
    assert said in (result.scenarios[0].failure_text or "")


@pytest.mark.parametrize(
    "url",
    [
        "http:///x",
        "http://",
        "http://host:0",
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://ho st",
        "http://hôst",
        "http://host/?q=1",
        "http://host/#top",
        "https://sam:hunter2-hunter2@host",
        "https://sam:hunter2/hunter2@host",
        "https://sam:12#hunter2@host",
        "https://sam:12?hunter2@host",
        "https://sam:12/hunter2@host",
        "http://host/?token=hunter2",
        "ftp://sam:hunter2@hunter2@host",
    ],
)
def test_a_url_that_cannot_be_asked_is_bad_input_and_no_password_is_told(url: str) -> None:
    with pytest.raises(InputError, match="target") as told:
        parse_target(url)
    assert "hunter2" not in str(told.value)


def test_a_proxy_of_the_environment_is_not_used_and_the_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://sam:hunter2-hunter2@127.0.0.1:1")
    heard = Heard()
    text = SUITE[: SUITE.index("  - scenario: A second")]
    result = played(tmp_path, start=START, text=text, listener=heard)
    assert [s.outcome for s in result.scenarios] == ["passed"], result.scenarios[0].failure_text
    assert "the deployment is asked directly: no proxy of the environment is used (HTTP_PROXY)" in heard.notes


def test_no_secret_of_the_command_is_told(tmp_path: Path) -> None:
    start = f"env API_KEY=hunter2-hunter2 {sys.executable} -c 'raise SystemExit(3)' --token hunter2-hunter2"
    result = played(tmp_path, start=start)
    first = result.scenarios[0]
    told = [first.rerun, first.failure_text or "", result.failed_again]
    assert [text.count("--token ***") for text in told] == [1, 2, 1]
    assert not [text for text in told if "API_KEY=hunter2" in text or "--token hunter2" in text]


def test_what_a_command_printed_last_does_not_begin_within_a_word(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"print('{'hunter2' * 50} {'x' * 300}'); raise SystemExit(3)")
    result = played(tmp_path, start=shlex.join([sys.executable, str(program)]))
    assert "hunter2" not in (result.scenarios[0].failure_text or "")
    assert "x" * 300 in (result.scenarios[0].failure_text or "")


def test_start_needs_a_url() -> None:
    with pytest.raises(InputError, match="--start needs --target URL"):
        run(RunOptions(root=ROOT, start="true"))
