"""Records of a run: how they are written, read back, and told to people and tools."""

from __future__ import annotations

from harness.report.events import EventWriter
from harness.report.load import Run, find_run, load
from harness.report.manifest import Manifest, read_manifest
from harness.report.recording import RunInfo, finish, start

__all__ = ["EventWriter", "Manifest", "Run", "RunInfo", "find_run", "finish", "load", "read_manifest", "start"]
