"""Where things are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ROOT", "STATIC"]

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "harness/booking/page/static"
