"""The in-process transport over the `requests` library; see `harness.provider.in_process`."""

from __future__ import annotations

from harness.provider.in_process import ResponsesTransport, UnexpectedRequest

__all__ = ["ResponsesTransport", "UnexpectedRequest"]
