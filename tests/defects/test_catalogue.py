"""The catalogue: every known way to be wrong, each a replaced part, each combinable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.booking import Parts, create_app
from harness.booking.flow import Answer, Flow
from harness.defects import CATALOGUE, VARIANTS, flow_of, inject, migrated
from harness.scenario.application import settings_for
from harness.scenario.rules import load_rules
from harness.strength.source import function_lines

ROOT = Path(__file__).resolve().parents[2]
SPECIFIED = [
    "S1",
    "S2",
    "S3",
    "S7",
    "A1",
    "A2",
    "A4",
    "A6",
    "A9",
    "A12",
    "I1",
    "I2",
    "I4",
    "I5",
    "I6",
    "Z1",
    "Z2",
    "Z4",
    "Z5",
    "Z6",
    "Z7",
    "Z8",
    "P1",
    "P2",
    "P5",
    "P6",
    "P7",
    "P9",
    "P10",
    "P11",
    "M1",
    "M2",
    "M3",
    "M5",
    "M6",
    "M7",
    "W2",
    "W3",
    "W4",
    "W5",
    "W7",
    "W9",
    "W12",
    "W13",
    "G1",
    "G2",
    "G4",
    "G5",
    "G6",
    "G8",
    "G9",
]


def test_every_defect_of_the_specification_is_there() -> None:
    assert [each for each in SPECIFIED if each not in CATALOGUE] == []


def test_the_list_above_is_that_of_the_specification() -> None:
    text = (ROOT / "docs/spec/DOMAIN.md").read_text(encoding="utf-8").split("## 8.")[1]
    named = set(re.findall(r"(?<![\w-])([SAIZPMWG]\d{1,2})\b", text))
    assert named == set(SPECIFIED)


def test_rules_invite_at_least_sixty_more() -> None:
    assert len(set(CATALOGUE) - set(SPECIFIED)) >= 60


def test_each_says_what_is_wrong_what_is_seen_and_which_rules_it_breaks() -> None:
    rules = load_rules(ROOT / "scenarios" / "rules.yaml")
    for defect in CATALOGUE.values():
        assert all((defect.title, defect.wrong, defect.seen)), defect.id
        assert defect.rules, defect.id
        assert set(defect.rules) <= set(rules), defect.id
        assert set(defect.hidden_by) <= set(CATALOGUE), defect.id


def test_no_two_have_the_same_title() -> None:
    titles = [defect.title for defect in CATALOGUE.values()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("kind", ["server", "page", "schema"])
def test_each_changes_something_of_its_kind(kind: str) -> None:
    chosen = [defect for defect in CATALOGUE.values() if defect.kind == kind]
    assert chosen
    for defect in chosen:
        assert {"server": defect.changes, "page": defect.page, "schema": defect.sql}[kind], defect.id


def test_what_each_replaces_exists_in_the_reference() -> None:
    for defect in CATALOGUE.values():
        assert defect.replaced or defect.kind == "schema", defect.id
        for name in defect.replaced:
            assert function_lines(name), f"{defect.id}: {name}"


def test_the_reference_knows_of_none_of_them() -> None:
    for path in (ROOT / "harness/booking").glob("*.py"):
        assert "defect" not in path.read_text(encoding="utf-8"), path.name


def test_an_application_can_be_built_with_each() -> None:
    settings = settings_for("postgresql+psycopg://nobody@localhost/nothing")
    for id_ in [*CATALOGUE, *VARIANTS]:
        create_app(settings, inject(Parts(), [id_])).dispose()


def test_the_parts_that_were_given_stay_as_they_were() -> None:
    parts = Parts()
    changed = inject(parts, ["I1", "M1"])
    assert changed is not parts
    assert type(parts.booking_ids) is not type(changed.booking_ids)
    assert parts.machine is not changed.machine


def test_two_in_the_same_part_are_both_there() -> None:
    answers = [{"question": "Any", "answer": "not an id"}]
    assert inject(Parts(), ["I1"]).booking_ids.from_answers(answers) is None
    both = inject(Parts(), ["I1", "I2"])
    assert both.booking_ids.from_answers(answers) == "not an id"


def test_two_in_the_page_are_both_there() -> None:
    def send(method: str, path: str, payload: object) -> Answer:
        raise AssertionError("nothing is sent")

    page = flow_of(["F01-shows-all", "R11-no-id"])
    flow = page(send, signed_in=False, new_id=lambda: "id")
    paid = {"id": "s", "price": "50.00", "requiresAuth": True, "calendlyEventTypeUri": "u"}
    flow.select_session(paid)
    assert flow.embed()["answers"] == {}
    assert flow_of([]) is Flow


def test_only_the_files_that_a_defect_names_are_changed() -> None:
    assert migrated(["S7"], "fixtures/migrations/make_client_id_nullable.sql", "ALTER") == "SELECT 1"
    assert migrated(["S7"], "fixtures/migrations/other.sql", "ALTER") == "ALTER"
    assert migrated([], "fixtures/migrations/make_client_id_nullable.sql", "ALTER") == "ALTER"


def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(KeyError):
        inject(Parts(), ["I999"])
