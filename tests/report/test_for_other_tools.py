"""JUnit, CTRF, Allure and GitHub: what other tools read is what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import junitparser
import msgspec
import pytest

from harness.records import Scenario
from harness.report import EventWriter, finish, github_annotations, load
from harness.report.junit import xml_text
from tests.report.conftest import FIXTURES
from tests.report.planned import plans
from tests.report.sample import records_of, start_run

END = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
XS = {"xs": "http://www.w3.org/2001/XMLSchema"}
NASTY = "\x00\x08 <b>&amp; ]]> \ud800 \ufffe \U0001f600 \x1b[31m"


def junit_cases(directory: Path) -> list[Any]:
    return [case for suite in junitparser.JUnitXml.fromfile(str(directory / "junit.xml")) for case in suite]


def test_junit_counts_what_the_manifest_counts(runs: Path) -> None:
    document = junitparser.JUnitXml.fromfile(str(runs / "failing" / "junit.xml"))
    totals = load(runs / "failing").manifest.totals
    assert document.tests == totals["scenarios"]
    assert document.failures == totals["failed"]
    assert document.errors == totals["error"]
    assert document.skipped == totals["skipped"]


def test_junit_tells_where_a_scenario_stands_and_what_it_covers(runs: Path) -> None:
    case = junit_cases(runs / "failing")[0]
    element = case._elem  # junitparser reads no attributes beyond its own
    assert element.get("file") == "scenarios/anonymous.yaml"
    assert element.get("line") == "6"
    assert case.name == "A free session is booked without signing in[session=intro-call]"
    assert case.classname == "scenarios.anonymous"
    properties = [(found.get("name"), found.get("value")) for found in element.iter("property")]
    assert ("covers", "R04") in properties
    assert ("tag", "smoke") in properties


def test_junit_keeps_the_whole_failure_and_how_to_run_it_again(runs: Path) -> None:
    failed = [case for case in junit_cases(runs / "failing") if case.result and case.result[0].type == "failed"]
    assert len(failed) == load(runs / "failing").manifest.totals["failed"]
    assert "expected BOOKING_CONFIRMED   got IDLE" in failed[0].result[0].text
    assert "rerun   harness run 'scenarios/" in failed[0].result[0].text


BEYOND = {("testsuites", "skipped"), ("testcase", "file"), ("testcase", "line"), ("testcase", "properties")}
"""What readers take though the schema has it not: Jenkins, GitLab and Azure show it."""


def allowed(schema: ET.Element) -> dict[str, tuple[dict[str, ET.Element], set[str]]]:
    """Of each element, its attributes and the elements that may stand in it."""
    found = {}
    for element in schema.findall("xs:element", XS):
        attributes = {str(each.get("name")): each for each in element.iterfind(".//xs:attribute", XS)}
        found[str(element.get("name"))] = attributes, {str(e.get("ref")) for e in element.iterfind(".//xs:element", XS)}
    return found


@pytest.mark.parametrize("name", ["failing", "good", "empty"])
def test_junit_is_as_its_widest_spread_schema_has_it_but_for_what_readers_take_beyond(runs: Path, name: str) -> None:
    schema = ET.parse(FIXTURES / "junit-10.xsd").getroot()
    known = allowed(schema)
    pattern = schema.find("xs:simpleType[@name='SUREFIRE_TIME']//xs:pattern", XS)
    assert pattern is not None
    time = pattern.get("value", "")
    beyond = set()
    for element in ET.parse(runs / name / "junit.xml").getroot().iter():
        attributes, inner = known[element.tag]
        assert {each for each, told in attributes.items() if told.get("use") == "required"} <= set(element.attrib)
        assert re.fullmatch(time, element.get("time", "")), element.attrib
        beyond |= {(element.tag, each) for each in element.attrib if each not in attributes}
        beyond |= {(element.tag, each.tag) for each in element if each.tag not in inner}
    assert beyond <= BEYOND


def nasty_run(directory: Path) -> None:
    found = plans(1, failing=False)
    start_run(directory, found)
    with EventWriter(directory, 0) as writer:
        for record in records_of(found[0]):
            if isinstance(record, Scenario):
                changed = msgspec.structs.replace(
                    record, outcome="failed", name=NASTY, failure=NASTY, failure_text=NASTY, tags=(NASTY,)
                )
                writer.write(changed)
            else:
                writer.write(record)
    finish(directory, ended_at=END, with_allure=True)


def test_characters_that_xml_cannot_hold_are_stripped(tmp_path: Path) -> None:
    nasty_run(tmp_path / "r")
    case = junit_cases(tmp_path / "r")[0]
    assert case.name.startswith("\ufffd\ufffd <b>&amp; ]]> \ufffd \ufffd \U0001f600 \ufffd[31m")


def test_nasty_text_reaches_every_other_format_whole(tmp_path: Path) -> None:
    nasty_run(tmp_path / "r")
    test = json.loads((tmp_path / "r" / "ctrf.json").read_bytes())["results"]["tests"][0]
    assert "<b>&amp; ]]>" in test["message"]
    page = (tmp_path / "r" / "report.html").read_text()
    assert "<b>&amp; ]]>" not in page
    assert "&lt;b&gt;&amp;amp;" in page
    assert load(tmp_path / "r").scenarios["name"].iloc[0].startswith("\x00\x08 <b>")


@pytest.mark.parametrize("text", ["plain", "tab\tnew\nline", "ünïcode \U0001f600"])
def test_ordinary_text_is_not_touched(text: str) -> None:
    assert xml_text(text) == text


@pytest.mark.parametrize("name", ["failing", "good", "empty"])
def test_ctrf_is_valid_against_its_published_schema(runs: Path, name: str) -> None:
    schema = json.loads((FIXTURES / "ctrf-schema-0.0.json").read_bytes())
    document = json.loads((runs / name / "ctrf.json").read_bytes())
    jsonschema.Draft7Validator(schema).validate(document)
    totals = load(runs / name).manifest.totals
    assert document["results"]["summary"]["tests"] == totals["scenarios"]
    assert document["results"]["summary"]["failed"] == totals["failed"]
    assert document["results"]["summary"]["other"] == totals["error"]
    assert document["results"]["summary"]["flaky"] == totals["flaky"]


def test_ctrf_tells_of_every_attempt(runs: Path) -> None:
    tests = json.loads((runs / "failing" / "ctrf.json").read_bytes())["results"]["tests"]
    flaky = [test for test in tests if test["flaky"]]
    assert flaky
    assert all(test["retries"] == 1 and test["retryAttempts"][0]["status"] == "failed" for test in flaky)


def allure_results(directory: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((directory / "allure-results").glob("*-result.json")):
        yield json.loads(path.read_bytes())


def test_allure_has_one_result_an_attempt_with_its_steps_and_evidence(tmp_path: Path, runs: Path) -> None:
    found = plans(20)
    start_run(tmp_path / "r", found)
    with EventWriter(tmp_path / "r", 0) as writer:
        for plan in found:
            for record in records_of(plan):
                writer.write(record)
    finish(tmp_path / "r", ended_at=END, with_allure=True)
    results = list(allure_results(tmp_path / "r"))
    assert len(results) == len(found)
    assert {result["status"] for result in results} == {"passed", "failed", "broken", "skipped"}
    failed = next(result for result in results if result["status"] == "failed")
    assert [step["status"] for step in failed["steps"]].count("failed") == 1
    attachment = tmp_path / "r" / "allure-results" / failed["attachments"][0]["source"]
    assert "expected BOOKING_CONFIRMED" in attachment.read_text()
    assert not (runs / "failing" / "allure-results").exists(), "only when asked for"


def test_github_annotations_point_at_the_lines_of_failures(runs: Path) -> None:
    lines = github_annotations(load(runs / "failing")).splitlines()
    totals = load(runs / "failing").manifest.totals
    assert sum(line.startswith("::error ") for line in lines) == totals["failed"] + totals["error"]
    assert sum(line.startswith("::warning ") for line in lines) == totals["flaky"]
    assert lines[0].startswith(
        "::error file=scenarios/cancelling.yaml,line=20,title=A day before the start everything is refunded::"
    )
    assert all("%0A" in line for line in lines if line.startswith("::error"))
    assert github_annotations(load(runs / "good")) == ""
