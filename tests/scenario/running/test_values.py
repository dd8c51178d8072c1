"""What steps give: compared, sent and handed on, whatever Python makes of it."""

from __future__ import annotations

import pytest

from tests.scenario.running.conftest import Play, Played

GIVING = """
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class Corner:
    label: str

@dataclass(frozen=True)
class Box:
    wide: int
    corner: Corner | None = None

    @property
    def twice(self):
        return 2 * self.wide

@verb("box", kind="low")
def box(world, args: Box):
    \"\"\"Give a box.\"\"\"
    return args

@dataclass(frozen=True)
class ShelfArgs:
    boxes: list[Box]

@verb("shelf", kind="low")
def shelf(world, args: ShelfArgs):
    \"\"\"Give the labels of boxes.\"\"\"
    return [each.corner.label for each in args.boxes]
"""
GIVING_HEAD = "feature: A test\nuse: [giving.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"


def sent(played: Played) -> list[str]:
    return [each.text for each in played.tables["bodies"]]


def test_an_object_that_an_own_verb_gives_is_compared_sent_and_handed_on_by_its_fields(play: Play) -> None:
    played = play(
        """
when:
  - box: {wide: 2, corner: {label: left}}
    as: box
    expect: {gives: {exactly: {wide: 2, corner: {label: left}}}}
  - shelf: {boxes: [$box, {wide: 1, corner: $box.corner}]}
    expect: {gives: [left, left]}
  - http: {POST: /api/nowhere, body: {box: $box, twice: $box.twice}}
    expect: 404
""",
        head=GIVING_HEAD,
        files={"giving.py": GIVING},
    )
    assert played.outcome == "passed", played.failure
    assert '{"box": {"wide": 2, "corner": {"label": "left"}}, "twice": 4}' in sent(played)
    played = play("when: [{box: {wide: 2}, expect: {gives: {wide: 3}}}]", head=GIVING_HEAD, files={"giving.py": GIVING})
    assert "$.gives.wide   expected 3   got 2" in played.failure


def test_what_a_query_gave_is_sent_as_text_where_json_has_no_word_for_it(play: Play) -> None:
    played = play(
        """
when:
  - sql: "SELECT '40000000-0000-4000-8000-000000000001'::uuid AS id, DATE '2030-03-06' AS day, TIME '10:00' AS at"
    as: found
  - http: {POST: /api/nowhere, body: {id: "$found[0].id", day: "$found[0].day", at: "$found[0].at"}}
    expect: 404
"""
    )
    assert played.outcome == "passed", played.failure
    assert '{"id": "40000000-0000-4000-8000-000000000001", "day": "2030-03-06", "at": "10:00:00"}' in sent(played)


def test_query_parameters_read_as_they_do_inside_text(play: Play) -> None:
    played = play(
        """
given: {clock: "2030-03-04T09:00Z"}
when:
  - http: {GET: /api/nowhere, query: {open: true, kind: null, at: $now, of: [1, two words]}}
    expect: 404
"""
    )
    assert played.outcome == "passed", played.failure
    assert [each.path for each in played.tables["exchanges"]] == [
        "/api/nowhere?open=true&kind=null&at=2030-03-04T09%3A00%3A00Z&of=1&of=two+words"
    ]


def test_rows_of_sql_are_written_as_the_server_writes_them_and_handed_on(play: Play) -> None:
    played = play(
        """
when:
  - sql: >-
      SELECT '12:30'::time AS at, int4range(1, 5) AS within, '10.0.0.1'::inet AS ip, '{"a": [1.10, 12345678901234567.25]}'::jsonb AS data
    as: one
    expect: {gives: [{at: "12:30:00", within: "[1,5)", ip: 10.0.0.1, data: {a: [1.1, 12345678901234567.25]}}]}
  - sql: {run: "SELECT %(d)s AS data, %(w)s::int4range AS within", params: {d: "$one[0].data", w: "$one[0].within"}}
    expect: {gives: [{data: {a: [1.1, <number>]}, within: "[1,5)"}]}
"""
    )
    assert played.outcome == "passed", played.failure


def test_several_statements_give_the_rows_of_the_last_that_has_any(play: Play) -> None:
    played = play(
        "when:\n  - sql: CREATE TEMP TABLE t (n int); INSERT INTO t VALUES (1); SELECT n FROM t; SELECT 2 AS n; DELETE FROM t\n"
        "    expect: {gives: [{n: 2}]}"
    )
    assert played.outcome == "passed", played.failure


