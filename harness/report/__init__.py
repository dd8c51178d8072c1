"""Records of a run: how they are written, read back, and told to people and tools.

A run needs a few of these modules before its first scenario, so each is imported when a name of it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.lazy import names_at

if TYPE_CHECKING:
    from harness.report.beginning import RunInfo, start
    from harness.report.comparing import Comparison, compare
    from harness.report.dossier.audit import Dossier, audit
    from harness.report.events import EventWriter
    from harness.report.github import github_annotations
    from harness.report.loading import Run, find_run, load
    from harness.report.lookback import RunHistory, flakiness, history, look_back, runs_in, trends
    from harness.report.manifest import Manifest, read_manifest
    from harness.report.recording import finish
    from harness.report.verifying import Difference, verify

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

_HOMES = {
    "Comparison": "comparing",
    "Difference": "verifying",
    "Dossier": "dossier.audit",
    "EventWriter": "events",
    "Manifest": "manifest",
    "Run": "loading",
    "RunHistory": "lookback",
    "RunInfo": "beginning",
    "audit": "dossier.audit",
    "compare": "comparing",
    "find_run": "loading",
    "finish": "recording",
    "flakiness": "lookback",
    "github_annotations": "github",
    "history": "lookback",
    "load": "loading",
    "look_back": "lookback",
    "read_manifest": "manifest",
    "runs_in": "lookback",
    "start": "beginning",
    "trends": "lookback",
    "verify": "verifying",
}

__getattr__ = names_at(__name__, _HOMES)
