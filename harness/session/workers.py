"""Workers: each owns a server, a database and an events file; the parent hands out batches and collects results.

One worker runs in the parent process itself. More are forked before any thread exists, so that the imports are
paid once; they talk over pipes, and end when their parent does, however that ends.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Protocol

from msgspec import Struct

from harness.errors import HarnessError, HarnessFault, InputError, MachineError
from harness.interrupts import AskedToEnd

__all__ = ["Died", "Finished", "Ready", "Worker", "batches_of", "run_forked", "run_inline"]


class Ready(Struct, frozen=True):
    """A worker's database is up. `about` is what the manifest records of it."""

    worker: int
    about: dict[str, Any]


class Finished(Struct, frozen=True):
    """One job is done; `result` is whatever the worker's `run` returned."""

    worker: int
    index: int
    result: Any


class Died(Struct, frozen=True):
    """A worker ended without finishing job `index` (None: between jobs)."""

    worker: int
    index: int | None
    why: str


class Worker(Protocol):
    """What a worker process does: opened once, then one job after another."""

    def open(self) -> dict[str, Any]: ...

    def run(self, index: int) -> Any: ...

    def close(self) -> None: ...


def batches_of(indexes: Sequence[int], workers: int) -> deque[list[int]]:
    """Cut `indexes` into batches that shrink towards the end: few messages, and no worker idles long."""
    queue: deque[list[int]] = deque()
    rest = list(indexes)
    while rest:
        size = max(1, min(25, len(rest) // (4 * workers)))
        queue.append(rest[:size])
        rest = rest[size:]
    return queue


def run_inline(worker: Worker, indexes: Sequence[int], stop: threading.Event) -> Iterator[Ready | Finished]:
    """Run every job in this process; stops between two jobs when `stop` is set."""
    try:
        yield Ready(0, worker.open())
        for index in indexes:
            if stop.is_set():
                return
            yield Finished(0, index, worker.run(index))
    finally:
        worker.close()


def run_forked(
    make: Callable[[int], Worker], indexes: Sequence[int], workers: int, stop: threading.Event
) -> Iterator[Ready | Finished | Died]:
    """Run the jobs in `workers` processes; results come in the order in which they finish.

    A worker that dies (killed, out of memory) costs the job that it was on: `Died` names it, and the rest of its
    batch goes back to the queue.
    """
    pool = _Pool(make, batches_of(indexes, workers))
    try:
        for number in range(workers):
            pool.start(number)
        while pool.alive:
            yield from pool.step(stop)
    finally:
        pool.close()


class _Pool:
    def __init__(self, make: Callable[[int], Worker], queue: deque[list[int]]) -> None:
        self._make = make
        self._queue = queue
        self._context = multiprocessing.get_context("fork")
        self.alive: dict[Connection, _Process] = {}

    def start(self, number: int) -> None:
        ours, theirs = self._context.Pipe()
        siblings = [*self.alive, ours]
        process = self._context.Process(target=_serve, args=(theirs, siblings, self._make, number), daemon=False)
        process.start()
        theirs.close()
        self.alive[ours] = _Process(number, process)

    def step(self, stop: threading.Event) -> Iterator[Ready | Finished | Died]:
        for connection in wait(list(self.alive), timeout=0.2):
            assert isinstance(connection, Connection)
            member = self.alive[connection]
            try:
                message = connection.recv()
            except (EOFError, ConnectionResetError):
                yield from self._buried(connection, member)
                continue
            match message:
                case Ready() as ready:
                    yield ready
                    self._feed(connection, member, stop)
                case Finished() as finished:
                    member.pending.remove(finished.index)
                    yield finished
                    if not member.pending:
                        self._feed(connection, member, stop)
                case HarnessError() as error:
                    raise error

    def _feed(self, connection: Connection, member: _Process, stop: threading.Event) -> None:
        member.pending = self._queue.popleft() if self._queue and not stop.is_set() else []
        try:
            connection.send(list(member.pending) or None)
        except BrokenPipeError:
            return  # its end is noticed, and its batch taken back, at the next read

    def _buried(self, connection: Connection, member: _Process) -> Iterator[Died]:
        del self.alive[connection]
        connection.close()
        member.process.join()
        if not member.pending and not member.process.exitcode:
            return
        lost = member.pending[0] if member.pending else None
        self._queue.extend([index] for index in member.pending[1:])
        yield Died(member.number, lost, f"its worker ended with exit code {member.process.exitcode}")
        if self._queue:
            self.start(member.number)

    def close(self) -> None:
        for connection in self.alive:
            connection.close()
        for member in self.alive.values():
            member.process.join(timeout=15)
            if member.process.is_alive():
                member.process.terminate()
                member.process.join()
        self.alive.clear()


class _Process:
    def __init__(self, number: int, process: multiprocessing.process.BaseProcess) -> None:
        self.number = number
        self.process = process
        self.pending: list[int] = []


def _serve(connection: Connection, inherited: Sequence[Connection], make: Callable[[int], Worker], number: int) -> None:
    """The life of a forked worker: open, run batches until told to stop or the parent is gone, close."""
    for other in inherited:  # a copy kept open would hide the parent's end from this worker's siblings
        other.close()
    for asked in (signal.SIGINT, signal.SIGHUP):  # these go to the whole group; the parent decides what they mean
        signal.signal(asked, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)  # so that `finally` closes the database
    worker = make(number)
    try:
        connection.send(Ready(number, worker.open()))
        while batch := connection.recv():
            for index in batch:
                connection.send(Finished(number, index, worker.run(index)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone: close and go too
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises it: a traceback of a child helps nobody
        with contextlib.suppress(BrokenPipeError):
            connection.send(_portable(error))
    finally:
        worker.close()
        connection.close()
    os._exit(0)  # the parent's atexit hooks are not this process's


def _leave(number: int, _frame: FrameType | None) -> None:
    raise AskedToEnd(128 + number)


def _portable(error: Exception) -> HarnessError:
    """`error` without what does not pickle."""
    if isinstance(error, MachineError):
        return MachineError(error.what, error.remedy)
    if isinstance(error, HarnessError):
        return InputError(str(error)) if error.exit_code == InputError.exit_code else HarnessFault(str(error))
    if isinstance(error, OSError) and error.errno is not None:  # of the machine, as it is without workers
        where = f" ({error.filename})" if error.filename else ""
        return MachineError(f"{error.strerror}{where}.")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return HarnessFault(f"A worker failed: {type(error).__name__}: {error} ({frame.filename}:{frame.lineno}).")
