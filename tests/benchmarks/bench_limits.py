"""What a person feels: help, loading, the first result, two workers, and memory from 1,000 to 20,000 scenarios."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.scenario.compiled import Compiled, compiled_of
from harness.scenario.loader import load

ROOT = Path(__file__).parents[2]
HARNESS = [sys.executable, "-m", "harness"]
HELP_S, LOAD_MS, FIRST_S, GONE_S, WORKERS, GROWTH = 0.25, 0.7, 1.0, 0.1, 1.7, 1.1
FEW, MANY = 100, 500
SMALL, LARGE = 1_000, 20_000
A_FILE = 100

HEAD = "feature: The benchmark's flow\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
SCENARIO = """
  - scenario: A free session is booked, number NUMBER
    when:
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - create: {}
        expect: {status: 200, body: {state: BOOKING_CONFIRMED}}
    then: [{rows: {Booking: 1}}]
"""


def main() -> bool:
    print("limits: help, loading, the first result, the end, two workers, memory")
    compileall.compile_dir(
        ROOT / "harness", quiet=1
    )  # a warm machine; Python may have been told to keep nothing itself
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        firsts, endings = zip(*(first_and_gone(place) for _ in range(5)), strict=True)
        kept = [
            told("harness --help", statistics.median(helped() for _ in range(7)), HELP_S, "s"),
            told("loading, a scenario", loaded(compiled_of(place)), LOAD_MS, "ms of processor time"),
            told("first result", statistics.median(firsts), FIRST_S, "s"),
            told("gone after its last line", statistics.median(endings), GONE_S, "s"),
            told("two workers", speedup(place), WORKERS, "times one", at_least=True),
            told(f"memory at {LARGE:,} scenarios", growth(place), GROWTH, f"times that at {SMALL:,}"),
        ]
    return all(kept)


def told(what: str, figure: float, limit: float, unit: str, *, at_least: bool = False) -> bool:
    word = "at least" if at_least else "at most"
    print(f"  {what}: {figure:.2f} {unit} (promised: {word} {limit})", flush=True)
    return figure >= limit if at_least else figure <= limit


def helped() -> float:
    began = time.perf_counter()
    subprocess.run([*HARNESS, "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def loaded(compiled: Compiled) -> float:
    """Milliseconds of processor time a scenario of the suite; the best of five, compiled before as it is in a second run."""
    first, again = loading(None), loading(compiled)
    print(f"    nothing compiled before: {first:.2f} ms", flush=True)
    return again


def loading(compiled: Compiled | None) -> float:
    times, count = [], 1
    for _ in range(6):
        began = time.process_time()
        suite = load([ROOT / "scenarios"], project=ROOT, compiled=Compiled(compiled.path) if compiled else None)
        times.append(time.process_time() - began)
        count = sum(len(feature.scenarios) for feature in suite.features)
    return min(times[1:]) / count * 1000


def first_and_gone(place: Path) -> tuple[float, float]:
    """Seconds from starting `harness run` to the first scenario's line, and from its last line to the end of the process."""
    command = [*HARNESS, "run", str(flow(place, 3)), "-v", *common(place)]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [(line, time.perf_counter()) for line in process.stdout]
        process.wait()
        ended = time.perf_counter()
    seen = next((at for line, at in lines if line.startswith("passed")), None)
    assert seen is not None, "no scenario passed"
    return seen - began, ended - lines[-1][1]


def speedup(place: Path) -> float:
    """How many times faster two workers are than one, by the slope between few and many scenarios."""
    one, two = ([ran(place, again(place, count), workers)[0] for count in (FEW, MANY)] for workers in (1, 2))
    return (one[1] - one[0]) / (two[1] - two[0])


def growth(place: Path) -> float:
    """The most memory of a run of 20,000 scenarios, each another one, over that at 1,000."""
    small, large = (ran(place, [str(suite(place, count))], 1)[1] for count in (SMALL, LARGE))
    print(f"    {small:.0f} MiB, {large:.0f} MiB", flush=True)
    return large / small


def again(place: Path, count: int) -> list[str]:
    """The words that select `count` scenarios to run: a few, again and again."""
    return [str(flow(place, 20)), "--repeat", str(count // 20)]


def suite(place: Path, count: int) -> Path:
    """A folder of `count` scenarios, a hundred a file."""
    folder = place / f"suite-{count}"
    folder.mkdir()
    for file in range(count // A_FILE):
        flow(folder, A_FILE, first=file * A_FILE)
    return folder


def ran(place: Path, selecting: Sequence[str], workers: int) -> tuple[float, float]:
    """Seconds of a run of what the words select, and the most MiB that its main process held."""
    command = [*HARNESS, "run", *selecting, "-q"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "-n", str(workers), *common(place)], cwd=ROOT, stdout=subprocess.DEVNULL)
    most = 0.0
    while process.poll() is None:
        most = max(most, resident(process.pid))
        time.sleep(0.05)
    assert process.returncode == 0, f"harness run {' '.join(selecting)} ended with {process.returncode}"
    return time.perf_counter() - began, most


def resident(pid: int) -> float:
    """MiB of memory that a process holds; 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def flow(place: Path, count: int, first: int = 0) -> Path:
    path = place / f"flow-{first}-{count}.yaml"
    path.write_text(HEAD + "".join(SCENARIO.replace("NUMBER", str(first + number)) for number in range(count)))
    return path


def common(place: Path) -> list[str]:
    return ["--database", "embedded", "--seed", "1", "--report", str(place / "reports")]


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
