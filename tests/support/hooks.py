"""Receivers of webhooks for the tests of the simulators."""

from __future__ import annotations

from typing import Any

from harness.provider import Answer

__all__ = ["noted"]


def noted(seen: list[Any], delivery: Any, answer: Answer) -> Answer:
    """Keep `delivery` in `seen` and answer."""
    seen.append(delivery)
    return answer
