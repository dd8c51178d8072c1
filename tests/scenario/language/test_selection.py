"""Selecting and ordering cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import InputError, InputErrors, NothingSelected
from harness.scenario.files import find_files, split_place
from harness.scenario.loader import load as load_files
from harness.scenario.model import Suite
from harness.scenario.selection import Selection, divided, repeated, select, shuffled

TEXT = """feature: Booking
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: First thing
    tags: [smoke, anonymous]
    covers: [R03]
    when: [{create: {}}]
    then: [{changed: none}]
  - scenario: Second thing
    tags: [smoke, slow]
    covers: [R04, R05]
    matrix: {session: [intro-call, group-build]}
    when: [{select_session: $session}]
    then: [{changed: none}]
  - scenario: Third
    when: [{create: {}}]
    then: [{changed: none}]
"""


@pytest.fixture
def suite(load: Callable[[str], Suite]) -> Suite:
    return load(TEXT)


def chosen(suite: Suite, **wishes: Any) -> list[str]:
    return [case.title for case in select(suite, Selection(**wishes), project=Path())]


ALL = ["First thing", "Second thing [session=intro-call]", "Second thing [session=group-build]", "Third"]


def test_nothing_asked_is_everything(suite: Suite) -> None:
    assert chosen(suite) == ALL


@pytest.mark.parametrize(
    ("expression", "indexes"),
    [
        ("smoke", [0, 1, 2]), ("not smoke", [3]), ("smoke and not slow", [0]), ("slow or anonymous", [0, 1, 2]),
        ("not (slow or anonymous)", [3]), ("not slow and smoke or slow", [0, 1, 2]), ("not not slow", [1, 2]),
    ],
)  # fmt: skip
def test_tags(suite: Suite, expression: str, indexes: list[int]) -> None:
    assert chosen(suite, tag=expression) == [ALL[index] for index in indexes]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("smok", "No scenario has the tag smok. Did you mean smoke?"),
        ("smoke and", "A tag is missing at the end in the tag expression 'smoke and'."),
        ("(smoke", "A bracket is not closed"),
        ("smoke slow", "slow stands in the tag expression 'smoke slow' without `and` or `or`"),
        ("smoke & slow", "& cannot stand in the tag expression"),
        ("and smoke", "A tag is missing before and"),
        ("", "A tag is missing at the end"),
        ("(" * 100 + "smoke" + ")" * 100, "nested too deep"),
    ],
)
def test_bad_tags(suite: Suite, expression: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        chosen(suite, tag=expression)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_selects_nothing_silently(suite: Suite, text: str) -> None:
    with pytest.raises(InputError, match="The text to select by is empty"):
        select(suite, Selection(text=text), project=Path.cwd())


def test_a_tag_that_only_other_files_have_is_no_mistake_where_some_were_chosen(tmp_path: Path) -> None:
    """Nothing of a folder may be slow: `not slow` is all of it, and `slow` selects nothing."""
    (tmp_path / "scenarios" / "fast").mkdir(parents=True)
    untagged = TEXT.replace("slow", "quick").replace("smoke", "swift")
    (tmp_path / "scenarios" / "a.yaml").write_text(TEXT)
    (tmp_path / "scenarios" / "fast" / "b.yaml").write_text(untagged)
    (tmp_path / "scenarios" / "broken.yaml").write_text("feature: [")
    place = "scenarios/fast/b.yaml"
    suite = load_files([place], project=tmp_path)
    wanted = Selection(places=(split_place(place),), tag="not slow")
    assert len(select(suite, wanted, project=tmp_path)) == len(ALL)
    with pytest.raises(NothingSelected, match="fits the tags slow"):
        select(suite, replace(wanted, tag="slow"), project=tmp_path)
    with pytest.raises(InputError, match=r"No scenario has the tag slo\. Did you mean slow\?"):
        select(suite, replace(wanted, tag="slo"), project=tmp_path)


def test_text_rules_and_last_failed(suite: Suite) -> None:
    assert chosen(suite, text="SECOND") == ALL[1:3]
    assert chosen(suite, covers=("R05", "R03")) == ALL[:3]
    assert chosen(suite, only=frozenset({"a.yaml::Third"})) == ["Third"]
    with pytest.raises(InputError, match="There is no rule R06"):
        chosen(suite, covers=("R06",))


ALIKE = r"""
feature: Alike
given: {catalog: production, visitor: anonymous}
scenarios:
  - scenario: Values
    matrix: {v: [a, A, 1, "[v=a]", "]", "", "a\nb", "#1", "-k", {w: "a"}, [a]]}
    when: [{http: {GET: /api/$v}, expect: 200}]
  - scenario: "Times [v=a]"
    repeat: 11
    when: [{http: {GET: /api/x}, expect: 200}]
  - scenario: Both
    matrix: {v: [a, b]}
    repeat: 2
    when: [{http: {GET: /api/$v}, expect: 200}]
  - scenario: One of one
    matrix: {v: [a]}
    when: [{http: {GET: /api/$v}, expect: 200}]
