"""What an endpoint answers, before it becomes HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

__all__ = ["Reply", "collection", "resource"]


class Reply(Struct, frozen=True):
    """`payload` None means no body."""

    status: int
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def resource(shown: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(status, {"resource": shown})


def collection(page: Mapping[str, Any]) -> Reply:
    return Reply(200, page)
