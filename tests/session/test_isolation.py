"""Nothing leaks from one scenario into the next: right after whichever other, and in shuffled order, each ends as alone."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from harness.scenario.targets import parse_target
from harness.session import Bench
from harness.session.plan import suite_of
from tests.support.commands import ROOT, harness

DISTURBING = """
feature: Scenarios that leave as much behind as they can
given: {catalog: production, visitor: anonymous}
fragments:
  booked:
    - select_session: intro-call
    - schedule: "2030-03-06T10:00Z"
    - create: {}
scenarios:
  - scenario: The first booking of an empty calendar
    repeat: 4
    when: [{call: booked}]
    then:
      - rows: {Booking: 1}
      - sql: {query: 'SELECT max(id) AS n FROM "BookingTransition"', value: 2}
  - scenario: A table is made and dropped columns are missed by nobody
    when:
      - sql: 'CREATE TABLE extra (id int); ALTER TABLE "Booking" DROP COLUMN description; INSERT INTO extra VALUES (1)'
    then: [{sql: {query: SELECT count(*) AS n FROM extra, value: 1}}]
  - scenario: The extra table is not there
    repeat: 3
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then:
      - sql: {query: "SELECT to_regclass('extra') IS NULL AS gone", value: true}
      - sql: {query: "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'Booking' AND column_name = 'description'", value: 1}
  - scenario: A role, a setting and a sequence are changed
    when:
      - sql: CREATE ROLE harness_leak_probe; ALTER ROLE harness_leak_probe SET work_mem = '1MB'
      - sql: SELECT setval('"BookingTransition_id_seq"', 1000)
    then: [{sql: {query: "SELECT count(*) AS n FROM pg_roles WHERE rolname = 'harness_leak_probe'", value: 1}}]
  - scenario: The role is not there
    repeat: 3
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{sql: {query: "SELECT count(*) AS n FROM pg_roles WHERE rolname = 'harness_leak_probe'", value: 0}}]
  - scenario: Everything is deleted
    when: [{sql: 'TRUNCATE "User" CASCADE'}]
    then: [{rows: {SessionType: 0}}]
  - scenario: The catalogue is complete
    repeat: 3
    when: [{http: {GET: /api/scheduling/session-types}, expect: 200}]
    then: [{rows: {SessionType: <gte 10>, User: <gte 5>}}]
  - scenario: Time has moved a year
    when: [{clock: 365d}]
    then: [{changed: none}]
  - scenario: It is March 2030
    repeat: 2
    when: [{call: booked}]
    then: [{rows: {Booking: {every: {createdAt: "2030-03-04T09:00Z"}}}}]
  - scenario: A fault at Calendly
    when:
      - fault: {calendly: {on: "GET /scheduled_events/*", do: 500, times: null}}
      - select_session: intro-call
      - schedule: "2030-03-06T10:00Z"
      - {create: {}, expect: <one of 502|503|504>}
    then: [{changed: none}]
"""


def each_after_each(count: int) -> list[int]:
    """Numbers below `count`, in an order in which each comes right after each, itself too (de Bruijn's, of pairs)."""
    words = [word for a in range(count) for word in ([a], *([a, b] for b in range(a + 1, count)))]
    return [number for word in words for number in word] + [0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "disturbing.yaml"
    path.write_text(DISTURBING)
    return path


@pytest.mark.long
def test_each_right_after_each_ends_as_alone(path: Path) -> None:
    suite = suite_of((str(path),), ROOT)
    order = each_after_each(len(suite.cases))
    assert len(set(pairwise(order))) == len(suite.cases) ** 2
    bench = Bench.over(suite, root=ROOT, target=parse_target("reference"), database="embedded", seed=1)
    try:
        ended = [bench.run(suite.cases[number]) for number in order]
    finally:
        bench.close()
    assert [(record.name, record.failure) for record in ended if record.outcome != "passed"] == []


@pytest.mark.parametrize("executions", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_in_shuffled_order_they_end_as_each_alone(path: Path, executions: int) -> None:
    common = ["run", str(path), "--database", "embedded", "--json", "--report", str(path.parent / "r")]
    alone = json.loads(harness(*common, "--seed", "1").out)["scenarios"]
    expected = {row["name"]: row["outcome"] for row in alone}
    assert set(expected.values()) == {"passed"}, [row for row in alone if row["outcome"] != "passed"]
    repeat = executions // len(expected) + 1
    done = harness(*common, "--seed", "20", "--shuffle", "--repeat", str(repeat), "-n", "2", timeout=280)
    document = json.loads(done.out)
    assert len(document["scenarios"]) >= executions
    assert {row["outcome"] for row in document["scenarios"]} == {"passed"}, [
        (row["name"], row["failure"]) for row in document["scenarios"] if row["outcome"] != "passed"
    ][:5]
