"""What one statement loses is told, whatever another one of the file does to the rows before or after it."""

from __future__ import annotations

import pytest

from harness.migrations.checking import Report
from tests.migrations.conftest import Rehearse
from tests.migrations.places import ids, of

OLD = "DELETE FROM audit WHERE at < now() - interval '1 year';"
DATA = ("observe", "data")
BACK = ("observe", "data", "way back")


def told(report: Report, hazard: str = "data.loss") -> list[tuple[int, str]]:
    """Line and evidence of each finding of a hazard."""
    return [(f.position.line, f.evidence) for f in report.findings if f.id == hazard]


@pytest.mark.parametrize(
    ("loses", "hazard", "words"),
    [
        ("ALTER TABLE audit ALTER COLUMN at TYPE date;", "data.loss", "audit.at do not survive"),
        ("ALTER TABLE audit DROP COLUMN what;", "data.loss", "values of audit.what are gone"),
        ("UPDATE audit SET who = 'x';", "data.changed", "values of audit.who changed"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_delete_hides_no_other_loss(rehearse: Rehearse, loses: str, hazard: str, words: str, first: bool) -> None:
    report = rehearse("\n".join([loses, OLD] if first else [OLD, loses]), phases=DATA)
    line = 1 if first else 2
    assert any(at == line and words in evidence for at, evidence in told(report, hazard))
    assert any(at == 3 - line and "rows of audit are gone" in evidence for at, evidence in told(report))


def test_a_condition_on_time_hits_some_rows_and_spares_some(rehearse: Rehearse) -> None:
    ((_, evidence),) = told(rehearse(OLD, phases=DATA))
    gone, rows = (int(evidence.split()[place].replace(",", "")) for place in (0, 2))
    assert 0 < gone < rows


def test_an_insert_hides_no_loss_either(rehearse: Rehearse) -> None:
    sql = "UPDATE setting SET value = 'x';\nINSERT INTO setting VALUES ('new', 'y');"
    assert "setting.value changed" in of(rehearse(sql, phases=DATA), "data.changed").evidence


def test_an_update_after_an_insert_is_told_as_not_judged_and_another_type_is_judged(rehearse: Rehearse) -> None:
    added = "INSERT INTO setting VALUES ('new', 'y');\n"
    updated = rehearse(f"{added}UPDATE setting SET value = 'x';", phases=DATA)
    assert "data.changed" not in ids(updated)
    (note,) = [note for note in updated.notes if "not judged" in note]
    assert note == (
        "what line 2 does to values was not judged: the changed rows of setting may be those that the migration itself adds"
    )
    shorter = rehearse(f"{added}ALTER TABLE setting ALTER COLUMN value TYPE text USING left(value, 1);", phases=DATA)
    assert ids(shorter) & {"data.loss", "data.changed"}


def test_where_no_row_is_left_it_says_so(rehearse: Rehearse) -> None:
    sql = "DELETE FROM item;\nALTER TABLE item DROP COLUMN amount;"
    (note,) = [note for note in rehearse(sql, phases=DATA).notes if "not judged" in note]
    assert note.startswith("what line 2 does to values was not judged: ")


def test_what_only_fills_gaps_is_no_change_beside_a_delete(rehearse: Rehearse) -> None:
    sql = f"UPDATE audit SET who = 'none' WHERE who IS NULL;\n{OLD}"
    assert "data.changed" not in ids(rehearse(sql, phases=DATA))


def test_rows_that_move_between_other_statements_are_not_lost(rehearse: Rehearse) -> None:
    sql = (
        "CREATE TABLE audit_old (LIKE audit);\nINSERT INTO audit_old SELECT * FROM audit;\n"
        "ALTER TABLE audit_old ADD PRIMARY KEY (id);\nDELETE FROM audit;\nALTER TABLE audit_old ADD COLUMN more int;"
    )
    assert "data.loss" not in ids(rehearse(sql, phases=DATA))


def test_the_way_back_says_what_it_leaves_out(rehearse: Rehearse) -> None:
    sql = "UPDATE orders SET coupon = 'none' WHERE coupon IS NULL;\nALTER TABLE orders ADD COLUMN more int;"
    report = rehearse(sql, phases=BACK)
    assert report.way_back[0] == "ALTER TABLE orders DROP COLUMN more"
    assert report.way_back[1].startswith("-- line 1 is left out: what it filled in stays")


def test_one_loss_is_told_once(rehearse: Rehearse) -> None:
    report = rehearse("UPDATE orders SET code = 'x';", phases=BACK)
    ((_, evidence),) = told(report, "down.loses-data")
    assert "are not kept" in evidence
    assert "after up and down: values of orders.code changed" in evidence


def test_what_was_not_tried_is_not_refuted(rehearse: Rehearse) -> None:
    sql = (
        "ALTER TABLE orders DROP COLUMN nosuch;\nCREATE INDEX ON orders (code);\nALTER TABLE orders DROP COLUMN total;"
    )
    report = rehearse(sql, phases=("lint", "observe", "data", "failure", "compatibility"))
    assert {opinion.verdict for opinion in report.opinions} == {"unverified"}
    assert [line for line, _ in told(report, "check.not-run")] == [2, 3]


def test_a_syntax_error_is_confirmed_once(rehearse: Rehearse) -> None:
    report = rehearse("ALTER TABLE orders DROP COLUMN total;\nALTER TABL orders ADD;\n")
    assert [o.verdict for o in report.opinions if o.rule == "syntax-error"] == ["confirmed"]


def test_who_is_to_split_the_file_is_not_told_to_make_it_one_transaction(rehearse: Rehearse) -> None:
    sql = "ALTER TABLE orders ADD COLUMN more int;\nUPDATE orders SET more = 1;\nCREATE INDEX ON orders (more);"
    remedy = of(rehearse(sql, phases=("observe", "failure")), "tx.not-atomic").remedy
    assert "-- a file of its own for line 2: in batches" in remedy
    assert "-- a file of its own for line 3: CONCURRENTLY" in remedy
