"""Defects and variants as targets of a run."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.scenario.targets import parse_target


def test_defects_can_be_combined() -> None:
    target = parse_target("defect:W2+W3")
    assert target.defects == ("W2", "W3")
    assert target.name == "defect:W2+W3"


def test_a_variant_is_a_target() -> None:
    assert parse_target("variant:other-ids").defects == ("other-ids",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defect:I44", "There is no defect 'I44'."),
        ("defect:", "There is no defect ''."),
        ("variant:other-idz", "There is no variant 'other-idz'. Did you mean other-ids?"),
    ],
)
def test_an_unknown_one_is_told(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_target(text)
    assert str(caught.value).startswith(said)


def test_only_a_defect_of_the_schema_makes_another_template() -> None:
    assert parse_target("defect:I1").schema_key == ""
    assert parse_target("defect:S7+I1").schema_key == "S7"
    assert parse_target("variant:wider-schema").schema_key == "wider-schema"
