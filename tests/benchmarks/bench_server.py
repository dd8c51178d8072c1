"""The Calendly simulator's HTTP server with 10,000 events in it: requests a second, see tests/calendly/benchmark_server.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> bool:
    script = Path(__file__).parents[1] / "calendly" / "benchmark_server.py"
    return subprocess.run([sys.executable, str(script)], check=False).returncode == 0
