"""From scenarios to cases: matrix, examples, repetitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from msgspec.structs import replace

from harness.scenario.model import Case, Scenario, Step
from harness.scenario.scope import inserted
from harness.scenario.show import written_out

__all__ = ["case_title", "cases_of", "matrix_rows", "parameter_text"]

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


def cases_of(scenario: Scenario) -> Iterator[Case]:
    """The cases of a scenario in the order of its parameters, each repeated as often as it says."""
    number = 0
    for params in scenario.rows_of_params:
        given = scenario.given_of(params)
        steps = tuple(_step(step, params) for step in scenario.when) if params else scenario.when
        for repetition in range(1, scenario.repeat + 1):
            number += 1
            again = f"#{repetition}" if scenario.repeat > 1 else ""
            yield Case(
                scenario=scenario,
                params=params,
                case_id=f"{scenario.stem}{parameter_text(params)}{again}",
                title=case_title(scenario, params, repetition),
                number=number,
                given=given,
                steps=steps,
                then=scenario.then,
                repetition=repetition,
            )


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
