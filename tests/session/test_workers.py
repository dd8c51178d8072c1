"""Several processes: what one of them ends with means what it means without them."""

from __future__ import annotations

import threading

import pytest

from harness.errors import HarnessFault, MachineError
from harness.session.workers import run_forked


class Refused:
    """A worker whose database cannot be opened."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def open(self) -> dict[str, object]:
        raise self.error

    def run(self, index: int) -> object:
        raise AssertionError(index)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (PermissionError(13, "Permission denied", "/dev/shm/x"), MachineError, r"^Permission denied \(/dev/shm/x\)\.$"),
        (OSError(28, "No space left on device"), MachineError, r"^No space left on device\.$"),
        (MachineError("No database.", "Get one."), MachineError, r"^No database\. Get one\.$"),
        (LookupError("x"), HarnessFault, r"^A worker failed: LookupError: x "),
    ],
)
def test_what_the_machine_refuses_a_worker_is_no_fault_of_the_harness(
    error: Exception, raised: type[Exception], told: str
) -> None:
    with pytest.raises(raised, match=told):
        list(run_forked(lambda _: Refused(error), range(1), 2, threading.Event()))
