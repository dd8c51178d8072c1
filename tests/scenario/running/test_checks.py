"""Each check passes on what is so, fails on what is not, and never passes when there is nothing to look at."""

from __future__ import annotations

import json
import time

import pytest

from tests.scenario.running.conftest import Play

BOOKED = """
when:
  - select_session: intro-call
  - schedule: "2030-03-06T10:00Z"
    as: event
  - create: {}
    as: booking
"""
MADE = BOOKED.replace("    as: event\n", "").replace("    as: booking\n", "")
WAIVED = "waive: {what-every-booking-has: its column goes}"
USE = '  - sql: {query: "SELECT 1 AS one", value: 1}\n'


@pytest.mark.parametrize(
    "holds",
    [
        "changed: {Booking: {added: [{id: $booking.id, clientId: null}]}, BookingTransition: {added: <gte 1>}}",
        "changed: {Booking: {added: 1}, others: ignore}",
        "changed: {Booking: any, BookingTransition: {added: 2}}",
        "rows: {Booking: 1}",
        "rows: {Booking: {count: <gte 1>, every: {status: CONFIRMED}}}",
        "rows: {BookingTransition: {some: [{bookingId: $booking.id}, {bookingId: $booking.id, id: <any>}]}}",
        "rows: {Booking: {where: {id: $booking.id}, count: 1}, SessionType: {some: {title: Office hours}}}",
        'rows: {Booking: [{startTime: "2030-03-06T10:00Z", amount: 0}]}',
        'calls: {some: "GET /scheduled_events/*", count: 2}',
        'calls: ["GET /scheduled_events/*", {method: GET, status: 200}]',
        "deliveries: none",
        "logs: {some: {level: info, userId: anonymous, isAuthenticated: false}, none: {level: error}}",
        "sql: {query: 'SELECT count(*) AS n FROM \"Booking\"', value: 1}",
        "sql: {query: 'SELECT status::text FROM \"Booking\" WHERE id = %(id)s', params: {id: $booking.id}, rows: [{status: CONFIRMED}]}",
        "invariant: one-active-booking-per-invitee",
    ],
)
def test_what_is_so_passes(play: Play, holds: str) -> None:
    played = play(
        f"{BOOKED}then:\n  - {holds}\n  - rows: {{Booking: {{every: {{calendlyEventUri: $event.event_uri, id: $booking.id}}}}}}"
    )
    assert played.outcome == "passed", played.failure


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ("changed: none", "$.changed   expected nothing   got Booking +1"),
        ("changed: {Booking: {added: 1}}", "expected no other change   got BookingTransition +2"),
        ("changed: {Booking: {added: [{status: PENDING}]}, others: ignore}", "$.changed.Booking.added[0].status   expected PENDING   got CONFIRMED"),
        ("changed: {Booking: {added: 2}, others: ignore}", "$.changed.Booking.added.count   expected 2   got 1"),
        ("changed: {Booking: {removed: 1}, others: ignore}", "$.changed.Booking.removed.count   expected 1   got 0"),
        ("rows: {Booking: 2}", "$.Booking.count   expected 2   got 1"),
        ("rows: {Booking: {some: {status: CANCELLED}}}", "$.Booking.some.status   expected CANCELLED   got CONFIRMED"),
        ("rows: {Booking: {none: {status: CONFIRMED}}}", "expected none like it"),
        ("rows: {WebhookDelivery: {every: {event: invitee.created}}}", "expected all, and at least one   got none"),
        ("rows: {BookingTransition: {some: [{bookingId: $booking.id}, {bookingId: $booking.id}, {bookingId: $booking.id}]}}", "$.BookingTransition.some   expected one more, each pattern of the list has its own   got 2: "),
        ("calls: none", "$.calls   expected none"),
        ("calls: {some: \"DELETE /webhook_subscriptions/*\"}", "DELETE /webhook_subscriptions/*"),
        ("calls: {every: {status: 500}}", "$.calls.every.status   expected 500   got 200"),
        ("deliveries: {some: invitee.created}", "expected at least one   got none"),
        ("logs: {some: {isAuthenticated: true, userId: anonymous}}", "expected true   got false"),
        ("sql: {query: 'SELECT count(*) AS n FROM \"Booking\"', value: 7}", "$.value   expected 7   got 1"),
        ("sql: {query: 'SELECT 1 AS a WHERE false', value: null}", "$.value   expected one row with null   got no row"),
        ("sql: {query: 'SELECT 1 AS a UNION SELECT 2', value: <any>}", "$.value   expected one row with <any>   got 2: {a: 1}; {a: 2}"),
    ],
)  # fmt: skip
def test_what_is_not_so_fails_with_what_was_found(play: Play, fails: str, said: str) -> None:
    played = play(
        f"{BOOKED}then:\n  - {fails}\n  - rows: {{Booking: {{every: {{calendlyEventUri: $event.event_uri, id: $booking.id}}}}}}"
    )
    assert played.outcome == "failed", played.failure
    assert said in played.failure, played.failure
    assert "rerun   harness run " in played.failure


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("sql: {query: 'SELECT nothing FROM \"Booking\"', count: 1}", "does not exist"),
        ("sql: {query: 'SELECT 1 AS a, 2 AS b', value: 1}", "`value` needs a query of one column; this one gives a, b."),
        ("logs: {none: {text: <contains $event.message>}}", "<contains> looks for a part of a text; $event.message, here {"),
        ("rows: {Booking: {none: {amount: <gt $booking.state>}}}", "$booking.state, here BOOKING_CONFIRMED, is none."),
        ("sql: {query: 'UPDATE \"Booking\" SET title = 1 RETURNING 1 AS a', value: 1}", "This writes: cannot execute UPDATE"),
        ("sql: {query: \"SELECT nextval('\\\"BookingTransition_id_seq\\\"') AS a\", count: 1}", "This writes: cannot execute nextval()"),
        ("sql: {query: 'COMMIT; UPDATE \"Booking\" SET title = 1', count: 0}", "This ends the transaction in which it looks."),
        ("sql: {query: 'COMMIT; BEGIN; SELECT 1 AS a', value: 1}", "This ends the transaction in which it looks."),
        ("sql: {query: 'SET TRANSACTION READ WRITE; SELECT 1 AS a', value: 1}", "cannot set transaction read-write mode"),
        ("rows: {Booking: {every: {id: $booking.nothing}}}", "nothing"),
        ("logs: {none: {userid: anonymous}}", "No record has a field userid. Did you mean userId?"),
        ("logs: {where: {level: info}, none: [{message: x}, {is_authenticated: true}]}", "Did you mean isAuthenticated?"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_an_error_never_a_pass(play: Play, broken: str, said: str) -> None:
    played = play(
        f"{BOOKED}then:\n  - {broken}\n  - rows: {{Booking: {{every: {{calendlyEventUri: $event.event_uri, id: $booking.id}}}}}}"
    )
    assert played.outcome == "error", played.failure
    assert said in played.failure, played.failure


def test_an_invariant_is_watched_after_every_step(play: Play) -> None:
    played = play(
        """
when:
  - select_session: intro-call
  - schedule: "2030-03-06T10:00Z"
  - create: {}
  - sql: UPDATE "Booking" SET "paymentStatus" = 'REFUNDED'
  - select_session: office-hours
then: [{rows: {Booking: 1}}]
"""
    )
    assert played.outcome == "failed"
    assert "step 4  sql" in played.failure
    assert "$.invariant." in played.failure
    assert len([s for s in played.tables["steps"] if s.phase == "when"]) == 4, (
        "the scenario stops at the step that broke it"
    )


def test_an_eventual_check_looks_again_and_says_how_often(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/scheduling/session-types}
    expect: 200
then:
  - rows: {Booking: 1}
    eventually: {within: 300ms, every: 50ms}
"""
    )
    assert played.outcome == "failed"
    checks = [c for c in played.tables["checks"] if c.path == "$.Booking.count"]
    assert checks[-1].tries >= 3
    assert "looked" in played.failure


SCHEMA = """
when:
  - sql: {run}
then: [{{changed: {changed}}}]
"""


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (
            "ALTER TABLE \"SessionType\" ALTER COLUMN title TYPE text USING title || 'x'",
            "expected nothing   got SessionType ~13",
        ),
        ('ALTER TABLE "SessionType" DROP COLUMN "displayOrder"', "expected nothing   got SessionType ~13"),
        ("ALTER TABLE \"SessionType\" ADD COLUMN hue text DEFAULT 'red'", "expected nothing   got SessionType ~13"),
        ("ALTER TYPE \"UserRole\" RENAME VALUE 'CLIENT' TO 'GUEST'", "expected nothing   got User ~"),
    ],
)
def test_rows_that_a_change_of_the_schema_rewrites_are_changed_rows(play: Play, run: str, told: str) -> None:
    played = play(SCHEMA.format(run=json.dumps(run), changed="none"))
    assert played.outcome == "failed", played.failure
    assert told in played.failure
    assert play(SCHEMA.format(run=json.dumps(run), changed="{Booking: none}")).outcome == "failed"
    table = "User" if "UserRole" in run else "SessionType"
    assert play(SCHEMA.format(run=json.dumps(run), changed=f"{{{table}: {{updated: <gte 3>}}}}")).outcome == "passed"


def test_a_change_of_the_schema_that_leaves_the_rows_alone_changes_none(play: Play) -> None:
    run = 'ALTER TABLE "SessionType" ADD COLUMN hue text, ALTER COLUMN title DROP NOT NULL, ADD CHECK (price >= 0)'
    played = play(SCHEMA.format(run=json.dumps(run), changed="none"))
    assert played.outcome == "passed", played.failure


def test_what_a_truncate_removes_is_told_row_by_row(play: Play) -> None:
    played = play(
        f"{BOOKED}  - sql: 'TRUNCATE \"BookingTransition\"'\n    then: [{{changed: {{BookingTransition: {{removed: 2}}}}}}]\n"
        "then:\n  - changed: {Booking: {added: [{id: $booking.id, calendlyEventUri: $event.event_uri}]}}\n"
        "  - rows: {BookingTransition: none}"
    )
    assert played.outcome == "passed", played.failure


@pytest.mark.parametrize(
    ("before", "check"),
    [
        (MADE, "rows: {Booking: {none: {title: Anything}}}"),
        (MADE, "rows: {Booking: {where: {title: Anything}, count: 0}}"),
        (MADE, "rows: {Booking: {where: {status: CONFIRMED}, none: [{status: CANCELLED}, {title: Anything}]}}"),
        ("when:\n", "rows: {Booking: {none: {title: Anything}}}"),
    ],
)
@pytest.mark.parametrize("change", ["RENAME COLUMN title TO heading", "DROP COLUMN title"])
def test_a_check_on_a_column_that_is_gone_is_a_mistake_and_compares_nothing(
    play: Play, before: str, check: str, change: str
) -> None:
    played = play(f"{before}  - sql: 'ALTER TABLE \"Booking\" {change}'\nthen:\n  - {check}\n{WAIVED}")
    assert played.outcome == "error", played.failure
    assert "Booking has no column title any more" in played.failure


def test_a_changed_row_that_lacks_a_column_by_now_is_not_taken_for_one_that_differs(play: Play) -> None:
    steps = """
when:
  - sql: 'ALTER TABLE "User" RENAME COLUMN name TO called'
  - sql: UPDATE "User" SET called = 'Sam' WHERE id = (SELECT min(id) FROM "User")
then:
"""
    played = play(f"{steps}  - changed: {{User: {{updated: {{none: {{name: {{to: Sam}}}}}}}}}}")
    assert played.outcome == "error", played.failure
    assert "User has no column name any more" in played.failure
    assert play(f"{steps}  - changed: {{User: {{updated: [{{name: <absent>}}]}}}}").outcome == "passed"


def test_an_invariant_that_cannot_be_looked_at_any_more_says_so(play: Play) -> None:
    played = play(f"{MADE}  - sql: 'ALTER TABLE \"Booking\" DROP COLUMN title'\nthen: [{{rows: {{Booking: 1}}}}]")
    assert (played.outcome, played.scenario.fault) == ("error", False)
    assert "The invariant what-every-booking-has cannot be looked at any more: column" in played.failure
    assert "If that is meant: `waive: {what-every-booking-has: why}`." in played.failure


def test_a_column_that_is_gone_may_be_said_to_be(play: Play) -> None:
    body = f"{MADE}  - sql: 'ALTER TABLE \"Booking\" DROP COLUMN title'\nthen:\n  - rows: {{Booking: [{{id: <uuid>, title: %s}}]}}\n{WAIVED}"
    assert play(body % "<absent>").outcome == "passed"
    assert play(body % "<not null>").outcome == "error"


def test_a_pause_does_not_outlast_the_waiting(play: Play) -> None:
    began = time.monotonic()
    played = play(
        "when:\n  - sql: SELECT 1\n    eventually: {within: 300ms, every: 20s}\n    then: [{rows: {Booking: 1}}]"
    )
    assert played.outcome == "failed"
    assert "looked         2 times" in played.failure
    assert time.monotonic() - began < 10


def test_eventually_of_a_step_is_that_of_its_checks(play: Play) -> None:
    played = play(
        "when:\n  - sql: SELECT 1\n    eventually: {within: 300ms, every: 20ms}\n    then: [{rows: {Booking: 1}}, {calls: 0}]"
    )
    assert played.outcome == "failed"
    tries = {c.path: c.tries for c in played.tables["checks"]}
    assert tries["$.Booking.count"] >= 3
    assert tries["$.calls.count"] == 1
    assert "looked" in played.failure


def test_a_get_is_sent_again_until_its_answer_fits_and_what_it_changed_last_is_seen(play: Play) -> None:
    played = play(
        """
when:
  - http: {GET: /api/nowhere}
    eventually: {within: 300ms, every: 20ms}
    expect: 200
then: [{changed: none}]
"""
    )
    assert played.outcome == "failed"
    assert len(played.tables["exchanges"]) >= 3
    assert f"looked         {len(played.tables['exchanges'])} times" in played.failure
    stopped = play(
        "when:\n  - http: {GET: /api/nowhere}\n    expect: 200\n"
        "    eventually: {within: 30s, stop_if: {response: {status: 404}}}\nthen: [{changed: none}]"
    )
    assert len(stopped.tables["exchanges"]) == 1
    assert "looked         once, until stop_if held" in stopped.failure


def test_these_and_no_others_are_paired_so_that_all_fit(play: Play) -> None:
    more = """'{CLIENT}', now(), now()"""
    body = (
        f"""when:\n  - sql: >-\n      INSERT INTO "User" (id, name, email, roles, "createdAt", "updatedAt") VALUES\n"""
        f"""      ('a1', 'A', 'a@x.test', {more}), ('a2', 'B', 'b@x.test', {more})\nthen:\n  - changed: {{User: {{added: {{only: %s}}}}}}"""
    )
    assert play(body % "[{id: <re ^a>}, {id: a1}]").outcome == "passed"
    failed = play(body % "[{id: <re ^a>}, {id: a3}]")
    assert "$.changed.User.added.only[1].id   expected a3   got a2" in failed.failure


@pytest.mark.parametrize(
    ("change", "check", "outcome"),
    [
        ("name TYPE timestamp USING '2030-01-01'", 'name: "2030-01-01T01:00+01:00"', "passed"),
        ("name TYPE uuid USING '3f2504e0-4f89-41d3-9a0c-0305e82c3301'", "name: 3F2504E0-4F89-41D3-9A0C-0305E82C3301", "passed"),
        ("\"createdAt\" TYPE text USING '2030-01-01T00:00:00'", 'createdAt: "2030-01-01T00:00Z"', "failed"),
    ],
)  # fmt: skip
def test_a_column_is_compared_by_the_type_that_it_has_now(play: Play, change: str, check: str, outcome: str) -> None:
    played = play(
        f'when:\n  - sql: ALTER TABLE "User" ALTER COLUMN {change}\nthen: [{{rows: {{User: {{every: {{{check}}}}}}}}}]'
    )
    assert played.outcome == outcome, played.failure


def test_a_changed_cell_is_compared_by_the_type_that_its_column_has_now(play: Play) -> None:
    played = play(
        """
when:
  - sql: ALTER TABLE "User" ALTER COLUMN name TYPE timestamptz USING '2030-01-01T00:00:00Z'
  - sql: UPDATE "User" SET name = '2031-01-01T00:00:00Z' WHERE id = (SELECT min(id) FROM "User")
    then: [{changed: {User: {updated: [{name: {to: "2031-01-01T01:00+01:00"}}]}}}]
"""
    )
    assert played.outcome == "passed", played.failure


def test_a_table_that_is_gone_is_a_mistake_of_its_scenario(play: Play) -> None:
    played = play('when:\n  - sql: ALTER TABLE "User" RENAME TO "Users"\nthen: [{rows: {User: none}}]')
    assert played.outcome == "error"
    assert "There is no table User any more" in played.failure
    assert "Did you mean Users?" in played.failure


EMPTYING = '''
from dataclasses import dataclass
import psycopg
from harness.scenario.registry import verb

@dataclass(frozen=True)
class EmptyArgs:
    table: str

@verb("empty", shorthand="table", kind="low")
def empty(world, args: EmptyArgs):
    """Empty a table and take a column from it, over a connection of its own, and tell nobody."""
    with psycopg.connect(world.stage.sandbox.database.dsn, autocommit=True) as connection:
        connection.execute(f'TRUNCATE "{args.table}" CASCADE; ALTER TABLE "{args.table}" DROP COLUMN description')
'''


def test_what_a_verb_of_ones_own_does_to_rows_and_columns_is_seen(play: Play) -> None:
    head = "feature: A test\nuse: [emptying.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
    body, files = "when: [{empty: SessionType}]\nthen: [{%s}]", {"emptying.py": EMPTYING}
    changed = play(body % "changed: none", head=head, files=files)
    assert changed.outcome == "failed"
    assert "got SessionType -" in changed.failure
    asked = play(body % "rows: {SessionType: {none: {description: Anything}}}", head=head, files=files)
    assert asked.outcome == "error"
    assert "SessionType has no column description any more" in asked.failure


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("CREATE TABLE made AS SELECT 1 AS n", "got made +1"),
        ("""DROP TABLE "User" CASCADE""", "got User -5"),
        ("""ALTER TABLE "User" DISABLE TRIGGER ALL; UPDATE "User" SET name = 'Sam'""", "got User ~5"),
    ],
)
def test_rows_that_change_with_the_schema_are_changes(play: Play, change: str, said: str) -> None:
    played = play(f"when:\n  - sql: {change}\nthen: [{{changed: none}}]")
    assert played.outcome == "failed", played.failure
    assert said in played.failure


def test_equal_rows_of_a_table_without_a_key_are_counted(play: Play) -> None:
    played = play(
        "when:\n  - sql: CREATE TABLE twins (n int); INSERT INTO twins VALUES (1), (1), (2)\n"
        "    then: [{sql: {query: SELECT count(*) FROM twins, value: 3}}]\n"
        "  - sql: DELETE FROM twins WHERE n = 1\n"
        "then: [{changed: none}]"
    )
    assert played.outcome == "failed"
    assert "got twins +1" in played.failure
