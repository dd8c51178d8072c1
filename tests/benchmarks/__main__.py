"""`make bench`: every benchmark, or those named; exit code 1 when a promised ratio is not kept.

Machines are noisy: figures are medians of interleaved rounds in one run, and what counts is the ratio.
"""

from __future__ import annotations

import sys

from tests.benchmarks import bench_limits, bench_peers, bench_records, bench_runner, bench_server, bench_start

BENCHMARKS = {
    "runner": bench_runner.main,
    "peers": bench_peers.main,
    "limits": bench_limits.main,
    "start": bench_start.main,
    "records": bench_records.main,
    "server": bench_server.main,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 4
    kept = [BENCHMARKS[name]() for name in names or BENCHMARKS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
