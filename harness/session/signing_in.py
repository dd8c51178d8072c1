"""A stand-in for the sign-in provider beside `harness serve`: choose who you are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

__all__ = ["PATH", "with_sign_in"]

PATH = "/simulated-sign-in"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in (simulated)</title>
<link rel="stylesheet" href="/page/page.css">
</head>
<body>
<header class="bar"><a class="brand" href="/">Bookings</a></header>
<main id="main">
  <h1>Who are you?</h1>
  <p class="lead">This stands in for the sign-in provider. No password is asked for.</p>
  <ul class="cards">{people}</ul>
</main>
</body>
</html>
"""
PERSON = (
    '<li><a class="card" href="/#signin={token}"><span class="title">{name}</span>'
    '<span class="description">{roles}</span></a></li>'
)
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def with_sign_in(app: Wsgi, users: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, str]) -> Wsgi:
    """`app` with the stand-in's page at PATH. `users` are rows of "User", `tokens` what signs each of them in, by key."""
    people = "".join(
        PERSON.format(token=escape(tokens[key]), name=escape(str(user.get("name") or key)), roles=escape(_roles(user)))
        for key, user in users.items()
    )
    page = PAGE.format(people=people).encode()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return app(environ, start_response)
        start_response("200 OK", [*HEADERS, ("Content-Length", str(len(page)))])
        return [page]

    return answer


def _roles(user: Mapping[str, Any]) -> str:
    """`{CLIENT,BUILDER}` as a person reads it."""
    roles = user.get("roles") or ["CLIENT"]
    names = roles.strip("{}").split(",") if isinstance(roles, str) else roles
    return ", ".join(str(name).strip().capitalize() for name in names)
