"""`python -m harness.booking` in a process of its own: what it needs, what it says when that is missing, how it ends."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.booking.__main__ import main
from harness.booking.settings import Settings
from harness.postgres import Server
from tests.support.commands import Finished
from tests.support.warm import run_module

from .conftest import ROOT, Bench

NEEDED = (
    "DATABASE_URL", "BOOKING_TOKEN_KEY", "BOOKING_CALENDLY_TOKEN", "BOOKING_CALENDLY_WEBHOOK_KEYS", "BOOKING_STRIPE_KEY",
    "BOOKING_STRIPE_WEBHOOK_KEYS",
)  # fmt: skip
SECRET = "a-password-nobody-should-see"


def environment(url: str, **changed: str) -> dict[str, str]:
    """What a deployment sets; an empty value is not set."""
    given = dict(zip(NEEDED, [url, "k" * 32, "t", "k", "sk", "k"], strict=True)) | changed
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOOKING_")}
    return {**kept, **{name: value for name, value in given.items() if value}}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "harness.booking", *words]


def ran(environ: dict[str, str], *words: str) -> Finished:
    done = Finished(*run_module("harness.booking", words, cwd=ROOT, env=environ, timeout=60))
    assert "Traceback" not in done.out + done.err
    return done


@dataclass(frozen=True)
class Refused:
    """How a command ended, and what it said of what is missing."""

    returncode: int
    stderr: str


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Refused]]:
    """One command in this process; the ones that go on running have their own."""

    def run(environ: dict[str, str], *words: str) -> Refused:
        for name in NEEDED:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Refused(code, capsys.readouterr().err)

    handlers, level = logging.root.handlers[:], logging.root.level
    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@contextmanager
def serving(environ: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The application on a free port; its process and address."""
    process = subprocess.Popen(
        command("serve", "--port", "0"), env=environ, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        assert started["message"] == "serving"
        yield process, started["detail"]
    finally:
        process.kill()
        process.communicate()


def fetch(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, answer.read().decode()


@pytest.fixture
def url(bench: Bench) -> str:
    return bench.settings.database_url.replace("postgresql+psycopg://", "postgresql://")


Refuse = Callable[..., Refused]


def test_what_is_not_set_is_named_all_at_once(refused: Refuse) -> None:
    done = refused({}, "serve")

    assert done.returncode == 4
    assert done.stderr.strip() == f"booking: {', '.join(NEEDED)} are not set"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"BOOKING_TOKEN_KEY": ""}, "BOOKING_TOKEN_KEY is not set"),
        ({"BOOKING_TOKEN_KEY": SECRET}, "needs 32 bytes or more; found 28"),
        ({"BOOKING_STRIPE_WEBHOOK_KEYS": " , "}, "stripe_webhook_keys holds no key"),
        ({"BOOKING_POOL_SIZE": "many"}, "BOOKING_POOL_SIZE is not a number: 'many'"),
        ({"BOOKING_ANONYMOUS_WINDOW": "inf"}, "BOOKING_ANONYMOUS_WINDOW is not a number"),
        ({"BOOKING_ANONYMOUS_INSERTS": "-1"}, "BOOKING_ANONYMOUS_INSERTS) is below zero"),
        ({"BOOKING_PUBLIC_URL": "booking.test"}, "is no address like https://host"),
        ({"BOOKING_PUBLIC_URL": "https://booking.test:99999"}, "is no address like https://host"),
        ({"BOOKING_CALENDLY_BASE": "https://calendly test"}, "is no address like https://host"),
        ({"BOOKING_PROVIDER_TIMEOUT": "0"}, "BOOKING_PROVIDER_TIMEOUT) is 0, and needs to be 0.001 to 3600"),
        ({"BOOKING_PROVIDER_TIMEOUT": "nan"}, "BOOKING_PROVIDER_TIMEOUT) is nan"),
        ({"BOOKING_MAX_BODY_BYTES": "0"}, "BOOKING_MAX_BODY_BYTES) is 0"),
        ({"BOOKING_UNCONFIRMED_LIFETIME": "1e12"}, "BOOKING_UNCONFIRMED_LIFETIME) is 1e+12"),
        ({"BOOKING_CALENDLY_TOKEN": f"{SECRET}\n→"}, "BOOKING_CALENDLY_TOKEN) holds a character that no header"),
        ({"BOOKING_TOKEN_KEY": " " * 40}, "BOOKING_TOKEN_KEY is not set"),
        ({"DATABASE_URL": f"no address {SECRET}"}, "is no address of a database"),
        ({"DATABASE_URL": f"postgresql://sam:{SECRET}@host:port/x"}, "is no address of a database"),
        ({"DATABASE_URL": f"postgresql://sam:p@{SECRET}@host/x"}, "has more than one @"),
        (
            {"BOOKING_STRIPE_BASE": f"https://sam:{SECRET}@stripe test"},
            "is no address like https://host: 'https://…@stripe",
        ),
        ({"DATABASE_URL": f"mysql://sam:{SECRET}@host/x"}, "is for mysql"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_one_line(refused: Refuse, changed: dict[str, str], told: str) -> None:
    done = refused(environment("postgresql://nobody@127.0.0.1:1/x", **changed), "check")

    assert done.returncode == 4
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr


def test_a_secret_read_from_a_file_may_end_with_its_line() -> None:
    settings = Settings.from_env(dict.fromkeys(NEEDED, "k" * 32 + "\n"))

    assert (settings.calendly_token, settings.stripe_key, settings.token_key) == ("k" * 32,) * 3


@pytest.mark.parametrize("words", [(), ("sevre",), ("serve", "--port", "70000"), ("serve", "--threads", "0")])
def test_called_wrongly_it_says_how(refused: Refuse, words: tuple[str, ...]) -> None:
    done = refused(environment("postgresql://nobody@127.0.0.1:1/x"), *words)

    assert done.returncode == 4
    assert "usage: python -m harness.booking" in done.stderr


@pytest.mark.parametrize("word", ["serve", "due", "check"])
def test_a_database_that_does_not_answer_is_named_without_its_password(refused: Refuse, word: str) -> None:
    done = refused(environment(f"postgresql://sam:{SECRET}@127.0.0.1:1/booking?connect_timeout=2"), word)

    assert done.returncode == 10
    assert "postgresql+psycopg://sam:***@127.0.0.1:1/booking cannot be reached" in done.stderr
    assert "Check DATABASE_URL" in done.stderr
    assert SECRET not in done.stderr


def test_a_database_that_takes_the_connection_and_says_nothing_is_not_waited_for_long(refused: Refuse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"postgresql://sam@127.0.0.1:{mute.getsockname()[1]}/booking"
        began = time.monotonic()
        done = refused(environment(address, BOOKING_PROVIDER_TIMEOUT="1"), "check")

    assert (done.returncode, time.monotonic() - began < 10) == (10, True)
    assert "cannot be reached" in done.stderr


def test_tables_that_are_missing_are_named(refused: Refuse, server: Server) -> None:
    empty = server.template("nothing-in-it", lambda connection: None).clone()

    done = refused(environment(empty.sqlalchemy_url), "check")

    assert done.returncode == 10
    assert "lacks User.id" in done.stderr
    assert "Apply the migrations" in done.stderr


def test_a_column_that_is_missing_is_named(refused: Refuse, bench: Bench, url: str) -> None:
    bench.execute('ALTER TABLE "Booking" DROP COLUMN "stateData"')

    assert "lacks Booking.stateData." in refused(environment(url), "check").stderr


def test_prismas_address_is_understood(refused: Refuse, url: str) -> None:
    mark = "&" if "?" in url else "?"
    prisma = url.replace("postgresql://", "postgres://") + f"{mark}schema=public&connection_limit=5&pgbouncer=true"

    assert refused(environment(prisma), "check") == Refused(0, "")
    elsewhere = refused(environment(prisma.replace("schema=public", "schema=elsewhere")), "check")
    assert "lacks User.id" in elsewhere.stderr


def test_a_busy_port_is_told(url: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        done = ran(environment(url), "serve", "--port", str(busy.getsockname()[1]))

    assert done.code == 10
    assert "cannot be listened on: Address already in use. Choose another" in done.err


def test_what_is_due_is_done_and_logged_with_its_fields(bench: Bench, url: str) -> None:
    booking_id = bench.initialize("intro-call").body["bookingId"]
    bench.execute("""UPDATE "Booking" SET "createdAt" = '2000-01-01'""")

    done = ran(environment(url, BOOKING_TOKEN_KEY=SECRET * 2), "due")

    assert SECRET not in done.out + done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert {"message": "booking.expired", "bookingId": booking_id, "level": "info"}.items() <= lines[0].items()
    assert lines[-1]["detail"] == "1 things were due"
    assert bench.booking(booking_id)["currentState"] == "CANCELLATION_COMPLETED"


class SlowCalendly(ThreadingHTTPServer):
    """Calendly, taking its time; `asked` is set as soon as it is asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Slow)
        self.asked = threading.Event()


class Slow(BaseHTTPRequestHandler):
    server: SlowCalendly

    def do_GET(self) -> None:
        self.server.asked.set()
        time.sleep(0.4)
        body = json.dumps({"resource": {"scheduling_url": "https://calendly.com/bea/call"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_finishes_what_it_began(bench: Bench, url: str, number: signal.Signals) -> None:
    bench.execute("""UPDATE "SessionType" SET "isActive" = false WHERE "title" <> 'Introductory call'""")
    calendly = SlowCalendly()
    threading.Thread(target=calendly.serve_forever, daemon=True).start()
    answers: list[tuple[int, str]] = []
    environ = environment(url, BOOKING_CALENDLY_BASE=f"http://127.0.0.1:{calendly.server_address[1]}")
    with serving(environ) as (process, address):
        asking = threading.Thread(target=lambda: answers.append(fetch(f"{address}/page/widgets")))
        asking.start()
        assert calendly.asked.wait(20)
        process.send_signal(number)
        asking.join(20)
        assert process.wait(20) == 0
    calendly.shutdown()
    calendly.server_close()

    assert [status for status, _ in answers] == [200]
    assert "https://calendly.com/bea/call" in answers[0][1]


def test_it_serves_page_and_api_and_refuses_in_its_own_words(bench: Bench, url: str) -> None:
    with serving(environment(url)) as (_, address):
        assert "Introductory call" in fetch(f"{address}/")[1]
        assert json.loads(fetch(f"{address}/api/openapi.json")[1])["openapi"].startswith("3.")
        request = urllib.request.Request(
            f"{address}/api/scheduling/bookings/initialize", b'{"a": "' + b"x" * 70_000 + b'"}', method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) as too_large:
            urllib.request.urlopen(request, timeout=20)
        with too_large.value as answer:
            assert json.loads(answer.read())["error"]["code"] == "body_too_large"


def test_it_stands_alone(url: str, tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    shutil.copytree(ROOT / "harness" / "booking", tmp_path / "harness" / "booking")

    assert subprocess.run(command("check"), env=environment(url), cwd=tmp_path, timeout=60, check=False).returncode == 0
    program = (
        "import sys, harness, harness.booking.__main__; print(harness.__file__);"
        "print(*{name.partition('.')[0] for name in sys.modules} | {name for name in sys.modules if name.startswith('harness.')})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    place, loaded = done.stdout.splitlines()
    assert place == str(tmp_path / "harness" / "__init__.py")
    assert {name.split(".")[1] for name in loaded.split() if name.startswith("harness.")} == {"booking"}
    assert not {"pandas", "pytest", "typer", "duckdb", "responses", "testcontainers"} & set(loaded.split())
