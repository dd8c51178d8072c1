"""The judge: one defect or mutant at a time is put in, and scenarios run until one notices."""

from __future__ import annotations

import faulthandler
import logging
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from harness.interrupts import AskedToEnd
from harness.scenario.model import Case
from harness.strength.grafting import NotViable, grafted
from harness.strength.ground import Ground, TooLong
from harness.strength.reach import Reach
from harness.strength.subjects import Subject
from harness.strength.verdicts import Outcome, Verdict

__all__ = ["Judge", "Unviable"]

HANGING = 90.0
"""Seconds after which a worker that does not even hear its alarm ends itself; its job is lost, the others go on."""


LOUD = ("harness.booking", "psycopg")
"""Flask's own logger, which writes a traceback for every exception that the application does not answer, and the driver's, which
tells what it dropped when the time of a mutant that hangs was up."""


@dataclass(frozen=True, slots=True)
class Unviable:
    """A mutant that is none: it does not fit, or compiles to what was there."""

    id: str
    why: str


@dataclass
class Judge:
    """A worker of `harness.session.workers`: one subject a job."""

    ground: Ground
    cases: Mapping[str, Case]
    reach: Reach
    subjects: Sequence[Subject]
    every: bool = False
    _noticed: dict[str, list[str]] = field(default_factory=dict)
    _kills: Counter[str] = field(default_factory=Counter)

    def open(self) -> dict[str, object]:
        """Start the server. What the application fails with under a mutant is its answer's business, not the terminal's."""
        for name in LOUD:
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False
        return self.ground.open()

    def run(self, index: int) -> Verdict | Unviable:
        """What became of subject `index`."""
        subject = self.subjects[index]
        began = time.perf_counter()
        faulthandler.dump_traceback_later(HANGING, exit=True)
        try:
            with _unwarned(), self._put_in(subject):
                found = self._tried(subject)
        except NotViable as error:
            return Unviable(subject.id, str(error))
        finally:
            faulthandler.cancel_dump_traceback_later()
        return self._verdict(subject, found, round((time.perf_counter() - began) * 1_000_000))

    def close(self) -> None:
        """Stop the server."""
        self.ground.close()

    @contextmanager
    def _put_in(self, subject: Subject) -> Iterator[None]:
        if subject.rebuilt:
            self.ground.renew()
        with grafted(subject.mutant) if subject.mutant else nullcontext():
            if subject.mutant and subject.rebuilt:
                _starts()
            yield
        if subject.rebuilt:
            self.ground.renew()

    def _tried(self, subject: Subject) -> _Found:
        found = _Found()
        self._try(subject, self._ordered(subject), found)
        if found.by:
            self._remember(subject, found.by[0])
        return found

    def _try(self, subject: Subject, ids: Iterable[str], found: _Found) -> None:
        target = "reference" if subject.mutant else f"defect:{subject.id}"
        for scenario_id in ids:
            faulthandler.dump_traceback_later(HANGING, exit=True)
            try:
                record, check = self.ground.run(
                    self.ground.stage(target), self.cases[scenario_id], self._limit(scenario_id)
                )
            except TooLong:
                self.ground.drop()
                found.add(scenario_id, f"no end within {self._limit(scenario_id):.0f} s")
            else:
                if record.outcome == "failed":
                    found.add(scenario_id, check or record.failure or "")
                elif record.outcome == "error":
                    found.errors.append(f"{scenario_id}: {record.failure}")
            if found.by and not self.every:
                return

    def _remember(self, subject: Subject, scenario_id: str) -> None:
        known = self._noticed.setdefault(subject.place, [])
        known[:] = [scenario_id, *(each for each in known if each != scenario_id)][:5]
        self._kills[scenario_id] += 1

    def _ordered(self, subject: Subject) -> list[str]:
        """Those first that noticed something at the same place before; then, for a mutant, those that notice most."""
        wanted = set(subject.candidates)
        first = [each for each in self._noticed.get(subject.place, ()) if each in wanted]
        if subject.mutant:
            first += [each for each, _ in self._kills.most_common(40) if each in wanted and each not in first][:8]
        return [*first, *(each for each in subject.candidates if each not in set(first))]

    def _limit(self, scenario_id: str) -> float:
        """Seconds: far more than the scenario takes when all is well."""
        return max(5.0, 20 * self.reach.cases[scenario_id].duration_us / 1_000_000)

    def _verdict(self, subject: Subject, found: _Found, duration_us: int) -> Verdict:
        outcome: Outcome = "noticed" if found.by else "survived" if subject.candidates else "not_reached"
        reason = f"no check failed, but {found.errors[0]}" if found.errors and not found.by else None
        return Verdict(
            subject.id,
            subject.title,
            subject.kind,
            subject.rules,
            outcome,
            tuple(found.by),
            found.check,
            duration_us,
            reason,
        )


@contextmanager
def _unwarned() -> Iterator[None]:
    """Python's warnings are silent: what a mutant is warned of is its own doing. Without a defect they are heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _starts() -> None:
    """Raises NotViable when the application cannot even be built: no scenario is needed to see that."""
    from harness.booking import Parts, create_app
    from harness.scenario.application import settings_for

    try:
        create_app(settings_for("postgresql+psycopg://nobody@localhost/nothing"), Parts()).dispose()
    except AskedToEnd:
        raise
    except (Exception, SystemExit) as error:  # what a mutant does to the start is its own doing: not viable
        raise NotViable(f"the application does not start: {type(error).__name__}") from error


@dataclass
class _Found:
    by: list[str] = field(default_factory=list)
    check: str | None = None
    errors: list[str] = field(default_factory=list)

    def add(self, scenario_id: str, check: str) -> None:
        self.by.append(scenario_id)
        self.check = self.check or check
