"""Connection strings: built in one place, and never shown with their password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from harness.redaction import MASK, passwords_in

__all__ = ["Dsn", "misread", "sqlalchemy_url", "without_password"]


class Dsn(str):
    """A libpq connection string; its `repr` masks the password, `str` does not, since drivers need it."""

    __slots__ = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Dsn:
        """From libpq's parameters (host, port, user, password, dbname …)."""
        return cls(make_conninfo("", **parameters))

    def __repr__(self) -> str:
        parameters = {
            name: MASK if name in _PASSWORDS else str(value) for name, value in conninfo_to_dict(self).items()
        }
        return f"Dsn({make_conninfo('', **parameters)!r})"


_PASSWORDS = ("password", "sslpassword")


def misread(address: str, sent: str = "") -> str:
    """What to do when libpq takes a part of a password for the host or the database; empty when it reads it well.

    `sent` is what libpq is given in place of `address`.
    """
    if not re.search(r"[@/%\s]", "".join(passwords_in(address))):
        return ""
    try:
        found = conninfo_to_dict(sent or address)
    except psycopg.ProgrammingError:
        return _ESCAPE
    port = str(found.get("port") or "")
    strange = any("@" in str(found.get(name) or "") for name in ("host", "dbname")) or re.search(r"[^\d,]", port)
    return _ESCAPE if strange else ""


_ESCAPE = "In a password write @ as %40, / as %2F, % as %25 and a blank as %20."


def without_password(words: str, address: str) -> str:
    """What the driver said about `address`, without its password and the pieces into which a parser may cut that."""
    for secret in sorted(_pieces(address), key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, words)
    return words


def _pieces(address: str) -> set[str]:
    try:
        found = conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        found = {}
    whole = {*passwords_in(address), *(str(found[name]) for name in _PASSWORDS if found.get(name))}
    whole |= {unquote(secret) for secret in whole}
    return {piece for secret in whole for piece in (secret, *re.split(r"[@/?#:&=,\s]", secret)) if piece}


def sqlalchemy_url(parameters: Mapping[str, str]) -> str:
    """The same as a URL for SQLAlchemy with psycopg 3; sockets and further options go into its query."""
    rest = {name: value for name, value in parameters.items() if name not in {"user", "password", "dbname"}}
    network = ""
    if not rest.get("host", "/").startswith("/"):
        host = rest.pop("host")
        network = f"[{host}]" if ":" in host else host
        network += f":{rest.pop('port')}" if "port" in rest else ""
    user = quote(parameters.get("user", ""), safe="")
    password = f":{quote(parameters['password'], safe='')}" if "password" in parameters else ""
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    return f"postgresql+psycopg://{user}{password}@{network}/{quote(parameters['dbname'], safe='')}{query}"
