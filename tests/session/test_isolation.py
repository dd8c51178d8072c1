"""Nothing leaks from one scenario into the next: two thousand in shuffled order end as each does alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import harness

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


@pytest.mark.long
def test_two_thousand_in_shuffled_order_end_as_each_alone(tmp_path: Path) -> None:
    path = tmp_path / "disturbing.yaml"
    path.write_text(DISTURBING)
    common = ["run", str(path), "--database", "embedded", "--json", "--report", str(tmp_path / "r")]
    alone = json.loads(harness(*common, "--seed", "1").out)["scenarios"]
    expected = {row["name"]: row["outcome"] for row in alone}
    assert set(expected.values()) == {"passed"}, [row for row in alone if row["outcome"] != "passed"]
    repeat = 2000 // len(expected) + 1
    done = harness(*common, "--seed", "20", "--shuffle", "--repeat", str(repeat), "-n", "2", timeout=280)
    document = json.loads(done.out)
    assert len(document["scenarios"]) >= 2000
    assert {row["outcome"] for row in document["scenarios"]} == {"passed"}, [
        (row["name"], row["failure"]) for row in document["scenarios"] if row["outcome"] != "passed"
    ][:5]
