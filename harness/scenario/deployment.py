"""An application in a process of its own, in any language: started over this run's database and simulators.

What it is told, it is told by its environment (see `environment`); it is reached by the URL of `--target`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from typing import IO
from urllib.parse import urlsplit

from harness.errors import InputError, MachineError
from harness.postgres import Database
from harness.redaction import mask_word
from harness.scenario.credentials import (
    CALENDLY_TOKEN,
    CALENDLY_WEBHOOK_KEYS,
    STRIPE_KEY,
    STRIPE_WEBHOOK_KEYS,
    TOKEN_KEY,
)
from harness.scenario.exchange import HttpRequest, NoAnswer
from harness.scenario.transport import Socket

__all__ = ["Deployment", "environment", "reach"]

PATIENCE_S = 60.0
REACH_S = 10.0


def reach(url: str) -> None:
    """Makes sure that somebody listens at `url`: else every scenario would fail, as if the product had.

    Raises:
        MachineError: nobody does, or there is no such host.
    """
    parts = urlsplit(url)
    try:
        socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), REACH_S
        ).close()
    except OSError as error:
        raise MachineError(
            f"The target {url} does not answer: {error.strerror or error}.",
            "Start the application there, or let the harness start it, with --start CMD.",
        ) from error


def environment(url: str, database: Database, providers: str) -> Mapping[str, str]:
    """What the command of `--start` finds in its environment, beside what the harness was started with.

    The names without BOOKING_ are for an application of your own, those with it are the reference's settings.
    """
    database_url = database.sqlalchemy_url.replace("postgresql+psycopg://", "postgresql://")
    own = {
        "HOST": urlsplit(url).hostname or "127.0.0.1",
        "PORT": str(urlsplit(url).port or 80),
        "DATABASE_URL": database_url,
        "CALENDLY_API_BASE": providers,
        "CALENDLY_TOKEN": CALENDLY_TOKEN,
        "CALENDLY_WEBHOOK_SIGNING_KEY": CALENDLY_WEBHOOK_KEYS[0],
        "STRIPE_API_BASE": providers,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_WEBHOOK_SECRET": STRIPE_WEBHOOK_KEYS[0],
        "TOKEN_KEY": TOKEN_KEY,
    }
    reference = {
        "BOOKING_TOKEN_KEY": TOKEN_KEY,
        "BOOKING_CALENDLY_TOKEN": CALENDLY_TOKEN,
        "BOOKING_CALENDLY_WEBHOOK_KEYS": ",".join(CALENDLY_WEBHOOK_KEYS),
        "BOOKING_CALENDLY_BASE": providers,
        "BOOKING_STRIPE_KEY": STRIPE_KEY,
        "BOOKING_STRIPE_WEBHOOK_KEYS": ",".join(STRIPE_WEBHOOK_KEYS),
        "BOOKING_STRIPE_BASE": providers,
        "BOOKING_PUBLIC_URL": url,
        "BOOKING_ANONYMOUS_INSERTS": "1000000",  # a limiter that scenarios cannot reset would tie them together
    }
    return {**own, **reference}


class Deployment:
    """The running command. Its output is kept in a file, and told when it ends too soon.

    Raises:
        InputError: the command cannot be run, or ends before it answers.
        MachineError: it does not answer within a minute.
    """

    def __init__(self, command: str, url: str, database: Database, providers: str) -> None:
        self._url = url
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the deployment
        words = shlex.split(command)
        told = {**os.environ, **environment(url, database, providers)}
        try:
            self._process = subprocess.Popen(
                words,
                env=told,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except (OSError, IndexError) as error:
            self._output.close()
            raise InputError(
                f"--start {mask_word(command)!r} cannot be run: {error}.", "Give a command that serves the URL."
            ) from error
        try:
            self._await(command)
        except BaseException:  # Ctrl-C too: what was started must not stay
            self.close()
            raise

    def _await(self, command: str) -> None:
        probe = Socket(self._url)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise InputError(
                    f"--start {mask_word(command)!r} ended with exit code {self._process.returncode} before it answered at {self._url}:"
                    f" {self._last_lines()}"
                )
            try:
                probe.send(HttpRequest("GET", "/"))
            except NoAnswer:
                time.sleep(0.1)
                continue
            probe.close()
            return
        raise MachineError(
            f"--start {mask_word(command)!r} does not answer at {self._url} within {PATIENCE_S:.0f} s.",
            self._last_lines(),
        )

    def _last_lines(self) -> str:
        self._output.seek(0)
        whole = self._output.read().decode(errors="replace").strip()
        last = whole[-600:]
        if len(last) < len(whole):  # not from within a word: of a secret cut short nobody could tell that it is one
            last = re.sub(r"\A\S+", "…", last)
        return last or "it printed nothing"

    def close(self) -> None:
        """End the command and everything that it started."""
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._output.close()