"""


def test_what_a_case_is_run_again_by_selects_it_alone(load: Callable[[str], Suite]) -> None:
    alike = load(ALIKE)
    assert len(alike.cases) == 27
    for case in alike.cases:
        place, *more = case.selection
        wanted = Selection(places=(split_place(place),), text=more[1] if more else None)
        assert [each.case_id for each in select(alike, wanted, project=Path())] == [case.case_id]
    assert alike.cases[-1].selection == ("a.yaml:15",)


@pytest.mark.parametrize(("line", "index"), [(4, 0), (8, 0), (9, 1), (12, 1), (17, 3), (18, 3)])
def test_a_line_selects_the_scenario_that_stands_there(suite: Suite, line: int, index: int) -> None:
    assert chosen(suite, places=(split_place(f"a.yaml:{line}"),))[0] == ALL[index]


def test_a_line_after_the_end_selects_nothing(suite: Suite) -> None:
    with pytest.raises(InputError, match=r"No scenario stands at line 99 of a\.yaml\. The file ends at line 18\."):
        chosen(suite, places=(split_place("a.yaml:99"),))


def test_a_line_before_the_first_scenario_is_a_mistake(suite: Suite) -> None:
    with pytest.raises(
        InputError, match=r"No scenario stands at line 2 of a\.yaml\. The first scenario begins at line 4\."
    ):
        chosen(suite, places=(split_place("a.yaml:2"),))


def test_nothing_left_says_which_wish_removed_the_last(suite: Suite) -> None:
    with pytest.raises(NothingSelected, match="none of 3 fits the text 'zzz'"):
        chosen(suite, tag="smoke", text="zzz")


@given(count=st.integers(1, 6), times=st.dictionaries(st.integers(0, 3), st.integers(0, 10**7)))
def test_shards_are_a_partition_whatever_is_known(count: int, times: dict[int, int]) -> None:
    cases = _SUITE[0].cases
    parts = divided(cases, count, {cases[index].case_id: each for index, each in times.items()})
    assert sorted(parts) == sorted(case.case_id for case in cases)
    assert set(parts.values()) <= set(range(1, count + 1))


def test_a_shard_of_absurdly_many_costs_no_memory(suite: Suite) -> None:
    assert sorted(divided(suite.cases, 10**12, {}).values()) == [1, 2, 3, 4]


_SUITE: list[Suite] = []


@pytest.fixture(autouse=True)
def _known_suite(suite: Suite) -> None:
    _SUITE[:] = [suite]


def test_shards_are_balanced_by_time(suite: Suite) -> None:
    durations = dict(zip([case.case_id for case in suite.cases], [90, 30, 30, 30], strict=True))
    loads = [0, 0]
    for case_id, part in divided(suite.cases, 2, durations).items():
        loads[part - 1] += durations[case_id]
    assert loads == [90, 90]


def test_an_order_depends_on_its_seed_alone(suite: Suite) -> None:
    once = [case.title for case in shuffled(suite.cases, 7)]
    assert once == [case.title for case in shuffled(suite.cases.at(range(len(suite.cases) - 1, -1, -1)), 7)]
    assert sorted(once) == sorted(ALL)
    assert any([case.title for case in shuffled(suite.cases, seed)] != once for seed in range(5))


def test_repeating_gives_each_repetition_an_id(suite: Suite) -> None:
    ids = [case.scenario_id for case in repeated(suite.cases[:1], 3)]
    assert ids == ["a.yaml::First thing#1", "a.yaml::First thing#2", "a.yaml::First thing#3"]
    assert {case.case_id for case in repeated(suite.cases[:1], 3)} == {"a.yaml::First thing"}
    assert [case.seed_in(7) for case in repeated(suite.cases[:1], 3)] == [7, 8, 9]
    assert repeated(suite.cases, 1) == suite.cases


def test_a_line_of_a_folder_is_a_mistake(tmp_path: Path) -> None:
    """It stood for whatever stands at that line of any file in it."""
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "a.yaml").write_text("feature: A")
    with pytest.raises(
        InputErrors, match=r"some is a folder, and a line is a file's\. Name a file in it: .*FILE\.yaml:4"
    ):
        find_files([split_place(f"{tmp_path}/some:4")], tmp_path)
