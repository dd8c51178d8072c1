"""A canary in each place where a secret can stand, and none of them in anything that a run leaves behind."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.postgres import open_server
from harness.scenario.credentials import SECRETS
from tests.support.commands import Finished, harness

CANARIES: Mapping[str, str] = {
    "bearer token": "canary-bearer-7f3a9c1e5b",
    "token of an argument": "canary-argument-2b8d4f6a0c",
    "password of the database": "canary-database-9e1c3a5d7f",
    "local part of an e-mail address": "canary.invitee.4d6e8f0a",
    "named by given": 'canary "given" / 6c8e0a2b4d + ü',
    "given of another scenario": "canary-elsewhere-1f3e5d7c9b",
}

SUITE = f"""
feature: Canaries
use: [printing.py]
given:
  catalog: production
  visitor: anonymous
  secrets: {{door: {json.dumps(CANARIES["named by given"], ensure_ascii=False)}}}
scenarios:
  - scenario: A secret travels everywhere, and the scenario passes
    when:
      - select_session: intro-call
      - schedule: {{at: "2030-03-06T10:00Z", invitee: {{name: $secrets.door, email: {CANARIES["local part of an e-mail address"]}@example.test}}}}
        as: event
      - create: {{}}
        as: booking
      - sql: {{run: 'UPDATE "Booking" SET "description" = %(it)s WHERE id = %(id)s', params: {{it: "code $secrets.door", id: $booking.id}}}}
      - sql:
          run: UPDATE "Booking" SET "title" = encode(convert_to(%(it)s, 'UTF8'), 'base64'), "calendlyEventUri" = %(uri)s
          params: {{it: "a$secrets.door", uri: $event.event_uri}}
      - http:
          POST: /api/scheduling/bookings/create?code=$secrets.door
          token: {CANARIES["token of an argument"]}
          headers: {{X-Door: $secrets.door, User-Agent: "Bearer {CANARIES["bearer token"]}"}}
          body: {{note: $secrets.door, deep: [{{x: $secrets.door}}]}}
        expect: <one of 400|401>
      - http:
          GET: /api/nowhere/$secrets.door
          headers: {{Authorization: "Bearer {CANARIES["bearer token"]}"}}
        expect: 404
      - deliver: invitee.created
    then:
      - rows: {{Booking: [{{description: "code $secrets.door"}}]}}
  - scenario: Its failure is told
    when:
      - select_session: intro-call
      - schedule: {{at: "2030-03-06T10:00Z", invitee: {{name: $secrets.door, email: {CANARIES["local part of an e-mail address"]}@example.test}}}}
      - create: {{}}
        as: booking
      - sql: {{run: 'UPDATE "Booking" SET "description" = %(it)s', params: {{it: "{"x" * 180}${{secrets.door}}{"x" * 80}"}}}}
    then:
      - rows: {{Booking: [{{id: $booking.id, description: "not $secrets.door", stateData: {{contact: {{email: $secrets.door}}}}}}]}}
  - scenario: What another scenario calls secret is masked here too
    given: {{secrets: {{other: {CANARIES["given of another scenario"]}}}}}
    when: [{{http: {{GET: "/api/nowhere?x=$secrets.other"}}, expect: 200}}]
  - scenario: The database refuses it, and says so
    when: [{{sql: {{run: "SELECT CAST(%(it)s AS integer)", params: {{it: $secrets.door}}}}}}]
    then: [{{changed: none}}]
  - scenario: A verb of one's own prints it, in every way
    when: [{{speak: $secrets.door}}, {{parallel: [[{{speak: $secrets.door}}], [{{speak: $secrets.door}}]]}}]
    then: [{{changed: none}}]
  - scenario: A program that a verb of one's own started prints it, when the verb has ended
    when: [{{leave: $secrets.door}}, {{http: {{GET: /api/nowhere}}, expect: 404}}, {{await: all}}]
    then: [{{changed: none}}]
  - scenario: A verb of one's own raises it, in capitals
    when: [{{shout: $secrets.door}}]
    then: [{{changed: none}}]
