from __future__ import annotations
from typing import Any


class Impact: ...


def measure_impact(rehearsal: Any, traffic: Any) -> Any:
    return None, []
