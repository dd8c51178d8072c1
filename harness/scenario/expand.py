"""From scenarios to cases: matrix, examples, repetitions."""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import accumulate, product
from typing import Any, overload

from msgspec.structs import replace

from harness.scenario.model import Case, Scenario, Step
from harness.scenario.scope import inserted
from harness.scenario.show import written_out

__all__ = ["Cases", "case_title", "matrix_rows", "parameter_text", "steps_of"]

_KEPT = 64  # cases that need not be made again: a run in rounds asks for each of its few again and again
_NAME = re.compile(r"\$(?:\{([A-Za-z_][\w-]*)\}|([A-Za-z_]\w*(?:-\w+)*))")


def matrix_rows(axes: Mapping[str, list[Any]]) -> tuple[dict[str, Any], ...]:
    """Every combination of the axes; the last axis turns fastest."""
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def parameter_text(params: Mapping[str, Any]) -> str:
    """`[k=v,…]`, empty without parameters."""
    if not params:
        return ""
    return "[" + ",".join(f"{key}={_shown(value)}" for key, value in params.items()) + "]"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return written_out(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    return written_out(inserted(value))


def case_title(scenario: Scenario, params: Mapping[str, Any], repetition: int = 1) -> str:
    """How reports name a case: the title, its parameters, which repetition."""
    tail = parameter_text(params)
    again = f" #{repetition}" if scenario.repeat > 1 else ""
    return f"{_filled(scenario.title, params)}{' ' if tail else ''}{tail}{again}"


class Cases(Sequence[Case]):
    """Cases of some scenarios in some order, each made when it is asked for: of thousands, one runs at a time.

    Every case of the scenarios has a number, in the order of the scenarios and their parameters; each is repeated as often
    as its scenario says.
    """

    def __init__(self, scenarios: Sequence[Scenario], starts: Sequence[int], numbers: Sequence[int]) -> None:
        self._scenarios = scenarios
        self._starts = starts  # the number of each scenario's first case, and how many cases there are
        self._numbers = numbers
        self._made = lru_cache(_KEPT)(partial(_case, scenarios, starts))  # of no self: nothing would break that circle

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> Cases:
        """Every case."""
        counts = (len(scenario.rows_of_params) * scenario.repeat for scenario in scenarios)
        starts = array("q", accumulate(counts, initial=0))
        return cls(scenarios, starts, range(starts[-1]))

    def where(self, keep: Callable[[Case], bool]) -> Cases:
        """Those that `keep` holds of."""
        return self.at(place for place, case in enumerate(self) if keep(case))

    def at(self, places: Iterable[int]) -> Cases:
        """Those at these places, in this order."""
        return Cases(self._scenarios, self._starts, array("q", [self._numbers[place] for place in places]))

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Case: ...

    @overload
    def __getitem__(self, place: slice) -> Cases: ...

    def __getitem__(self, place: int | slice) -> Case | Cases:
        if isinstance(place, slice):
            return self.at(range(len(self))[place])
        return self._made(self._numbers[place])


def _case(scenarios: Sequence[Scenario], starts: Sequence[int], number: int) -> Case:
    at = bisect_right(starts, number) - 1
    scenario, before = scenarios[at], number - starts[at]
    row, repetition = divmod(before, scenario.repeat)
    params = scenario.rows_of_params[row]
    again = f"#{repetition + 1}" if scenario.repeat > 1 else ""
    return Case(
        scenario=scenario,
        params=params,
        case_id=f"{scenario.stem}{parameter_text(params)}{again}",
        title=case_title(scenario, params, repetition + 1),
        number=before + 1,
        repetition=repetition + 1,
    )


def steps_of(scenario: Scenario, params: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps as a case with `params` reads."""
    when = scenario.script.when
    return tuple(_step(step, params) for step in when) if params else when


def _step(step: Step, params: Mapping[str, Any]) -> Step:
    """The step as this case reads: parameters put into its title and its actor."""
    if "$" not in step.title and not (step.by and "$" in step.by):
        return step
    return replace(step, title=_filled(step.title, params), by=_filled(step.by, params) if step.by else None)


def _filled(text: str, params: Mapping[str, Any]) -> str:
    if "$" not in text:
        return text
    return _NAME.sub(
        lambda found: _shown(params[name]) if (name := found.group(1) or found.group(2)) in params else found.group(),
        text,
    )