@pytest.mark.parametrize("steps", ["when: [{sql: 'SELECT 1, 2', expect: {gives: <any>}}]", "when: [{sql: SELECT 1}]\nthen: [{sql: {query: 'SELECT 1, 2', value: 2}}]"])  # fmt: skip
def test_columns_that_hide_each_other_are_a_mistake(play: Play, steps: str) -> None:
    played = play(steps)
    assert played.outcome == "error"
    assert "test.yaml:" in played.failure
    assert "Two columns are called ?column?. Give each a name of its own, with AS." in played.failure


def test_what_cannot_be_sent_to_the_database_is_the_scenarios_mistake(play: Play) -> None:
    played = play('when: [{sql: {run: "SELECT %(x)s", params: {x: "a\\0b"}}, expect: {gives: <any>}}]')
    assert (played.outcome, played.scenario.fault) == ("error", False)
    assert "cannot contain NUL" in played.failure


def test_decimals_in_given_json_are_stored(play: Play) -> None:
    row = "id: 0b000000-0000-4000-8000-000000000001, builderId: $catalog.builder.id, sessionTypeId: $catalog.intro-call.id, title: x"
    times = 'startTime: "2030-03-06T10:00Z", endTime: "2030-03-06T10:30Z", currentState: IDLE, status: PENDING'
    played = play(
        f"given: {{rows: {{Booking: [{{{row}, {times}, stateData: {{a: 1.50}}}}]}}}}\nwhen: [{{sql: SELECT 1}}]\n"
        "then: [{rows: {Booking: [{stateData: {a: 1.5}}]}}]"
    )
    assert played.outcome == "passed", played.failure


def test_headers_may_be_compared_as_a_whole(play: Play) -> None:
    step = "when: [{http: {GET: /nowhere}, expect: {status: 404, headers: %s}}]"
    assert play(step % "{Content-Type: <string>, X-Nothing: <absent>}").outcome == "passed"
    whole = play(step % "{exactly: {Content-Type: <string>}}")
    assert whole.outcome == "failed"
    assert "$.headers.cache-control   expected <absent>   got no-store" in whole.failure
    assert "$.headers.exactly" not in whole.failure


ODD = """
import enum, uuid
from dataclasses import dataclass
from datetime import timedelta
import numpy
from harness.scenario.registry import verb

class Colour(enum.Enum):
    RED = "red"

@dataclass(frozen=True)
class Nothing:
    pass

@verb("odd", kind="low")
def odd(world, args: Nothing):
    \"\"\"Give what is not plain data, and reads as such.\"\"\"
    return {
        "int": numpy.int64(3), "float": numpy.float64(1.5), "bool": numpy.bool_(True), "list": numpy.array([1, 2]),
        "enum": Colour.RED, "uuid": uuid.UUID(int=5), "wait": timedelta(minutes=15),
    }

@verb("key", kind="low")
def key(world, args: Nothing):
    \"\"\"Give what no JSON has.\"\"\"
    return {(1, 2): "c"}
"""
ODD_HEAD = "feature: A test\nuse: [odd.py]\ngiven: {catalog: production, visitor: anonymous}\nscenarios:\n"
IS_DATA = "{int: 3, float: 1.5, bool: true, list: [1, 2], enum: red, uuid: <len 36>, wait: 15m}"
IS_NOT = ("{int: 4}", "{int: <gt 3>}", "{float: 1.25}", "{float: <int>}", "{bool: false}", "{list: [1]}", "{enum: RED}")


def test_numpys_numbers_members_of_enums_and_uuids_read_as_plain_data(play: Play) -> None:
    played = play(
        f"""
when:
  - odd: {{}}
    as: got
    expect: {{gives: {IS_DATA}}}
  - odd: {{}}
    expect: {{gives: $got}}
  - http: {{GET: "/api/nowhere?wait=$got.wait&colour=$got.enum"}}
    expect: 404
  - http: {{POST: /api/nowhere, body: [$got.int, $got.bool, $got.list, $got.enum, $got.uuid]}}
    expect: 404
then:
  - sql: {{query: "SELECT %(colour)s || %(list)s::text AS v", params: {{colour: $got.enum, list: [$got.int]}}, value: "red{{3}}"}}
""",
        head=ODD_HEAD,
        files={"odd.py": ODD},
    )
    assert played.outcome == "passed", played.failure
    assert '[3, true, [1, 2], "red", "00000000-0000-0000-0000-000000000005"]' in sent(played)
    assert any("wait=15m&colour=red" in each.path for each in played.tables["exchanges"])


