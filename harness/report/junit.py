"""JUnit's XML: one suite a file, one case a scenario with its matrix values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

from harness.report.cases import Case, Cases, title_of
from harness.report.disk import writing
from harness.report.lines import Row
from harness.report.manifest import Manifest

__all__ = ["write", "xml_text"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold (control characters, lone surrogates)."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def write(path: Path, manifest: Manifest, cases: Cases) -> None:
    """Write junit.xml. Times are in seconds; `file` and `line` say where the scenario stands."""
    with writing(path) as stream:
        stream.write(b"<?xml version='1.0' encoding='utf-8'?>\n")
        with _inside(stream, ET.Element("testsuites", _counts(cases), name="scenarios"), level=0):
            for file in cases.files:
                _write_suite(stream, file, cases, manifest)


def _write_suite(stream: IO[bytes], file: str, cases: Cases, manifest: Manifest) -> None:
    suite = ET.Element("testsuite", _counts(cases.of_file(file)), name=xml_text(file), file=xml_text(file))
    suite.set("timestamp", manifest.start.strftime("%Y-%m-%dT%H:%M:%S"))
    about = [("run_id", manifest.run_id), ("target", manifest.target), ("seed", str(manifest.seed))]
    with _inside(stream, suite, level=1):
        _write_element(stream, _properties(about), level=2)
        for case in cases.of_file(file):
            _write_element(stream, _case(case), level=2)


@contextmanager
def _inside(stream: IO[bytes], element: ET.Element, *, level: int) -> Iterator[None]:
    """Writes the start of an empty `element`; its end follows what is written meanwhile."""
    indent = b"  " * level
    stream.write(indent + ET.tostring(element, encoding="utf-8").removesuffix(b" />") + b">\n")
    yield
    stream.write(indent + b"</%b>\n" % element.tag.encode("ascii"))


def _write_element(stream: IO[bytes], element: ET.Element, *, level: int) -> None:
    _indent(element, level)
    stream.write(b"  " * level + ET.tostring(element, encoding="utf-8") + b"\n")


def _indent(element: ET.Element, level: int) -> None:
    """As `ET.indent`, which leaves a cycle behind at each call: half a kilobyte a case while nothing looks for cycles."""
    if len(element):
        element.text = "\n" + "  " * (level + 1)
        for child in element:
            _indent(child, level + 1)
            child.tail = element.text
        element[-1].tail = "\n" + "  " * level


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
    element.append(_properties(_facts(case)))
    _verdict(element, row)
    return element


def _facts(case: Case) -> list[tuple[str, str]]:
    row = case.last
    facts = [("scenario_id", row["scenario_id"]), ("actor", row["actor"]), ("attempts", str(len(case.attempts)))]
    facts += [("covers", rule) for rule in row["covers"]] + [("tag", tag) for tag in row["tags"]]
    facts += [("note", note) for note in row["notes"]]
    return [*facts, ("flaky", "true")] if row["flaky"] else facts


def _verdict(element: ET.Element, row: Row) -> None:
    if row["outcome"] == "skipped":
        ET.SubElement(element, "skipped", message=xml_text(row["failure"] or ""))
    elif row["outcome"] in ("failed", "error"):
        name = "failure" if row["outcome"] == "failed" else "error"
        verdict = ET.SubElement(element, name, message=xml_text(row["failure"] or ""), type=row["outcome"])
        text, again = row["failure_text"] or row["failure"] or "", f"rerun   {row['rerun']}"
        verdict.text = xml_text(text if again in text else f"{text}\n{again}")


def _properties(facts: Sequence[tuple[str, str]]) -> ET.Element:
    properties = ET.Element("properties")
    for name, value in facts:
        ET.SubElement(properties, "property", name=name, value=xml_text(value))
    return properties


def _counts(cases: Iterable[Case]) -> dict[str, str]:
    outcomes: Counter[str] = Counter()
    took = 0
    for case in cases:
        outcomes[case.last["outcome"]] += 1
        took += sum(attempt["duration_us"] for attempt in case.attempts)
    return {
        "tests": str(outcomes.total()),
        "failures": str(outcomes["failed"]),
        "errors": str(outcomes["error"]),
        "skipped": str(outcomes["skipped"]),
        "time": _seconds(took),
    }


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:.3f}"  # the schema that Jenkins reads by takes no more places
