"""What the notebook says of a measurement: the matrix, who is needed, when the gate is closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.report.analysis import strength


def rows(*given: tuple[Any, ...]) -> pd.DataFrame:
    """defect_id, kind, outcome, noticed_by."""
    columns = {name: [each[index] for each in given] for index, name in enumerate(["defect_id", "kind", "outcome"])}
    by = [list(each[3]) for each in given]
    return pd.DataFrame({**columns, "title": "t", "rules": [[] for _ in given], "reason": None, "noticed_by": by})


FULL = rows(
    ("W2", "catalogue", "noticed", ["a.yaml::one[x=1]", "a.yaml::one[x=2]", "b.yaml::two#3"]),
    ("I1", "catalogue", "noticed", ["b.yaml::two#1", "b.yaml::two#2"]),
    ("Z1", "catalogue", "survived", []),
    ("m1", "mutant", "noticed", ["c.yaml::three"]),
)


def test_the_columns_are_scenarios_whatever_their_parameters() -> None:
    found = strength.columns(FULL)
    assert found.to_dict("records") == [
        {"number": 1, "scenario": "b.yaml::two", "defects": 2},
        {"number": 2, "scenario": "a.yaml::one", "defects": 1},
    ]


def test_the_matrix_has_a_line_for_each_defect_of_the_catalogue() -> None:
    place = strength.chart(FULL).figure.axes[0]
    assert [each.get_text() for each in place.get_yticklabels()] == ["Z1", "I1", "W2"]
    assert [each.get_text() for each in place.get_xticklabels()][:2] == ["1", "2"]
    assert sorted(map(tuple, np.asarray(place.collections[0].get_offsets()).tolist())) == [(0, 1), (0, 2), (1, 2)]


def test_who_alone_notices_is_known_only_when_all_were_asked() -> None:
    assert strength.only_ones(FULL).to_dict("records") == [
        {"scenario": "b.yaml::two", "defects": ["I1"], "count": 1},
        {"scenario": "c.yaml::three", "defects": ["m1"], "count": 1},
    ]
    first_only = rows(("W2", "catalogue", "noticed", ["a.yaml::one"]))
    assert not strength.is_matrix(first_only)
    assert strength.only_ones(first_only).empty


@pytest.mark.parametrize(("lost", "closed"), [(1, False), (2, True)])
def test_one_mutant_of_ten_may_go_unnoticed(lost: int, closed: bool) -> None:
    mutants: list[tuple[Any, ...]] = [
        (f"m{n}", "mutant", "noticed" if n >= lost else "survived", []) for n in range(10)
    ]
    found = strength.gate(rows(*mutants, ("e", "mutant", "equivalent", [])))
    assert found == (["Of the mutants 80% are noticed, less than 90%."] if closed else [])


@pytest.mark.parametrize(("measured", "told"), [(1, "1 of 3 defects of the catalogue measured"), (3, "")])
def test_a_part_of_the_catalogue_is_told_as_a_part_and_not_judged_as_the_whole(measured: int, told: str) -> None:
    some = rows(*((f"I{n}", "catalogue", "noticed", ["a.yaml::one"]) for n in range(measured))).assign(catalogue=3)
    assert strength.gate(some) == []
    assert strength.absent(some).startswith(told)
    assert bool(strength.absent(some)) == bool(told)
    assert ("Only a part was measured, 1 of 3 defects" in strength.finding(some)) == bool(told)


def test_a_part_of_which_something_goes_unnoticed_closes_the_gate_all_the_same() -> None:
    assert strength.gate(FULL.assign(catalogue=271)) == ["Unnoticed: Z1."]
    assert "; 1 go" in strength.finding(FULL.assign(catalogue=271))


def test_mutants_alone_are_no_part_of_the_catalogue() -> None:
    only = rows(("m1", "mutant", "noticed", ["c.yaml::three"])).assign(catalogue=271)
    assert strength.absent(only).startswith("0 of 271 defects of the catalogue measured")


def test_no_defect_of_the_catalogue_may() -> None:
    assert strength.gate(FULL) == ["Unnoticed: Z1."]
