"""The corpus: precision and recall of every family, and "rewrites the table" without a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.migrations.corpus import Outcome, Score, load_cases, run_case, run_cases, scores
from harness.postgres import Server
from tests.migrations.places import CASES


@pytest.fixture(scope="module")
def outcomes(server: Server) -> list[Outcome]:
    return run_cases(server, load_cases(CASES))


@pytest.mark.slow
def test_every_family_is_found_and_little_else(outcomes: list[Outcome]) -> None:
    table = scores(outcomes)
    assert {score.family for score in table} >= {
        "lock",
        "rewrite",
        "scan",
        "index",
        "data",
        "compat",
        "tx",
        "rerun",
        "down",
        "schema",
        "check",
    }
    low = [score for score in table if min(score.precision, score.recall) < 0.95]
    assert not low, [
        (o.case.name, sorted(o.missed), sorted(o.false_alarms)) for o in outcomes if o.missed or o.false_alarms
    ]


@pytest.mark.slow
def test_rewrites_have_no_false_alarm_and_no_miss(outcomes: list[Outcome]) -> None:
    wrong = [o.case.name for o in outcomes if "rewrite" in o.missed | o.false_alarms]
    assert wrong == []
    assert sum("rewrite" in o.case.has for o in outcomes) >= 20


@pytest.mark.slow
def test_named_absences_are_absent(outcomes: list[Outcome]) -> None:
    assert [(o.case.name, sorted(o.found & o.case.has_not)) for o in outcomes if o.found & o.case.has_not] == []


def test_there_are_enough_cases_and_twins_exist() -> None:
    cases = load_cases(CASES)
    assert len(cases) >= 120
    assert [case.name for case in cases if case.twin and not (CASES / case.twin).is_file()] == []
    assert sum(bool(case.twin) for case in cases) >= 40


def test_a_case_of_another_verdict_is_noticed(server: Server, tmp_path: Path) -> None:
    """The seeded mistake: labels that are wrong make misses and false alarms."""
    (tmp_path / "schema.sql").write_text((CASES / "schema.sql").read_text())
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "wrong.sql").write_text(
        "-- case: wrong\n-- has: rewrite\nALTER TABLE orders ALTER COLUMN coupon DROP NOT NULL;\n"
    )
    outcome = run_case(server, load_cases(tmp_path)[0])
    assert outcome.missed == {"rewrite"}
    assert outcome.false_alarms == {"lock.blocks-reads", "lock.no-timeout"}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("-- case: x\n", "begins with"),
        ("-- case: x\n-- has: no.such\n", "hazard no.such is not known"),
        ("-- case: x\n-- has: rewrite\n-- has-not: rewrite\n", "cannot be both"),
    ],
)
def test_a_case_with_a_broken_header_is_refused(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "case.sql").write_text(header + "SELECT 1;\n")
    with pytest.raises(InputError, match=message):
        load_cases(tmp_path)


def test_an_empty_corpus_is_an_error_and_not_a_pass(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case"):
        load_cases(tmp_path)


def test_scores_count_what_they_say() -> None:
    assert Score("lock", 19, 1, 0).precision == 0.95
    assert Score("lock", 1, 0, 1).recall == 0.5
    assert Score("lock", 0, 0, 0).recall == 1.0
