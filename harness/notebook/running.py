"""A run going on in a process of its own, as its starter holds it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from msgspec.structs import replace

from harness.errors import HarnessFault
from harness.notebook.child import options_text
from harness.notebook.course import Course
from harness.redaction import Redactor, mask_command
from harness.session.options import RunOptions

__all__ = ["Running", "command_of"]


class Running:
    """Started when made; `follow` until it ends; `stop` lets the scenario at hand end and the report be finished."""

    def __init__(self, options: RunOptions) -> None:
        self.course = Course()
        self._stopped = False
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by follow()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.notebook.child"],
            cwd=options.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            start_new_session=True,  # interrupting the kernel is no Ctrl-C for the run: `stop` is
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None  # it is a pipe
        with self._process.stdin as questions:
            questions.write(options_text(replace(options, command=command_of(options))))

    def follow(self, changed: Callable[[Course], None] = lambda _: None) -> Course:
        """Block until the run has ended; `changed` is called after every event."""
        assert self._process.stdout is not None  # it is a pipe
        for line in self._process.stdout:  # left open when interrupted: who stops it goes on following
            self.course.hear(json.loads(line))
            changed(self.course)
        self._process.wait()
        if self.course.exit_code is None:
            self.course.error = self._fault()
            self.course.exit_code = HarnessFault.exit_code
        self._process.stdout.close()
        self._words.close()
        changed(self.course)
        return self.course

    def stop(self) -> None:
        """Ask it to stop; asked twice it stops at once."""
        if self._process.poll() is None:
            self._stopped = True
            self._process.send_signal(signal.SIGINT)

    def _fault(self) -> HarnessFault:
        self._words.seek(0)
        said = self._words.read().decode("utf-8", "replace").strip().splitlines()
        why = "it was stopped before it had begun" if self._stopped else (said or ["it said nothing"])[-1]
        return HarnessFault(f"The run ended without a result: {Redactor().text(why)}.")


def command_of(options: RunOptions) -> str:
    """The command that does the same in a terminal, without secrets."""
    words = ["harness", "run", *options.paths]
    for tag in options.tags:
        words += ["--tag", tag]
    for rule in options.covers:
        words += ["--covers", rule]
    valued = {"-k": options.text, "--target": options.target, "--database": options.database, "--seed": options.seed}
    defaults = {"--target": "reference", "--database": "auto"}
    for name, value in valued.items():
        words += [name, str(value)] if value is not None and value != defaults.get(name) else []
    words += ["--workers", str(options.workers)] if options.workers != 1 else []
    words += ["--retries", str(options.retries)] if options.retries else []
    words += ["--last-failed"] if options.last_failed else []
    return mask_command(words)
