"""How memory is looked after: when cycles are searched for, and when not."""

from __future__ import annotations

import subprocess
import sys


def test_a_command_that_ends_does_not_look_through_all_that_it_imported_once_more() -> None:
    """What atexit was given first is called last: after the command line's own."""
    code = (
        "import atexit, gc, harness.cli\n"
        "atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects())))\n"
        "harness.cli.main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, looked_at = map(int, done.stdout.splitlines()[-1].split())
    assert frozen > 10_000
    assert looked_at < 1_000
