"""JUnit's XML: one suite a file, one case a scenario with its matrix values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.report.cases import Case, title_of
from harness.report.disk import replace_bytes
from harness.report.lines import Row
from harness.report.manifest import Manifest

__all__ = ["write", "xml_text"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold (control characters, lone surrogates)."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def write(path: Path, manifest: Manifest, cases: Sequence[Case]) -> None:
    """Write junit.xml. Times are in seconds; `file` and `line` say where the scenario stands."""
    root = ET.Element("testsuites", _counts(cases), name="scenarios")
    by_file = sorted(cases, key=lambda case: str(case.last["file"]))
    for file, group in groupby(by_file, key=lambda case: str(case.last["file"])):
        root.append(_suite(file, list(group), manifest))
    ET.indent(root)
    replace_bytes(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _suite(file: str, cases: Sequence[Case], manifest: Manifest) -> ET.Element:
    suite = ET.Element("testsuite", _counts(cases), name=xml_text(file), file=xml_text(file))
    suite.set("timestamp", manifest.start.strftime("%Y-%m-%dT%H:%M:%S"))
    _properties(suite, [("run_id", manifest.run_id), ("target", manifest.target), ("seed", str(manifest.seed))])
    suite.extend(_case(case) for case in cases)
    return suite


def _case(case: Case) -> ET.Element:
    row = case.last
    element = ET.Element(
        "testcase",
        name=xml_text(title_of(row["name"], row["scenario_id"])),
        classname=xml_text(row["file"].removesuffix(".yaml").replace("/", ".")),
        file=xml_text(row["file"]),
        line=str(row["line"]),
        time=_seconds(sum(int(attempt["duration_us"]) for attempt in case.attempts)),
    )
    _properties(element, _facts(case))
    _verdict(element, row)
    return element


def _facts(case: Case) -> list[tuple[str, str]]:
    row = case.last
    facts = [("scenario_id", row["scenario_id"]), ("actor", row["actor"]), ("attempts", str(len(case.attempts)))]
    facts += [("covers", rule) for rule in row["covers"]] + [("tag", tag) for tag in row["tags"]]
    return [*facts, ("flaky", "true")] if row["flaky"] else facts


def _verdict(element: ET.Element, row: Row) -> None:
    if row["outcome"] == "skipped":
        ET.SubElement(element, "skipped", message=xml_text(row["failure"] or ""))
    elif row["outcome"] in ("failed", "error"):
        name = "failure" if row["outcome"] == "failed" else "error"
        verdict = ET.SubElement(element, name, message=xml_text(row["failure"] or ""), type=row["outcome"])
        text, again = row["failure_text"] or row["failure"] or "", f"rerun   {row['rerun']}"
        verdict.text = xml_text(text if again in text else f"{text}\n{again}")


def _properties(element: ET.Element, facts: Sequence[tuple[str, str]]) -> None:
    properties = ET.SubElement(element, "properties")
    for name, value in facts:
        ET.SubElement(properties, "property", name=name, value=xml_text(value))


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    outcomes = [case.last["outcome"] for case in cases]
    duration = sum(int(attempt["duration_us"]) for case in cases for attempt in case.attempts)
    return {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failed")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": _seconds(duration),
    }


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:.6f}"
