"""One notebook executed in a process of its own, with a kernel of its own, under a time limit of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from harness.lazy import leave_out
from harness.memory import collect_rarely
from harness.report.analysis.gates import NOTHING
from harness.report.dossier.files import LEFT_OUT, Notebook, read_notebook, write_notebook
from harness.report.dossier.leash import Held, Leash, end_when_let_go
from harness.report.provenance import Scrubber

__all__ = ["Executed", "Outcome", "execute"]

_GRACE_S = 10.0

Outcome = Literal["passed", "absent", "gate", "failed", "timeout"]
"""`gate`: the last cell says that the data does not hold. `absent`: there was nothing to judge. `failed`: it broke."""


class Executed(Struct, frozen=True):
    """What came of one notebook."""

    name: str
    title: str
    outcome: Outcome
    reason: str
    path: Path
    duration_us: int


_STILLBORN = "Kernel died before replying"


def execute(
    notebook: Path, out: Path, *, parameters: Mapping[str, Any], directory: Path, timeout_s: float, leash: Leash
) -> Executed:
    """Run `notebook` in `directory` and keep what came of it, good or bad, at `out`; its process ends with the `leash`.

    `traps.check_notebook` says beforehand whether it may be run with these parameters.
    """
    write_notebook(out, read_notebook(notebook))
    begun = time.monotonic()
    said = _run(notebook, out, parameters, directory, timeout_s, leash)
    if said and _STILLBORN in said:  # kernels started side by side can choose the same port; nothing has run yet
        write_notebook(out, read_notebook(notebook))
        said = _run(notebook, out, parameters, directory, timeout_s, leash)
    took = round((time.monotonic() - begun) * 1_000_000)
    made = read_notebook(out)
    outcome, reason = _verdict(made, said, timeout_s)
    _tidy(made, Scrubber(directory))
    write_notebook(out, made)
    return Executed(notebook.stem, _title(made), outcome, reason, out, took)


def _run(
    notebook: Path, out: Path, parameters: Mapping[str, Any], directory: Path, timeout_s: float, leash: Leash
) -> str | None:
    """Execute in a child process; its last words when it did not end well by itself, "" for a timeout."""
    scratch = Path(tempfile.gettempdir(), f"harness-notebook-{secrets.token_hex(8)}")  # the child's own: it makes it
    arguments = [str(notebook), str(out), str(directory), json.dumps(dict(parameters)), str(scratch)]
    command = [sys.executable, "-m", "harness.report.dossier.execute", *arguments]
    with leash.end() as held:
        child = subprocess.Popen(
            command, env=_environment(scratch), stdin=held.theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            _, said = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _stop(child, held)
            return ""
        finally:
            shutil.rmtree(scratch, ignore_errors=True)  # left by a child that was killed
    return None if child.returncode == 0 else said.decode("utf-8", "replace").strip() or f"exit {child.returncode}"


def _environment(scratch: Path) -> dict[str, str]:
    """No profile or history of the user takes part, and nothing is left in their home, nor beside `scratch`."""
    names = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR", "TMPDIR")
    own = dict.fromkeys(names, str(scratch))
    return os.environ | own | {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYTHONHASHSEED": "0"}


def _stop(child: subprocess.Popen[bytes], held: Held) -> None:
    """End the child, with its kernel."""
    held.let_go()
    try:
        child.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _verdict(made: Notebook, said: str | None, timeout_s: float) -> tuple[Outcome, str]:
    if said == "":
        return "timeout", f"It took longer than {timeout_s:g} s and was stopped."
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                at_gate = "gate" in cell.metadata.get("tags", ()) and output.ename == "GateFailed"
                return ("gate", output.evalue) if at_gate else ("failed", f"{output.ename}: {output.evalue}")
    if said is not None:
        return "failed", said.splitlines()[-1]
    ran = all(cell.execution_count for cell in made.cells if cell.cell_type == "code" and cell.source.strip())
    if not ran:
        return "failed", "Some of its cells were not executed."
    said_last = _plain_text(made.cells[-1])
    return ("absent", said_last) if said_last.startswith(NOTHING) else ("passed", "")


def _plain_text(cell: Notebook) -> str:
    return "".join(str(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", ()))


def _tidy(made: Notebook, scrub: Scrubber) -> None:
    """Take out what differs from run to run or names this machine: times, paths, papermill's own cells."""
    made.metadata.pop("papermill", None)
    made.cells = [cell for cell in made.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", ())]
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number:02}"
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                short = output.ename == "GateFailed"
                output.traceback = [output.evalue] if short else [scrub.text(line) for line in output.traceback]


def _title(made: Notebook) -> str:
    """The finding: the first heading that a cell displayed."""
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            if "<h1>" in str(output.get("data", {}).get("text/html", "")):
                return str(output["data"]["text/plain"])
    return ""


def _main(notebook: str, out: str, directory: str, parameters: str, scratch: str) -> int:
    end_when_let_go(Path(scratch))
    collect_rarely()
    leave_out(*LEFT_OUT)
    import papermill
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            notebook,
            out,
            parameters=json.loads(parameters),
            cwd=directory,
            kernel_name="python3",
            language="python",
            progress_bar=False,
        )
    except PapermillExecutionError:
        return 1  # the notebook that is kept says what happened
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # here too: who started this may be killed before it does
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
