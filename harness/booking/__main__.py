"""`python -m harness.booking`: what a deployment runs. Settings come from the environment.

    serve     the application on a port, until SIGTERM
    due       what has fallen due, once: expiries, sessions that ended, refunds to be asked for again
    check     whether settings, database and tables are there; changes nothing

Exit codes: 0 good · 4 a setting is missing or wrong · 10 the machine has not what is needed (database, tables, port).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from datetime import timedelta
from typing import NoReturn, TextIO

from .application import Application, from_env
from .database import NotReady, check_ready
from .journal import JsonLines
from .serving import serve
from .settings import ConfigurationError, Settings, variable_of

__all__ = ["main"]

BAD_INPUT, NOT_READY = 4, 10


class _Parser(argparse.ArgumentParser):
    """Ends as the rest does when it is called wrongly."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. The exit code."""
    asked = _parser().parse_args(argv)
    try:
        app = from_env()
    except ConfigurationError as wrong:
        return _fail(BAD_INPUT, str(wrong))
    try:
        check_ready(app.engine)
        _log_to(sys.stdout)
        return int(asked.run(app, asked))
    except NotReady as problem:
        return _fail(NOT_READY, str(problem))
    finally:
        app.dispose()


def _serve(app: Application, asked: argparse.Namespace) -> int:
    serve(app, host=asked.host, port=asked.port, threads=asked.threads, ready=lambda url: _say("serving", url))
    return 0


def _due(app: Application, asked: argparse.Namespace) -> int:
    del asked
    _say("due", f"{app.expire()} things were due")
    return 0


def _check(app: Application, asked: argparse.Namespace) -> int:
    del app, asked
    _say("check", "settings, database and tables are there")
    return 0


def _parser() -> argparse.ArgumentParser:
    lines = (__doc__ or "").strip().splitlines()
    parser = _Parser(
        prog="python -m harness.booking",
        description="\n".join(lines),
        epilog=_settings(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="answer requests until SIGTERM")
    serving.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="default: $HOST, else 127.0.0.1")
    serving.add_argument("--port", type=_port, default=os.environ.get("PORT", "8000"), help="default: $PORT, else 8000; 0: any free one")  # fmt: skip
    serving.add_argument("--threads", type=int, choices=range(1, 257), default=16, metavar="N", help="requests at once (1 to 256, default 16)")  # fmt: skip
    serving.set_defaults(run=_serve)
    commands.add_parser("due", help="do what has fallen due; for a timer, every few minutes").set_defaults(run=_due)
    commands.add_parser("check", help="say what is missing; change nothing").set_defaults(run=_check)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def _settings() -> str:
    """Every setting with its variable: the needed ones, then the others with what they are when not set."""
    needed, others = [], []
    for item in fields(Settings):
        name = variable_of(item.name)
        if item.default is MISSING:
            needed.append(f"  {name}")
        else:
            usual = item.default.total_seconds() if isinstance(item.default, timedelta) else item.default
            others.append(f"  {name:36} {usual}".rstrip())
    rest = ["", "settings with a default (times in seconds, lists separated by commas):", *others]
    return "\n".join(["settings that are needed:", *needed, *rest])


def _log_to(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _say(message: str, detail: str) -> None:
    logging.getLogger("booking").info(message, extra={"fields": {"detail": detail}})


def _fail(code: int, message: str) -> int:
    sys.stderr.write(f"booking: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
