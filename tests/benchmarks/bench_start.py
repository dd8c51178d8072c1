"""Starting the embedded database from its cached data directory, against starting it from nothing."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMISED = 1 / 3
ROUNDS = 5
START = "from harness.postgres import open_server\nwith open_server('embedded') as server, server.create_database().connect() as c:\n    c.execute('SELECT 1')\n"


def main() -> bool:
    print(f"start: the embedded PostgreSQL to its first query; {ROUNDS} rounds interleaved")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        Path(folder).chmod(0o755)  # the server's unprivileged user reads its binaries from here
        cold, warm = [], []
        for _ in range(ROUNDS):
            shutil.rmtree(cache, ignore_errors=True)
            cold.append(started(cache))
            warm.append(started(cache))
        floor = statistics.median(imported() for _ in range(ROUNDS))
    ratio = statistics.median((w - floor) / (c - floor) for w, c in zip(warm, cold, strict=True))
    print(
        f"  from nothing {(statistics.median(cold) - floor) * 1000:.0f} ms   cached {(statistics.median(warm) - floor) * 1000:.0f} ms"
        f"   ratio {ratio:.2f} (promised: at most {PROMISED:.2f})"
    )
    return ratio <= PROMISED


def started(cache: Path) -> float:
    return timed(START, {"BOOKING_HARNESS_CACHE": str(cache)})


def imported() -> float:
    """The interpreter and the imports, which both pay."""
    return timed("import harness.postgres, psycopg", {})


def timed(code: str, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment})
    return time.perf_counter() - began
