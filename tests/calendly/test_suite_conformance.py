"""What the scenarios make Calendly say, held against the schemas: nothing missing, nothing unknown."""

from __future__ import annotations

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


@pytest.mark.long
def test_every_answer_and_delivery_of_the_suite_conforms(monkeypatch: pytest.MonkeyPatch) -> None:
    conformance = Conformance(ROOT / "fixtures" / "calendly" / "schemas")
    fresh = Simulators.fresh
    problems: list[str] = []
    judged = {"calls": 0, "deliveries": 0}

    def watched(self: Simulators, seed: int, catalogue: Catalogue) -> Providers:
        made.append(fresh(self, seed, catalogue))
        return made[-1]

    made: list[Providers] = []
    monkeypatch.setattr(Simulators, "fresh", watched)
    suite = load(["scenarios"], project=ROOT)
    with open_server("embedded") as server:
        stage = Stage(server, parse_target("reference"), suite, ROOT / "fixtures", lambda _: None, "conformance", 1)
        for case in suite.cases:
            made.clear()
            run_case(stage, case)
            for simulator in (providers.calendly for providers in made if "calendly" in providers.made):
                for call in simulator.calls:
                    judged["calls"] += 1
                    problems += [f"{case.scenario_id}: {text}" for text in conformance.of_call(call)]
                for delivery in simulator.deliveries:
                    judged["deliveries"] += 1
                    problems += [f"{case.scenario_id}: {text}" for text in conformance.of_delivery(delivery)]
        stage.close()
    assert not problems, problems[:5]
    assert judged["calls"] > 200
    assert judged["deliveries"] > 200
