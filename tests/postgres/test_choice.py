"""The text of --database."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.postgres import open_server
from harness.postgres.choice import Choice, parse_choice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", Choice("auto", None, "auto")),
        ("embedded", Choice("embedded", None, "embedded")),
        ("embedded:/opt/pg/bin", Choice("embedded", "/opt/pg/bin", "embedded:/opt/pg/bin")),
        ("testcontainers", Choice("testcontainers", None, "testcontainers")),
        ("testcontainers:host:5000/postgres:17", Choice("testcontainers", "host:5000/postgres:17",
                                                        "testcontainers:host:5000/postgres:17")),
        (" postgresql://u:secret@h:5/d ", Choice("existing", "postgresql://u:secret@h:5/d", "postgresql://u:***@h:5/d")),
        ("postgres:///d?host=/tmp&password=secret", Choice("existing", "postgres:///d?host=/tmp&password=secret",
                                                           "postgres:///d?host=/tmp&password=secret")),
        ("postgresql://h/d?password=secret&x=1", Choice("existing", "postgresql://h/d?password=secret&x=1",
                                                        "postgresql://h/d?password=***&x=1")),
    ],
)  # fmt: skip
def test_a_choice_is_read(text: str, expected: Choice) -> None:
    assert parse_choice(text) == expected


@pytest.mark.parametrize("text", ["", "sqlite", "embedded:", "auto:x", "mysql://u:secret@h/d", "Embedded"])
def test_another_word_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(InputError, match="Choose auto, embedded, embedded:/path/to/bin, testcontainers") as caught:
        open_server(text)
    assert "secret" not in str(caught.value)
