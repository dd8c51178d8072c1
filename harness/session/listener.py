"""Who is told of a run while it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from harness import records
    from harness.session.result import RunResult

__all__ = ["Listener", "Silent"]


class Listener(Protocol):
    """Told what happens, in order, in the parent process; never in the way of the run."""

    def planned(self, *, cases: int, target: str, seed: int, workers: int) -> None: ...

    def database(self, about: dict[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...

    def finished(self, record: records.Scenario) -> None: ...

    def completed(self, result: RunResult) -> None: ...


class Silent:
    """Listens to nothing."""

    def planned(self, *, cases: int, target: str, seed: int, workers: int) -> None:
        """Nothing."""

    def database(self, about: dict[str, Any]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finished(self, record: records.Scenario) -> None:
        """Nothing."""

    def completed(self, result: RunResult) -> None:
        """Nothing."""
