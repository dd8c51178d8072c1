from __future__ import annotations
from dataclasses import dataclass
from typing import Any


@dataclass
class Impact:
    def lines(self) -> list[str]:
        return []


def measure_impact(rehearsal: Any, traffic: Any) -> Any:
    return None, []
