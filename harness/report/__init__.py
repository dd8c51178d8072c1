"""Records of a run: how they are written, read back, and told to people and tools."""

from __future__ import annotations

from harness.report.compare import Comparison, compare
from harness.report.dossier.audit import Dossier, audit
from harness.report.events import EventWriter
from harness.report.github import github_annotations
from harness.report.history import RunHistory, flakiness, history, look_back, runs_in, trends
from harness.report.load import Run, find_run, load
from harness.report.manifest import Manifest, read_manifest
from harness.report.recording import RunInfo, finish, start
from harness.report.verify import Difference, verify

__all__ = [
    "Comparison",
    "Difference",
    "Dossier",
    "EventWriter",
    "Manifest",
    "Run",
    "RunHistory",
    "RunInfo",
    "audit",
    "compare",
    "find_run",
    "finish",
    "flakiness",
    "github_annotations",
    "history",
    "load",
    "look_back",
    "read_manifest",
    "runs_in",
    "start",
    "trends",
    "verify",
]
