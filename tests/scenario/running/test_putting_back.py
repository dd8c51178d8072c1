"""The database puts things back while the harness goes on; who comes next, or ends the run, waits for it."""

from __future__ import annotations

import gc

from harness.booking.flow import Flow
from harness.postgres import Server
from harness.scenario.recorder import Recorder
from harness.scenario.visitors import Visitor
from harness.scenario.world import World
from tests.scenario.running.conftest import Play

ROLE = "SELECT 1 FROM pg_roles WHERE rolname = 'last_scenario_probe'"


def test_what_the_last_scenario_did_to_the_server_is_gone_when_the_run_is_over(play: Play, server: Server) -> None:
    played = play(f"""
when:
  - sql: CREATE ROLE last_scenario_probe
  - sql: "{ROLE}"
then:
  - sql: {{query: "{ROLE}", count: 1}}
""")
    assert played.outcome == "passed", played.failure
    assert server.admin(ROLE) == []


def test_a_scenario_that_changes_the_schema_last_leaves_no_database(play: Play, server: Server) -> None:
    databases = "SELECT datname FROM pg_database WHERE datname ~ '^harness_' AND NOT datistemplate ORDER BY 1"
    before = play("when: [{sql: SELECT 1}]\nthen: [{changed: none}]") and server.admin(databases)
    played = play("""
when:
  - sql: CREATE TABLE made_by_the_last_scenario (id int)
then: [{changed: none}]
""")
    assert played.outcome == "passed", played.failure
    assert server.admin(databases) == before


def test_nothing_of_a_scenario_waits_for_a_search_for_cycles(play: Play) -> None:
    """It would wait for long, and among all that a run holds each search costs as much as several scenarios."""
    kinds = (World, Visitor, Flow, Recorder)
    gc.collect()
    gc.disable()
    try:
        played = play("""
when:
  - sessions: {}
  - select_session: intro-call
  - initialize: {}
    as: begun
  - confirm: {}
    expect: {body: {booking: {id: $begun.id}}}
""")
        left = [type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds)]
    finally:
        gc.enable()
    assert played.outcome == "passed", played.failure
    assert not left