"""

PRINTING = '''
import logging, subprocess, sys
from dataclasses import dataclass
from harness.scenario.registry import verb

@dataclass(frozen=True)
class Args:
    what: str

left = []

@verb("speak", shorthand="what", kind="low")
def speak(world, args: Args):
    """Say it everywhere."""
    half = len(args.what) // 2
    print("spoken: ", end="")
    print(args.what[:half], end="")
    print(args.what[half:])
    sys.stderr.writelines([f"written: {args.what}\\n", "begun: " + args.what])
    sys.stdout.buffer.write(args.what.encode() + b"\\n")
    logging.getLogger("of.its.own").warning("logged: %s", args.what)
    subprocess.run(["sh", "-c", 'echo "shelled: $1"; printf "asked: %s" "$1" >&2', "sh", args.what], check=True)

@verb("leave", shorthand="what", kind="low")
def leave(world, args: Args):
    """Start what outlives it, and give it to whoever waits for it."""
    left.append(subprocess.Popen(["sh", "-c", 'sleep 0.1; echo "outlived: $1"; exec true', "sh", args.what]))

@verb("await", shorthand="what", kind="low")
def wait(world, args: Args):
    """Wait for it."""
    assert [each.wait() for each in left] == [0]

@verb("shout", shorthand="what", kind="low")
def shout(world, args: Args):
    """Fail with it."""
    raise RuntimeError(args.what.upper())
'''


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Finished, Path]]:
    """The suite, run on a server that asks for a password."""
    place = tmp_path_factory.mktemp("canaries")
    (place / "canaries.yaml").write_text(SUITE, encoding="utf-8")
    (place / "printing.py").write_text(PRINTING, encoding="utf-8")
    with open_server("embedded") as server:
        password = CANARIES["password of the database"]
        server.admin(f"CREATE ROLE owner LOGIN SUPERUSER PASSWORD '{password}'")
        host = quote(str(server._parameters["host"]), safe="")
        done = harness(
            "run", str(place / "canaries.yaml"), "--database", f"postgresql://owner:{password}@/postgres?host={host}",
            "--report", str(place / "r"), "--seed", "3", "--github", "-v",
        )  # fmt: skip
        yield done, place / "r"


def test_the_run_did_what_the_canaries_need(ran: tuple[Finished, Path]) -> None:
    done, _ = ran
    assert "3 passed, 2 failed, 2 error" in done.out, done
    said = {"out": ["spoken", "shelled"], "err": ["written", "logged", "asked"]}
    for stream, words in said.items():
        assert [getattr(done, stream).count(f"{word}: ***") for word in words] == [3] * len(words), done
    assert "outlived: ***" in done.out
    assert "::error file=" in done.out
    assert "***" in done.out


def test_no_canary_is_in_anything_the_run_left(ran: tuple[Finished, Path]) -> None:
    done, reports = ran
    places = {"standard output": done.out, "standard error": done.err, **texts(reports)}
    assert "Its failure is told" in places[next(name for name in places if name.endswith("report.html"))]
    assert {Path(name).suffix for name in places} >= {".parquet", ".jsonl", ".json", ".xml", ".html"}
    found = [
        f"{what} as {form} in {place}"
        for what, value in {**CANARIES, **{f"key {number}": key for number, key in enumerate(SECRETS)}}.items()
        for form, pattern in forms(value).items()
        for place, text in places.items()
        if pattern in text
    ]
    assert not found
    tokens = [place for place, text in places.items() if re.search(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", text)]
    assert not tokens, "a visitor's token"


@pytest.mark.parametrize("value", [*CANARIES.values(), *SECRETS])
def test_the_search_would_find_a_canary_in_each_form(value: str) -> None:
    assert forms(value)["plain"] in f"before {value} after"
    for lead in range(3):
        inside = base64.b64encode(b"x" * lead + value.encode() + b"tail").decode()
        assert any(pattern in inside for name, pattern in forms(value).items() if name.startswith("base64")), lead
    assert forms(value)["percent"] in quote(f"code {value}", safe="")


def forms(value: str) -> dict[str, str]:
    """How a value may hide in a text. In base64 it reads differently at each of three alignments."""
    raw = value.encode()
    found = {"plain": value, "percent": quote(value, safe=""), "path": quote(value), "hex": raw.hex()}
    found |= {"capitals": value.upper()}
    found |= {"json": json.dumps(value)[1:-1], "json, utf-8": json.dumps(value, ensure_ascii=False)[1:-1]}
    found["xml"] = value.replace("&", "&amp;").replace('"', "&quot;")
    found["beginning"] = value[:14]
    for lead in range(3):
        whole = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        certain = whole[-(-lead * 8 // 6) : (lead + len(raw)) * 8 // 6]
        found |= {f"base64 {lead}": certain, f"base64url {lead}": certain.replace("+", "-").replace("/", "_")}
    return found


def texts(reports: Path) -> dict[str, str]:
    """Every file of the report as text; what is packed (Parquet, the data in the page) is unpacked."""
    found = {}
    for path in sorted(reports.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        text = content.decode("utf-8", "replace")
        if path.suffix == ".parquet":
            text += parquet_text(path)
        for packed in re.findall(r"H4sI[A-Za-z0-9+/=]{40,}", text):
            text += zlib.decompress(base64.b64decode(packed), 31).decode("utf-8", "replace")
        found[str(path.relative_to(reports))] = text
    return found


def parquet_text(path: Path) -> str:
    import pyarrow.parquet

    return "\n".join(str(value) for column in pyarrow.parquet.read_table(path).to_pydict().values() for value in column)
