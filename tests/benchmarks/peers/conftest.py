"""Each test of a peer begins with empty tables, as a scenario of the harness does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _empty_tables() -> Iterator[None]:
    import rows

    yield
    rows.reset()
