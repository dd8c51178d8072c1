"""The command line. `main` is its only door: it turns what went wrong into a message and an exit code.

Little is imported before it is called: a Ctrl-C that comes sooner is Python's to tell, with a traceback.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cli.exit_codes import ExitCode

__all__ = ["main"]


_CTRL_C = 130  # what Typer makes of a KeyboardInterrupt within a command


def main(argv: Sequence[str] | None = None) -> None:
    """Run `harness ARGV` and leave the process with one of the codes of `ExitCode`; never with a traceback."""
    try:
        code = _run(argv)
    except KeyboardInterrupt:
        code = _interrupted()

    from harness.cli.streams import given_up

    lost = given_up()
    if lost is not None and not code:  # what was found outranks that it could not be shown
        print(_machine(lost, ""), file=sys.stderr)
        code = _exit_codes().MACHINE
    sys.exit(code)


def _exit_codes() -> type[ExitCode]:
    from harness.cli.exit_codes import ExitCode

    return ExitCode


def _run(argv: Sequence[str] | None) -> int:
    from harness.interrupts import uninterrupted

    with uninterrupted():
        from harness.cli.streams import outlive_readers

        outlive_readers()

        from harness.memory import collect_rarely

        collect_rarely()

        import typer

        from harness.cli.app import app_for
        from harness.errors import HarnessError

        words = list(sys.argv[1:] if argv is None else argv)
        app = app_for(words)
    try:
        code = app(args=words, standalone_mode=False)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except typer.TyperException as error:
        return _usage(error)
    except typer.Abort:
        return _interrupted()
    except HarnessError as error:
        print(_told(error), file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(_machine(error, words[0] if words else ""), file=sys.stderr)
        return _exit_codes().MACHINE
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours is told and saved, never a traceback
        return _fault(error)
    if code == _CTRL_C:
        return _interrupted()
    return int(code or _exit_codes().OK)


def _interrupted() -> int:
    # Where Ctrl-C met a class that was being made from text, CPython would end by the signal, whatever is answered here;
    # it forgets that with the next text that it runs.
    eval("None")  # noqa: S307 - a constant text, nobody's input
    print("harness: interrupted", file=sys.stderr)
    return _exit_codes().INTERRUPTED


def _told(error: Exception) -> str:
    from harness.errors import InputErrors

    text = str(error)
    if isinstance(error, InputErrors) and sys.stderr.isatty():
        text = error.shown(os.get_terminal_size(sys.stderr.fileno()).columns)
    return text if text.startswith(("harness:", "/")) or ":" in text.split(" ", maxsplit=1)[0] else f"harness: {text}"


def _usage(error: Exception) -> int:
    show = getattr(error, "show", None)
    if show is not None:
        show(file=sys.stderr)
    else:
        print(f"harness: {error}", file=sys.stderr)
    return _exit_codes().INPUT


_ELSEWHERE = {"run": "--report DIR", "strength": "--report DIR", "audit": "--out DIR"}
"""The option of a command by which its files go elsewhere."""


def _machine(error: OSError, command: str) -> str:
    import errno

    elsewhere = f"choose another place with {_ELSEWHERE[command]}" if command in _ELSEWHERE else ""
    remedies = {
        errno.ENOSPC: ("Free some disk space", elsewhere),
        errno.EDQUOT: ("Your disk quota is used up: free some", elsewhere),
        errno.EACCES: ("Give yourself the permission", elsewhere),
        errno.EROFS: ("The file system is read-only: make it writable", elsewhere),
        errno.EADDRINUSE: ("The port is taken: choose another with --port N, or 0 for any free one",),
        errno.EMFILE: ("Too many open files: raise the limit with `ulimit -n 4096`",),
    }
    if error.errno == errno.ENOENT and not error.filename:
        return "harness: The current folder is not there any more. Change to one that is."
    where = f" ({error.filename})" if error.filename else ""
    remedy = ", or ".join(filter(None, remedies.get(error.errno or 0, ())))
    return f"harness: {error.strerror or error}{where}. {remedy and remedy + '.'}".rstrip()


def _fault(error: Exception) -> int:
    import tempfile
    import traceback

    if os.environ.get("HARNESS_DEBUG"):
        raise error
    from harness.redaction import Redactor

    mask = Redactor().text  # it goes into a bug report, and a driver's error may quote an address with its password
    with tempfile.NamedTemporaryFile("w", prefix="harness-fault-", suffix=".txt", delete=False) as file:
        file.write(mask("".join(traceback.format_exception(error))))
    first = mask((str(error).splitlines() or [""])[0])
    print(f"harness: a fault of the harness itself: {type(error).__name__}: {first}", file=sys.stderr)
    print(f"harness: please report it with {file.name} (HARNESS_DEBUG=1 shows it here)", file=sys.stderr)
    return _exit_codes().FAULT
