"""The harness beside its peers: the same flow over HTTP against a live server, each tool's own CPU a scenario.

Three requests and three assertions about rows a scenario, each tool with one file of many scenarios. What is measured
is the processor time of the tool's process alone, servers excluded, as the slope between a short and a long file:
starting costs nobody here, reading the file does (the harness keeps a file compiled, as Python keeps the peers'
modules, so that all rounds but the first find it read before). The harness keeps its evidence and writes its report within its
figure; the peers write none. They live in an environment of their own (`peers/requirements.txt`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.postgres import open_server
from harness.scenario.deployment import Deployment
from harness.scenario.fixtures import catalogue, history, populate

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).parent / "peers"
START = shlex.join([sys.executable, "-m", "harness.booking", "serve"])
FEW, MANY = 10, 210
ROUNDS = 3
PROMISED = {"tavern": 6.0, "pytest-bdd": 2.5}
"""How many times less processor time a scenario the harness takes, at least."""

BEGINNING = "feature: The benchmark's flow\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"


@dataclass(frozen=True)
class Peer:
    """How a peer's file is made of `source`, one scenario, and which file pytest is given, without whose plugin."""

    source: str
    beginning: str
    written: str
    test: str
    without: str


PYTEST_BDD = Peer("scenario.feature", "Feature: The benchmark's flow\n", "flow.feature", "bdd_steps.py", "tavern")
TAVERN = Peer("scenario.tavern.yaml", "", "test_flow.tavern.yaml", "test_flow.tavern.yaml", "pytest-bdd")

MEASURED = """
import sys, time
from {module} import {function} as work
before = time.process_time()
try:
    work({arguments})
finally:
    print(time.process_time() - before, file=sys.__stdout__, flush=True)
"""


def main() -> bool:
    cases = MANY - FEW
    print(f"peers: {cases} scenarios of 3 requests and 3 row assertions, a live server; {ROUNDS} rounds interleaved")
    python = peers_python()
    if python is None:
        return False
    with tempfile.TemporaryDirectory() as folder, backend() as told:
        place = Path(folder)
        tools: dict[str, Callable[[int], float]] = {
            "harness": lambda count: of_harness(place, count),
            "pytest-bdd": lambda count: of_peer(python, place, PYTEST_BDD, count, told),
            "tavern": lambda count: of_peer(python, place, TAVERN, count, told),
        }
        costs: dict[str, list[float]] = {name: [] for name in tools}
        for _ in range(ROUNDS):
            for name, tool in tools.items():
                few = tool(FEW)
                costs[name].append((tool(MANY) - few) / cases * 1000)
    kept = True
    print(f"  harness {statistics.median(costs['harness']):.1f} ms of its own processor time a scenario")
    for name, promised in PROMISED.items():
        ratio = statistics.median(peer / own for peer, own in zip(costs[name], costs["harness"], strict=True))
        print(f"  {name} {statistics.median(costs[name]):.1f} ms   {ratio:.1f} times (promised: at least {promised})")
        kept = kept and ratio >= promised
    return kept


# -- the peers' own environment -----------------------------------------------------------------------------------


def peers_python() -> Path | None:
    """The interpreter of an environment with the pinned peers, made once; None, and why, when it cannot be had."""
    pins = FILES / "requirements.txt"
    folder = ROOT / ".harness" / f"peers-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if ready.exists():
        return python
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(pins)],
    )  # fmt: skip
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            print(f"  NOT MEASURED: Tavern and pytest-bdd cannot be installed ({shlex.join(command[:4])}…: {last})")
            return None
    ready.touch()
    return python


# -- the server, which nobody's figure holds ------------------------------------------------------------------------


@contextlib.contextmanager
def backend() -> Iterator[Mapping[str, str]]:
    """The reference over a database of its own, as the harness starts one too; yields what the peers' files are told."""
    fixtures = ROOT / "fixtures"
    rows = catalogue(fixtures, "production")
    migrations = history(fixtures, ("before", "update", "reference"))
    session = rows.rows("SessionType")["intro-call"]
    url = free_url()
    with open_server("embedded") as server:
        database = server.template("peers", lambda connection: populate(connection, migrations, rows)).clone()
        deployment = Deployment(START, url, database, providers="http://127.0.0.1:9")
        try:
            yield {
                "FLOW_URL": url,
                "FLOW_DATABASE": database.dsn,
                "FLOW_BUILDER": session["builderId"],
                "FLOW_SESSION": session["id"],
            }
        finally:
            deployment.close()


def free_url() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


# -- the tools ----------------------------------------------------------------------------------------------------


def of_harness(place: Path, count: int) -> float:
    """Seconds of `harness run --target URL --start CMD` over `count` scenarios, the process of the harness alone."""
    path = place / f"flow-{count}.yaml"
    path.write_text(BEGINNING + numbered("scenario.yaml", count))
    words = ["run", str(path), "--target", free_url(), "--start", START, "--database", "embedded", "--seed", "1"]
    words += ["-q", "--report", str(place / "reports")]
    return measured(sys.executable, ROOT, ("harness.cli", "main", repr(words)), {}, count)


def of_peer(python: Path, place: Path, peer: Peer, count: int, told: Mapping[str, str]) -> float:
    """Seconds of a peer over `count` scenarios: pytest with nothing switched on, and nothing to report."""
    folder = place / "peers"
    folder.mkdir(exist_ok=True)
    for name in ("conftest.py", "rows.py", "bdd_steps.py"):
        (folder / name).write_text((FILES / name).read_text())
    (folder / peer.written).write_text(peer.beginning + numbered(peer.source, count))
    words = ["-q", "-p", "no:cacheprovider", "-p", f"no:{peer.without}", "--rootdir", str(folder)]
    return measured(str(python), folder, ("pytest", "main", repr([*words, str(folder / peer.test)])), told, count)


def numbered(source: str, count: int) -> str:
    text = (FILES / source).read_text()
    return "\n".join(text.replace("NUMBER", str(number)) for number in range(count))


def measured(python: str, cwd: Path, work: tuple[str, str, str], told: Mapping[str, str], count: int) -> float:
    """The processor time of a process that does `work` (module, function, arguments); it must pass every case."""
    module, function, arguments = work
    code = MEASURED.format(module=module, function=function, arguments=arguments)
    environment = {**os.environ, "PYTHONPATH": str(cwd), **told}
    done = subprocess.run(
        [python, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    if f"{count} passed" not in done.stdout:
        raise AssertionError(f"{module} did not pass {count} cases:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
