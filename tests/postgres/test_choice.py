"""The text of --database."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, InputError
from harness.postgres import open_server
from harness.postgres.choice import Choice, parse_choice
from harness.postgres.dsn import without_password


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
                                                           "postgres:///d?host=/tmp&password=***")),
        ("postgresql://h/d?password=secret&x=1", Choice("existing", "postgresql://h/d?password=secret&x=1",
                                                        "postgresql://h/d?password=***&x=1")),
        ("postgresql://h:5/d?password=a@b&user=u", Choice("existing", "postgresql://h:5/d?password=a@b&user=u",
                                                          "postgresql://h:***&user=u")),
    ],
)  # fmt: skip
def test_a_choice_is_read(text: str, expected: Choice) -> None:
    assert parse_choice(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sqlite",
        "embedded:",
        "auto:x",
        "mysql://u:secret@h/d",
        "Embedded",
        "host=h password=secret",
        "password='a secret' host=h",
    ],
)
def test_another_word_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(InputError, match="Choose auto, embedded, embedded:/path/to/bin, testcontainers") as caught:
        open_server(text)
    assert "secret" not in str(caught.value)


HARD = [
    "p#ss-TAIL",
    "p/ss-TAIL",
    "p?ss-TAIL",
    "p@ss-TAIL",
    "p@s/TAIL",
    "p%zz-TAIL",
    "p'ss-TAIL",
    "p ss-TAIL",
    "[ss-TAIL",
]
"""Passwords that nobody escaped."""


@pytest.mark.parametrize("password", HARD)
def test_no_piece_of_a_password_is_shown_however_it_is_written(password: str) -> None:
    address = f"postgresql://sec:{password}@host.invalid:1/db"
    assert parse_choice(address).shown == "postgresql://sec:***@host.invalid:1/db"
    with pytest.raises(HarnessError) as caught:
        open_server(address)
    said = f"{caught.value} {caught.value.remedy}"
    assert "TAIL" not in said
    assert "ss-" not in said
    assert ("write @ as %40" in said) == any(sign in password for sign in "@/% ")


def test_a_user_with_an_at_sign_takes_no_password_along() -> None:
    assert parse_choice("postgresql://sam@server:p-TAIL@host/db").shown == "postgresql://sam@server:***@host/db"


@pytest.mark.parametrize(
    ("words", "address", "expected"),
    [
        (
            "failed to resolve host 'ss-TAIL@host'",
            "postgresql://sec:p@ss-TAIL@host/db",
            "failed to resolve host '***@host'",
        ),
        ("no 'a b' here", "postgresql://sec:a%20b@host/db", "no '***' here"),
        ("no 'a b' here", "host=h password='a b'", "no '***' here"),
        ("cannot resolve host", "postgresql://sec:h@host/db", "cannot resolve host"),
    ],
)
def test_the_driver_is_quoted_without_the_password(words: str, address: str, expected: str) -> None:
    assert without_password(words, address) == expected
