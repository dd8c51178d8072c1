"""Connection strings: built in one place, and never shown with their password."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = ["Dsn", "sqlalchemy_url"]


class Dsn(str):
    """A libpq connection string; its `repr` masks the password, `str` does not, since drivers need it."""

    __slots__ = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Dsn:
        """From libpq's parameters (host, port, user, password, dbname …)."""
        return cls(make_conninfo("", **parameters))

    def __repr__(self) -> str:
        parameters = {
            name: "***" if name == "password" else str(value) for name, value in conninfo_to_dict(self).items()
        }
        return f"Dsn({make_conninfo('', **parameters)!r})"


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
