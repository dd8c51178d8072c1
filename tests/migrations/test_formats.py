"""One report, five formats."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pglast
import pytest

from harness.migrations import as_github, as_json, as_junit, as_sarif, as_text
from harness.migrations.checking import Report
from harness.migrations.findings import FAMILIES, Severity
from harness.migrations.hazards import HAZARDS
from tests.migrations.conftest import Rehearse

SARIF = json.loads(Path(__file__).with_name("sarif_2_1_0.json").read_text())
SQL = "-- harness: allow lock.no-timeout because it is night\nALTER TABLE orders DROP COLUMN note;\n"


@pytest.fixture
def report(rehearse: Rehearse) -> Report:
    return rehearse(SQL, phases=("lint", "observe", "data", "compatibility"), name="a file, with % and spaces.sql")


def test_sarif_is_valid(report: Report) -> None:
    document = json.loads(as_sarif.render(report))
    jsonschema.validate(document, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels["data.loss"] == "error"
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    (suppressed,) = [result for result in run["results"] if "suppressions" in result]
    assert suppressed["suppressions"] == [{"kind": "inSource", "justification": "it is night"}]


def test_the_sarif_schema_notices_a_mistake(report: Report) -> None:
    document = json.loads(as_sarif.render(report))
    document["runs"][0]["results"][0]["level"] = "terrible"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SARIF)


def test_a_report_without_findings_is_valid_sarif_too(rehearse: Rehearse) -> None:
    document = json.loads(as_sarif.render(rehearse("ANALYZE orders;")))
    jsonschema.validate(document, SARIF)
    assert document["runs"][0]["results"] == []


def test_junit_fails_the_phases_with_findings_and_skips_what_was_not_run(report: Report) -> None:
    root = ET.fromstring(as_junit.render(report, Severity.HIGH))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["data"].find("failure") is not None
    assert cases["observe"].find("failure") is None
    skipped = cases["traffic"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not asked for"
    suite = next(root.iter("testsuite"))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("9", "2", "0")


def test_github_annotations_are_escaped(report: Report) -> None:
    lines = as_github.render(report).splitlines()
    assert lines[0].startswith("::error file=")
    assert "a file%2C with %25 and spaces.sql,line=2,col=1,title=" in lines[0]
    assert "lock.no-timeout" not in "\n".join(lines)  # suppressed
    assert lines[-1].startswith("::notice title=harness migrate check::")


def test_the_text_tells_evidence_reason_and_what_to_do_instead(report: Report) -> None:
    text = as_text.render(report)
    assert "BLOCKER  data.loss" in text
    assert "found    1" in text or "found    2" in text
    assert "instead\n" in text
    assert "SUPPRESSED lock.no-timeout" in text
    assert "it is night" in text
    assert "\x1b[" not in text
    assert "\x1b[1;31mBLOCKER" in as_text.render(report, colour=True)


def test_json_has_everything_a_notebook_reads(report: Report) -> None:
    document = json.loads(as_json.render(report))
    assert document["schema_version"] == 1
    assert {lock["table"] for lock in document["locks"]} == {"orders"}
    assert [phase["name"] for phase in document["phases"] if phase["status"] == "run"] == [
        "lint",
        "observe",
        "data",
        "compatibility",
    ]
    assert document["statements"][0]["rows"] == [100, 1000]
    assert all(finding["remedy"] and finding["reason"] for finding in document["findings"])


def test_every_hazard_has_a_reason_and_a_remedy() -> None:
    for name, hazard in HAZARDS.items():
        assert name.split(".")[0] in FAMILIES
        assert len(hazard.reason) > 20
        assert hazard.remedy.strip()


@pytest.mark.parametrize(
    "sql",
    [
        'ALTER TABLE "Sale" ALTER COLUMN "ownerId" DROP NOT NULL;',
        'ALTER TABLE "Sale" ALTER COLUMN "ownerId" TYPE bigint;',
        'ALTER TABLE "Sale" DROP COLUMN "userNote";',
        'ALTER TABLE "Sale" ALTER COLUMN "userNote" SET NOT NULL;',
        'CREATE INDEX "Sale_note" ON "Sale" ("userNote");',
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS "Sale_note" ON "Sale" ("userNote");',
        'ALTER TABLE "Sale" ADD CONSTRAINT "Sale_once" UNIQUE ("userNote");',
        'ALTER TABLE "Sale" ADD CHECK ("ownerId" > 3);',
        'UPDATE "Sale" SET "userNote" = \'x\';',
    ],
)
def test_the_sql_of_a_remedy_can_be_copied(rehearse: Rehearse, tmp_path: Path, sql: str) -> None:
    """PostgreSQL's grammar takes it, unless it says with an ellipsis that something is to be filled in."""
    baseline = tmp_path / "base.sql"
    baseline.write_text(
        'CREATE TABLE "Owner" (id integer PRIMARY KEY);\n'
        'CREATE TABLE "Sale" (id integer PRIMARY KEY, "ownerId" integer NOT NULL REFERENCES "Owner" (id) ON DELETE CASCADE, "userNote" text);\n'
    )
    phases = ("lint", "observe", "data", "failure", "compatibility", "way back", "schema")
    report = rehearse(sql, baseline=baseline, phases=phases)
    assert report.findings
    for finding in report.findings:
        if "…" not in finding.remedy:
            pglast.parse_sql(finding.remedy)
