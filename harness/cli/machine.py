"""`harness doctor`: what this machine has, and what each missing thing costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode

__all__ = ["Finding", "doctor", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed` for: without it no scenario runs at all."""

    name: str
    present: bool
    detail: str
    cost: str  # what is lost without it
    remedy: str
    needed: bool = False


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Say what this machine has, and what each missing thing costs.

    Exit code 0 when scenarios can run here, 10 when they cannot.

    Examples:

      harness doctor

      harness doctor --json | jq '.findings[] | select(.present | not)'
    """
    findings = examine()
    able = all(f.present for f in findings if f.needed)
    if as_json:
        import json

        print(json.dumps({"able": able, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        for finding in findings:
            _tell(finding)
        print("\nscenarios can run here" if able else "\nscenarios cannot run here")
    return ExitCode.OK if able else ExitCode.MACHINE


def _tell(finding: Finding) -> None:
    mark = "ok     " if finding.present else "missing"
    print(f"{mark}  {finding.name:22} {finding.detail}")
    if not finding.present:
        print(f"{'':9}{'':22} without it: {finding.cost}")
        print(f"{'':9}{'':22} remedy: {finding.remedy}")


def examine() -> list[Finding]:
    """Look at everything; starts a throwaway server for a moment, changes nothing."""
    return [look() for look in _LOOKS]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "Python", sys.version_info >= (3, 11), version, "nothing runs", "install Python 3.11 or newer", needed=True
    )


def _database() -> Finding:
    from harness.errors import HarnessError
    from harness.postgres import open_server

    try:
        with open_server("embedded") as server:
            detail = f"PostgreSQL {server.info.version} starts and answers"
        return Finding("embedded PostgreSQL", True, detail, "", "")
    except HarnessError as error:
        return Finding(
            "embedded PostgreSQL", False, error.what, "runs need Docker or --database postgresql://…", error.remedy
        )


def _docker() -> Finding:
    cost = "--database testcontainers and other PostgreSQL versions are out of reach; embedded is used"
    remedy = "install docker.io, start dockerd, or set DOCKER_HOST"
    if shutil.which("docker") is None and not Path("/var/run/docker.sock").exists():
        return Finding("Docker engine", False, "no client and no socket", cost, remedy)
    answer = _output("docker", "version", "--format", "{{.Server.Version}}")
    return Finding("Docker engine", answer is not None, answer or "the engine does not answer", cost, remedy)


def _chromium() -> Finding:
    path = next((p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None)
    version = _output(path, "--version") if path else None
    return Finding(
        "Chromium", version is not None, version or "not on the PATH",
        "the page's tests and the dossier's offline test do not run", "install Debian's chromium",
    )  # fmt: skip


def _node() -> Finding:
    version = _output("node", "--version") if shutil.which("npm") else None
    return Finding(
        "Node.js and npm", version is not None, version or "not on the PATH",
        "the real Prisma client is not tried (migrate says so), editors' completion is not tested", "install nodejs and npm",
    )  # fmt: skip


def _notebooks() -> Finding:
    from importlib.util import find_spec

    missing = [name for name in ("papermill", "nbconvert", "jupytext", "matplotlib") if find_spec(name) is None]
    detail = "papermill, nbconvert, jupytext" if not missing else f"missing: {', '.join(missing)}"
    return Finding(
        "notebooks", not missing, detail, "harness audit cannot run", "pip install 'booking-harness[notebooks]'"
    )


def _memory() -> Finding:
    from harness.postgres.places import MEMORY, MEMORY_NEEDED

    free = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
    return Finding(
        "memory-backed storage",
        free >= MEMORY_NEEDED,
        f"{free // 2**20} MiB free in {MEMORY}",
        "databases lie on disk: starting takes longer",
        f"enlarge {MEMORY}",
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free // 2**20
    return Finding(
        "disk",
        free >= 200,
        f"{free} MiB free here",
        "reports may not fit",
        "free some space, or use --report DIR",
        needed=True,
    )


_LOOKS: tuple[Callable[[], Finding], ...] = (_python, _database, _docker, _chromium, _node, _notebooks, _memory, _disk)


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else None