@pytest.mark.parametrize("wrong", IS_NOT)
def test_what_reads_as_plain_data_is_not_another_value(play: Play, wrong: str) -> None:
    steps = f"when:\n  - odd: {{}}\n    expect: {{gives: {wrong}}}\n"
    assert play(steps, head=ODD_HEAD, files={"odd.py": ODD}).outcome == "failed"


def test_a_key_that_no_json_has_is_the_scenarios_mistake(play: Play) -> None:
    steps = "when:\n  - key: {}\n    as: got\n  - http: {POST: /api/nowhere, body: {it: $got}}\n    expect: 404\n"
    played = play(steps, head=ODD_HEAD, files={"odd.py": ODD})
    assert played.outcome == "error"
    assert "This body cannot be sent as JSON: keys must be" in played.failure


def test_a_decimal_is_sent_with_all_its_digits(play: Play) -> None:
    played = play(
        """
when:
  - http: {POST: /api/nowhere, body: {long: 0.1000000000000000000001, short: 45.50, whole: 45.00}}
    expect: 404
then:
  - sql: {query: "SELECT %(p)s::jsonb->'a' AS v", params: {p: {a: 0.1000000000000000000001}}, value: 0.1000000000000000000001}
"""
    )
    assert played.outcome == "passed", played.failure
    assert '{"long": 0.1000000000000000000001, "short": 45.5, "whole": 45}' in sent(played)


@pytest.mark.parametrize(
    ("query", "given", "gives"),
    [
        ("SELECT %(p)s AS v", "[{a: 1}]", "[{a: 1}]"),
        ("SELECT %(p)s::jsonb AS v", "[1, x, [{a: 1}]]", "[1, x, [{a: 1}]]"),
        ("SELECT %(p)s::jsonb AS v", "[]", "[]"),
        ("SELECT %(p)s::jsonb[] AS v", "[{a: 1}, 2]", "[{a: 1}, 2]"),
        ("SELECT '100%%' || %(p)s::int[]::text AS v", "[1, null]", '"100%{1,NULL}"'),
        ("SELECT 1 = ANY(%(p)s) AS v", "[1, 2]", "true"),
        ("SELECT 'CLIENT' = ANY(%(p)s::\"UserRole\"[]) AS v", "[CLIENT, ADMIN]", "true"),
    ],
)
def test_a_list_is_json_where_the_statement_has_json_for_it(play: Play, query: str, given: str, gives: str) -> None:
    quoted = query.replace("'", "''")
    asked = f"{{query: '{quoted}', params: {{p: {given}}}, value: {gives}}}"
    played = play(f"when: [{{sql: SELECT 1}}]\nthen: [{{sql: {asked}}}]\n")
    assert played.outcome == "passed", played.failure


@pytest.mark.parametrize(
    ("value", "gives"),
    [
        ("'infinity'::timestamptz", "infinity"),
        ("'-infinity'::date", "-infinity"),
        ("'0044-03-15 12:00 BC'::timestamp", "0044-03-15 12:00:00 BC"),
        ("ARRAY['CLIENT']::\"UserRole\"[]", "[CLIENT]"),
        ("'00000000-0000-4000-8000-00000000000A'::uuid", "<len 36>"),
        ("'\\xdead'::bytea", "\\xdead"),
    ],
)
def test_values_that_python_has_none_for_are_compared(play: Play, value: str, gives: str) -> None:
    query = value.replace("'", "''")
    written = gives if gives.startswith("[") else f"'{gives}'"
    steps = "when: [{sql: SELECT 1}]\nthen:\n  - sql: {query: 'SELECT QUERY AS v', value: WANTED}\n"
    passed = play(steps.replace("QUERY", query).replace("WANTED", written))
    assert passed.outcome == "passed", passed.failure
    assert play(steps.replace("QUERY", query).replace("WANTED", "[other]")).outcome == "failed"


def test_lists_in_given_rows_are_what_their_column_holds(play: Play) -> None:
    rows = (
        "{id: a, builderId: $catalog.builder.id, sessionTypeId: $catalog.intro-call.id, title: T, status: PENDING,"
        ' startTime: "2030-03-06T10:00Z", endTime: "2030-03-06T10:30Z", amount: 0, paymentStatus: UNPAID,'
        " currentState: IDLE, customQuestionResponse: [], stateData: [{a: 1}, x]}"
    )
    played = play(
        f"""
given: {{rows: {{Booking: [{rows}]}}}}
when: [{{sql: SELECT 1}}]
then: [{{rows: {{Booking: {{only: [{{customQuestionResponse: [], stateData: [{{a: 1}}, x]}}]}}}}}}]
"""
    )
    assert played.outcome == "passed", played.failure
