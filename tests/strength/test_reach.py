"""Which scenarios could notice: lines, functions, statements, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.strength.mutants import mutants
from harness.strength.reach import CaseReach, Reach, digest, load, store
from harness.strength.source import function_lines, statement_lines, text_of
from harness.strength.subjects import of_mutant, varied


def reach() -> Reach:
    return Reach(
        {
            "slow": CaseReach("passed", 900, frozenset({("rules", 10), ("rows", 5)})),
            "quick": CaseReach("passed", 100, frozenset({("rules", 10)})),
            "elsewhere": CaseReach("passed", 1, frozenset({("rows", 6)})),
            "broken": CaseReach("failed", 1, frozenset({("rules", 10)})),
        },
        frozenset({("application", 3)}),
    )


def test_who_executes_a_line_could_notice_the_quickest_first() -> None:
    assert reach().touching([("rules", 10)]) == ["quick", "slow"]
    assert reach().touching([("rules", 11)]) == []


def test_what_fails_without_a_defect_notices_nothing() -> None:
    assert "broken" not in reach().all()


def test_what_the_application_is_built_with_concerns_everybody() -> None:
    assert reach().touching([("application", 3)]) == ["elsewhere", "quick", "slow"]


def test_what_few_execute_is_rare() -> None:
    rarity = reach().rarity["rows"]
    assert rarity == {"slow": 1.0, "elsewhere": 1.0}
    assert reach().rarity["rules"]["quick"] == pytest.approx(1 / 3)


def test_it_is_kept_and_read_back(tmp_path: Path) -> None:
    store(tmp_path / "deep" / "reach.json", reach())
    assert load(tmp_path / "deep" / "reach.json") == reach()


def test_where_nothing_can_be_kept_the_measurement_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store(tmp_path / "file" / "deep" / "reach.json", reach())
    assert load(tmp_path / "file" / "deep" / "reach.json") is None


@pytest.mark.parametrize("text", ["", "{", '{"cases": 1}', "[]"])
def test_what_cannot_be_read_back_is_measured_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reach.json"
    path.write_text(text)
    assert load(path) is None
    assert load(tmp_path / "absent.json") is None


def test_another_source_is_another_digest(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    first = digest([("seed", "1")], [tmp_path])
    assert digest([("seed", "1")], [tmp_path]) == first
    assert digest([("seed", "2")], [tmp_path]) != first
    (tmp_path / "a.py").write_text("a = 2\n")
    assert digest([("seed", "1")], [tmp_path]) != first


def test_a_function_has_the_lines_of_its_body() -> None:
    lines = function_lines("rules.TimeRules._overlaps")
    source = text_of("rules").splitlines()
    assert {module for module, _ in lines} == {"rules"}
    assert any("one.builder_id" in source[line - 1] for _, line in lines)
    assert not any("def _overlaps" in source[line - 1] for _, line in lines)


def test_an_attribute_stands_for_the_methods_of_its_class() -> None:
    assert function_lines("refunding.RefundPolicy.tiers") >= function_lines("refunding.RefundPolicy.percent")


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"no rules\.Nobody\.check"):
        function_lines("rules.Nobody.check")


def test_a_statement_over_several_lines_is_reached_by_any_of_them() -> None:
    source = text_of("rules").splitlines()
    inside = next(number for number, line in enumerate(source, 1) if "one.builder_id == other" in line)
    assert ("rules", inside - 1) in statement_lines("rules", inside)


def test_the_first_case_of_each_scenario_comes_before_the_second_of_any() -> None:
    assert list(varied(["a[x=1]", "a[x=2]", "b", "c[y=1]", "a[x=3]"])) == ["a[x=1]", "b", "c[y=1]", "a[x=2]", "a[x=3]"]


def test_what_was_made_while_the_application_was_built_is_made_again_with_the_mutant() -> None:
    """A handler inside of a function keeps the code that it was made from."""
    (inner,), _ = mutants(0, ["web.register_failures~11f156bd"])
    registered = max(function_lines("web.register_failures"), key=lambda each: each[1])
    assert registered[1] > inner.line
    assert of_mutant(inner, Reach({}, frozenset({registered}))).rebuilt
    assert not of_mutant(inner, Reach({}, frozenset({("web", 1)}))).rebuilt
