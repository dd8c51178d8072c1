"""Targets: what the steps talk to, and the schema it was made for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from harness.errors import InputError
from harness.redaction import mask_word
from harness.scenario.suggest import did_you_mean

if TYPE_CHECKING:
    from harness.booking.flow import Flow

__all__ = ["Schema", "Target", "parse_target"]

Schema = Literal["before", "after"]


class Target(Struct, frozen=True):
    """A parsed `--target`. `defects` are what differs from the reference: defects, or a correct variant. `schema` says whether the update's migration has been applied to its database."""

    name: str
    profile: Literal["reference", "legacy", "url"]
    schema: Schema
    defects: tuple[str, ...] = ()
    url: str | None = None
    start: str | None = None  # the command that serves the URL, if the harness starts it

    @property
    def observed(self) -> bool:
        """Whether database and providers are this run's, so that what happens there can be seen."""
        return self.url is None or self.start is not None

    @property
    def sections(self) -> Sequence[str]:
        """The sections of the migration history that this target's database has (see `fixtures.SECTIONS`)."""
        update = ("update",) if self.schema == "after" else ()
        return ("before", *update, "reference")

    @property
    def flow(self) -> type[Flow]:
        """The visitor's page: the reference's, or one with this target's defects.

        Here and below the catalogue of defects is imported only where there are some: it takes as long as the application.
        """
        if not self.defects:
            from harness.booking.flow import Flow

            return Flow
        from harness.defects import flow_of

        return flow_of(self.defects)

    @property
    def chosen(self) -> list[str]:
        """The options of the command line that choose it again, as a report may show them."""
        named = [] if self.name == "reference" else ["--target", self.name]
        if self.url is not None and self.schema == "before":  # of others it stands in the name
            named += ["--schema", self.schema]
        return [*named, "--start", mask_word(self.start)] if self.start else named

    @property
    def schema_key(self) -> str:
        """Differs where this target's defects make another schema of the same history."""
        if not self.defects:
            return ""
        from harness.defects import schema_key

        return schema_key(self.defects)

    def rewritten(self, path: Path, sql: str) -> str:
        """The SQL applied for a file of the migration history: its own, or what this target's defects make of it."""
        if not self.defects:
            return sql
        from harness.defects import migrated

        return migrated(self.defects, path.as_posix(), sql)


_URL_REMEDY = "Give where the application answers: http://127.0.0.1:3000"


def parse_target(text: str, schema: str | None = None, start: str | None = None) -> Target:
    """`reference`, `legacy`, `defect:ID[+ID…]`, `variant:NAME` or a URL; `schema` overrides what the target was made for.

    `start` is the command that serves the URL, over this run's database and simulators.

    Raises:
        InputError: none of these, an unknown defect, or a schema that is neither `before` nor `after`.
    """
    if schema is None and "@" in text and "//" not in text:
        text, _, schema = text.partition("@")  # as `name` has it
    if schema not in {None, "before", "after"}:
        raise InputError(f"The schema {schema!r} is neither before nor after.")
    if start is not None and not text.startswith(("http://", "https://")):
        raise InputError("--start needs --target URL: where the command will answer.")
    suffix = "" if schema is None else f"@{schema}"
    word, _, rest = text.partition(":")
    if text == "reference":
        return Target(text + suffix, "reference", _schema(schema, "after"))
    if text == "legacy":
        return Target(text + suffix, "legacy", _schema(schema, "before"))
    if word == "defect":
        return Target(text + suffix, "reference", _schema(schema, "after"), defects=_defects(rest))
    if word == "variant":
        return Target(text + suffix, "reference", _schema(schema, "after"), defects=_variant(rest))
    if word in {"http", "https"}:
        url = _url(text)
        return Target(url, "url", _schema(schema, "after"), url=url, start=start)
    known = ("reference", "legacy", "defect:ID", "variant:NAME", "https://…")
    raise InputError(f"There is no target {_shown(text)!r}.", did_you_mean(text, known, noun="targets"))


def _url(text: str) -> str:
    """`text` as the base of every path, without a slash at its end. It stands in every report, so it may hold no secret.

    Raises:
        InputError: a base URL has a host, a port from 1 to 65535, and nothing but a path after it.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        why = "" if "@" in text else f": {error}"  # it quotes a piece of what may be a password
        raise InputError(f"The target {_shown(text)!r} is no URL{why}.", _URL_REMEDY) from error
    if not parts.hostname or port == 0 or not text.isascii() or not text.isprintable() or " " in text:
        raise InputError(f"The target {_shown(text)!r} is no URL of a host.", _URL_REMEDY)
    # A password may hold what ends a host: `https://user:12/34@host` is no path on port 12 of the host `user`.
    if parts.username is not None or parts.password is not None or (parts.port and "@" in text):
        raise InputError(
            "The target's URL names a user, and a report would show it.", "Leave out what stands before the @."
        )
    if parts.query or parts.fragment:
        raise InputError(
            f"The target {_shown(text)!r} does not end with its path: a scenario's paths follow it.", _URL_REMEDY
        )
    return text.rstrip("/")


def _shown(text: str) -> str:
    """`text` without what may be a password in it, or a token."""
    return re.sub(r"[?#].*", "…", re.sub("//.*@", "//…@", text))


def _schema(wanted: str | None, default: Schema) -> Schema:
    return default if wanted is None else "after" if wanted == "after" else "before"


def _defects(text: str) -> tuple[str, ...]:
    from harness.defects import CATALOGUE

    wanted = tuple(part for part in text.split("+") if part)
    for each in wanted or ("",):
        if each not in CATALOGUE:
            raise InputError(f"There is no defect {each!r}.", did_you_mean(each, CATALOGUE, noun="defects"))
    return wanted


def _variant(name: str) -> tuple[str, ...]:
    from harness.defects import VARIANTS

    if name not in VARIANTS:
        raise InputError(f"There is no variant {name!r}.", did_you_mean(name, VARIANTS, noun="variants"))
    return (name,)
