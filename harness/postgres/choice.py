"""Which database the user asked for: the text of `--database`, read once.

    auto                        Docker when it answers and has the image, else embedded
    embedded                    the wheel's PostgreSQL, else one found on this machine
    embedded:/path/to/bin       the PostgreSQL whose `postgres` and `initdb` are in that directory
    testcontainers[:IMAGE]      a container; IMAGE may hold colons of its own
    postgresql://…              an existing server; only databases made by the harness are touched

(DESIGN.md section 3, "Database".)
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.errors import InputError
from harness.redaction import mask_address, mask_word

__all__ = ["Choice", "parse_choice"]

ChoiceKind = Literal["auto", "embedded", "testcontainers", "existing"]

_REMEDY = "Choose auto, embedded, embedded:/path/to/bin, testcontainers, testcontainers:IMAGE or postgresql://user@host/database."


class Choice(Struct, frozen=True):
    """A parsed choice. `argument` is the directory, the image or the URL; `shown` has no password in it."""

    kind: ChoiceKind
    argument: str | None
    shown: str


def parse_choice(text: str) -> Choice:
    """Read `text`; raises InputError when it names no kind of database."""
    word = text.strip()
    if word.startswith(("postgresql://", "postgres://")):
        return Choice("existing", word, mask_address(word))
    name, colon, argument = word.partition(":")
    if colon and not argument:
        raise InputError(f"Nothing follows the colon in the database {mask_address(word)!r}.", _REMEDY)
    match name:
        case "auto" if not colon:
            return Choice("auto", None, word)
        case "embedded":
            return Choice("embedded", argument or None, word)
        case "testcontainers":
            return Choice("testcontainers", argument or None, word)
    raise InputError(f"There is no database called {mask_word(word)!r}.", _REMEDY)
