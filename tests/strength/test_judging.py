"""Noticed is noticed by a failed check, and by nothing else."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from harness.cli.strength import summary
from harness.errors import InputError
from harness.report.analysis.strength import COLUMNS
from harness.strength.equivalents import judged, read
from harness.strength.ground import TooLong, alarm
from harness.strength.judging import Judge
from harness.strength.measuring import Result
from harness.strength.reach import CaseReach, Reach
from harness.strength.subjects import Subject
from harness.strength.verdicts import Verdict, listed, write


@dataclass
class Acted:
    """A ground on which each case ends as it was told."""

    outcomes: dict[str, str]
    ran: list[str] = field(default_factory=list)

    def open(self) -> dict[str, object]:
        return {}

    def stage(self, target: str) -> Any:
        return target

    def renew(self) -> None: ...

    def drop(self) -> None: ...

    def close(self) -> None: ...

    def run(self, stage: Any, case: str, limit: float) -> tuple[Any, str | None]:
        self.ran.append(case)
        if self.outcomes[case] == "endless":
            raise TooLong
        if self.outcomes[case] == "warned":
            warnings.warn("of the mutant", UserWarning, stacklevel=1)
        failed = self.outcomes[case] == "failed"
        return SimpleNamespace(outcome=self.outcomes[case], failure="what failed"), "a check" if failed else None


def verdict(outcomes: dict[str, str], *, every: bool = False, candidates: tuple[str, ...] | None = None) -> Verdict:
    names = tuple(outcomes) if candidates is None else candidates
    reach = Reach({name: CaseReach("passed", 10, frozenset()) for name in outcomes})
    subject = Subject("I1", "title", "catalogue", ("B08",), names, "I1", rebuilt=False)
    ground: Any = Acted(outcomes)
    cases: Any = {name: name for name in outcomes}
    found = Judge(ground, cases, reach, [subject], every).run(0)
    assert isinstance(found, Verdict)
    return found


def test_a_failed_check_is_a_notice_and_the_rest_is_not_run() -> None:
    found = verdict({"a": "passed", "b": "failed", "c": "failed"})
    assert (found.outcome, found.noticed_by, found.check) == ("noticed", ("b",), "a check")


def test_everybody_is_asked_when_the_matrix_is_wanted() -> None:
    assert verdict({"a": "failed", "b": "passed", "c": "failed"}, every=True).noticed_by == ("a", "c")


def test_nobody_noticed() -> None:
    found = verdict({"a": "passed", "b": "passed"})
    assert (found.outcome, found.noticed_by, found.check) == ("survived", (), None)


def test_an_error_is_no_notice() -> None:
    found = verdict({"a": "error", "b": "passed"})
    assert found.outcome == "survived"
    assert found.reason == "no check failed, but a: what failed"


def test_an_error_does_not_keep_others_from_noticing() -> None:
    assert verdict({"a": "error", "b": "failed"}).noticed_by == ("b",)


def test_a_scenario_that_does_not_end_noticed() -> None:
    assert verdict({"a": "endless"}).check == "no end within 5 s"


def test_what_no_scenario_executes_is_not_reached() -> None:
    assert verdict({"a": "failed"}, candidates=()).outcome == "not_reached"


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_a_block_that_takes_too_long_is_ended() -> None:
    began = time.perf_counter()
    with pytest.raises(TooLong), alarm(0.05):
        spin(5)
    assert time.perf_counter() - began < 2
    with alarm(5):
        pass
    time.sleep(0.01)


class _Deaf:
    """Something whose end drops whatever is raised in it."""

    def __del__(self) -> None:
        spin(0.3)


def deaf() -> None:
    _Deaf()
    spin(5)


def test_an_alarm_that_nobody_heard_rings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.strength.ground.AGAIN", 0.2)
    with pytest.raises(TooLong), alarm(0.05):
        deaf()


def test_survivors_are_tried_with_more_values_first_of_scenarios_that_noticed_hereabouts() -> None:
    subject = Subject(
        "m", "title", "mutant", (), ("far[x=1]",), "rules.f", reserve=("far[x=2]", "near[x=2]", "near[x=3]")
    )
    again = subject.again({"near": 2})
    assert again is not None
    assert (again.candidates, again.reserve) == (("near[x=2]", "far[x=2]", "near[x=3]"), ())
    both = subject.again({"near": 1, "far": 3})
    assert both is not None
    assert both.candidates == ("far[x=2]", "near[x=2]", "near[x=3]")
    assert again.again({"near": 2}) is None


def test_a_value_that_alone_notices_is_tried_though_its_scenario_noticed_nothing_before() -> None:
    subject = Subject("m", "title", "mutant", (), ("a[x=1]",), "rules.f", reserve=("a[x=2]",))
    again = subject.again({})
    assert again is not None
    assert again.candidates == ("a[x=2]",)


def test_what_a_mutant_is_warned_of_is_not_printed_and_what_others_are_is() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert verdict({"a": "warned", "b": "failed"}).noticed_by == ("b",)
        assert not heard
        warnings.warn("of something else", UserWarning, stacklevel=1)
    assert [str(each.message) for each in heard] == ["of something else"]


def test_survivors_stand_in_columns() -> None:
    found = [
        Verdict("I1", "short", "catalogue", (), "survived"),
        Verdict("cancelling.Cancelling._cancel_at_calendly~02120077", "long", "mutant", (), "not_reached"),
    ]
    first, second = listed(found)
    assert first.index("short") == second.index("long")
    assert first.index("I1") == second.index("cancelling")
    told = summary(result(*found)).split("Nobody noticed:\n")[1].splitlines()[:2]
    assert told == [f"  {first}", f"  {second}"]
    assert listed([]) == []


def test_what_a_person_judged_equivalent_is_so_unless_it_is_noticed() -> None:
    found = [Verdict("m1", "t", "mutant", (), "survived"), Verdict("m2", "t", "mutant", (), "noticed", ("a",))]
    first, second = judged(found, {"m1": "the same", "m2": "the same"})
    assert (first.outcome, first.reason) == ("equivalent", "the same")
    assert second.outcome == "noticed"


def test_the_equivalents_are_of_mutants_and_have_reasons() -> None:
    for id_, reason in read().items():
        assert "~" in id_, "a defect of the catalogue must be noticed"
        assert len(reason) > 20, id_


@pytest.mark.parametrize(
    "text", ["a: 1\n", "- {reason: because it is the same, mutants: [x]}\n- {reason: again the same, mutants: [x]}\n"]
)
def test_a_wrong_file_of_equivalents_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "equivalents.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        read(path)


def test_the_table_is_what_the_notebook_reads(tmp_path: Path) -> None:
    verdicts = [Verdict("I1", "t", "catalogue", ("B08",), "noticed", ("a", "b"), "c", 5)]
    rows = pd.read_parquet(write(tmp_path / "strength.parquet", verdicts, 271))
    assert list(rows.columns) == [*COLUMNS, "catalogue"]
    assert list(rows["catalogue"]) == [271]
    assert list(rows.iloc[0]["noticed_by"]) == ["a", "b"]


def result(*verdicts: Verdict, not_green: list[str] | None = None) -> Result:
    return Result(list(verdicts), Path("strength.parquet"), 10, 100, 0, 1.0, not_green or [])


def test_one_defect_that_survives_is_a_failure() -> None:
    noticed = Verdict("I1", "t", "catalogue", (), "noticed", ("a",))
    assert result(noticed).exit_code == 0
    assert result(noticed, Verdict("I2", "t", "catalogue", (), "survived")).exit_code == 1
    assert result(noticed, Verdict("I2", "t", "catalogue", (), "not_reached")).exit_code == 1


def test_nine_mutants_of_ten_are_enough_and_equivalents_do_not_count() -> None:
    noticed = [Verdict(f"m{n}", "t", "mutant", (), "noticed", ("a",)) for n in range(9)]
    survived = Verdict("s", "t", "mutant", (), "survived")
    assert result(*noticed, survived).exit_code == 0
    assert result(*noticed, survived, survived).exit_code == 1
    assert result(*noticed, survived, Verdict("e", "t", "mutant", (), "equivalent")).share("mutant") == 0.9


def test_a_suite_that_is_not_green_is_a_failure() -> None:
    assert result(Verdict("I1", "t", "catalogue", (), "noticed", ("a",)), not_green=["b"]).exit_code == 1


def test_who_fails_without_a_defect_is_named() -> None:
    said = summary(result(Verdict("I1", "t", "catalogue", (), "noticed", ("a",)), not_green=["x.yaml::b"]))
    assert "1 defect of the catalogue: 1 noticed" in said
    assert "\nFail without any defect, and so notice nothing:\n  x.yaml::b\n" in said
