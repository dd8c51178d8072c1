"""A run of statements that do the same is looked at once: nothing that one of them shows may be lost by that."""

from __future__ import annotations

import pytest

from harness.migrations.repeating import repeats
from harness.migrations.statements import split
from tests.migrations.conftest import Rehearse
from tests.migrations.places import of

ROW = "INSERT INTO setting (name, value) VALUES ('{0}', 'x');\n"


@pytest.mark.parametrize(
    ("later", "same"),
    [
        ("INSERT INTO t (a, b) VALUES (3, 'y'::text), (4, NULL)", True),
        ("INSERT INTO t (b, a) VALUES (3, 'y')", False),
        ("INSERT INTO s.t (a, b) VALUES (3, 'y')", False),
        ("INSERT INTO t (a, b) VALUES (nextval('n'), 'y')", False),
        ("INSERT INTO t (a, b) VALUES ((SELECT 1), 'y')", False),
        ("INSERT INTO t (a, b) SELECT 3, 'y'", False),
        ("INSERT INTO t (a, b) VALUES (3, 'y') ON CONFLICT DO NOTHING", False),
        ("UPDATE t SET a = 3", False),
    ],
)
def test_only_constants_in_the_same_columns_are_the_same_again(later: str, same: bool) -> None:
    first, second = split(f"INSERT INTO t (a, b) VALUES (1, 'x');\n{later};", "a.sql").statements
    assert repeats(second, first) is same


def test_the_one_of_many_that_fails_is_found(rehearse: Rehearse) -> None:
    sql = "".join(ROW.format(f"name {number % 25}") for number in range(30))
    report = rehearse(sql, phases=("observe", "data"))
    (refused,) = [f for f in report.findings if "23505" in f.evidence]
    assert refused.position.line == 26


def test_many_are_still_no_transaction(rehearse: Rehearse) -> None:
    sql = "".join(ROW.format(f"name {number}") for number in range(9)) + "ALTER TABLE setting ADD COLUMN more int;"
    report = rehearse(sql, phases=("observe", "failure"))
    assert "a failure at line 2 and 10 leaves a part done" in of(report, "tx.not-atomic").evidence
    assert of(report, "lock.no-timeout").position.line == 10
