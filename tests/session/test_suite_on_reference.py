"""Every case once on the reference: all pass, and what they make Calendly say is what its schemas know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.calendly.conformance import Conformance
from harness.postgres import open_server
from harness.scenario.fixtures import Catalogue
from harness.scenario.loader import load
from harness.scenario.runner import run_case
from harness.scenario.simulators import Providers, Simulators
from harness.scenario.stage import Stage
from harness.scenario.targets import parse_target

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.long


@dataclass
class Ran:
    """What the run of all cases showed."""

    cases: int = 0
    calls: int = 0
    deliveries: int = 0
    not_passed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def ran() -> Ran:
    found, made = Ran(), list[Providers]()
    conformance, fresh = Conformance(ROOT / "fixtures" / "calendly" / "schemas"), Simulators.fresh

    def watched(self: Simulators, seed: int, catalogue: Catalogue) -> Providers:
        made.append(fresh(self, seed, catalogue))
        return made[-1]

    suite = load(["scenarios"], project=ROOT)
    with pytest.MonkeyPatch.context() as patch, open_server("embedded") as server:
        patch.setattr(Simulators, "fresh", watched)
        stage = Stage(server, parse_target("reference"), suite, ROOT / "fixtures", lambda _: None, 1)
        for case in suite.cases:
            made.clear()
            record = run_case(stage, case)
            found.cases += 1
            if record.outcome != "passed":
                found.not_passed.append(f"{case.scenario_id}: {record.failure}")
            for simulator in (providers.calendly for providers in made if "calendly" in providers.made):
                found.calls += len(simulator.calls)
                found.deliveries += len(simulator.deliveries)
                texts = [text for call in simulator.calls for text in conformance.of_call(call)]
                texts += [text for delivery in simulator.deliveries for text in conformance.of_delivery(delivery)]
                found.problems += [f"{case.scenario_id}: {text}" for text in texts]
        stage.close()
    return found


def test_the_reference_passes_every_case(ran: Ran) -> None:
    assert ran.cases >= 300
    assert not ran.not_passed


def test_every_answer_and_delivery_of_the_suite_conforms(ran: Ran) -> None:
    assert not ran.problems, ran.problems[:5]
    assert ran.calls > 200
    assert ran.deliveries > 200
