"""A report as JUnit XML: one test case a phase, failed by its findings at or above the threshold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.migrations.checking import Report
from harness.migrations.findings import Severity

__all__ = ["render"]


def render(report: Report, threshold: Severity) -> str:
    """Phases that were not checked are skipped cases with their reason."""
    suite = ET.Element("testsuite", name="harness migrate check")
    failures = skipped = 0
    for phase in report.phases:
        case = ET.SubElement(
            suite, "testcase", classname="migrate.check", name=phase.name, time=f"{phase.duration_us / 1e6:.3f}"
        )
        bad = [f for f in report.findings if f.phase == phase.name and f.counts and f.severity >= threshold]
        if phase.status != "run":
            skipped += 1
            ET.SubElement(case, "skipped", message=phase.reason)
        elif bad:
            failures += 1
            failure = ET.SubElement(case, "failure", message=f"{bad[0].id}: {bad[0].evidence}", type=bad[0].id)
            failure.text = "\n".join(f"{f.position} {f.severity.word} {f.id}: {f.evidence}\n{f.remedy}" for f in bad)
    for name, count in (("tests", len(report.phases)), ("failures", failures), ("errors", 0), ("skipped", skipped)):
        suite.set(name, str(count))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
