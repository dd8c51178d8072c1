"""The plan of a run: read one id at a time, whoever laid it out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.report.planned import PLAN, read_plan, write_plan

IDS = [
    "a.yaml::A title",
    'with "quotes", a comma,',
    "a\nline break",
    "]",
    "[",
    "",
    "é 漢 \u2028 \x07",
    "a.yaml::A title#2",
]


@pytest.mark.parametrize("ids", [IDS, IDS[:1], []])
def test_ids_are_read_as_they_were_written_as_often_as_they_are_asked_for(tmp_path: Path, ids: list[str]) -> None:
    write_plan(tmp_path, ids)
    assert json.loads((tmp_path / PLAN).read_bytes()) == ids
    planned = read_plan(tmp_path)
    assert list(planned) == list(planned) == ids


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_another_layout_is_read_too(tmp_path: Path, indent: int | None) -> None:
    (tmp_path / PLAN).write_text(json.dumps(IDS, indent=indent))
    assert list(read_plan(tmp_path)) == IDS


@pytest.mark.parametrize(
    "broken", ['[\n"a"\n', '[\n"a",\n"b"\n]\n]', '[\n"a",\n1\n]\n', '[\n"a"\n"b"\n]\n', '[\n"a",\n]\n']
)
def test_what_is_cut_or_joined_wrongly_is_damaged(tmp_path: Path, broken: str) -> None:
    (tmp_path / PLAN).write_text(broken)
    with pytest.raises(InputError, match="is damaged"):
        read_plan(tmp_path)


def test_without_a_plan_nothing_was_planned(tmp_path: Path) -> None:
    assert list(read_plan(tmp_path)) == []
