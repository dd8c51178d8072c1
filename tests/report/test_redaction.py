"""What is secret or personal never passes the redactor, in whatever form it comes."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from harness.redaction import EMAIL_MASK, MASK, Redactor, mask_command

SECRET = "pässw\"rd'+/=hunter2-{canary}"


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.add_secret(SECRET)
    return made


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(base64.b64encode(SECRET.encode()).decode(), safe=""),
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        repr(SECRET.encode())[2:-1],
        SECRET.upper(),
        SECRET.lower(),
        unicodedata.normalize("NFD", SECRET),
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        json.dumps(json.dumps(SECRET))[3:-3],
        re.sub(r"\\\\u....", lambda found: "\\\\u" + found[0][2:].upper(), json.dumps(SECRET)[1:-1]),
        str(escape(SECRET)),
        SECRET.replace("'", "''"),
        shlex.quote(SECRET)[1:-1],
    ],
    ids=[
        "plain",
        "base64",
        "base64url",
        "hex",
        "HEX",
        "percent",
        "json",
        "json-utf8",
        "percent-of-base64",
        "html",
        "html-quotes",
        "python-bytes",
        "capitals",
        "small",
        "apart",
        "percent-small",
        "json-in-json",
        "json-of-java",
        "html-of-jinja",
        "sql",
        "shell",
    ],
)
def test_a_registered_secret_is_masked_in_every_form(redactor: Redactor, form: str) -> None:
    masked = redactor.text(f"before {form} after")
    assert form not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked


@pytest.mark.parametrize("width", [64, 76])
def test_no_line_of_a_long_secret_in_wrapped_base64_survives(width: int) -> None:
    """As PEM and MIME wrap it; `base64.encodebytes` does."""
    secret = "".join(map(chr, range(33, 123)))
    redactor = Redactor()
    redactor.add_secret(secret)
    whole = base64.b64encode(secret.encode()).decode()
    lines = [whole[at : at + width] for at in range(0, len(whole), width)]
    masked = redactor.text("\n".join(lines))
    assert not [line for line in lines if line in masked]


@pytest.mark.parametrize("lead", [b"", b"a", b"ab", b"abc", b"user:"])
def test_a_secret_inside_longer_base64_does_not_survive(redactor: Redactor, lead: bytes) -> None:
    whole = base64.b64encode(lead + SECRET.encode() + b":tail").decode()
    masked = redactor.text(whole)
    kept = masked.replace(MASK, "")
    assert MASK in masked
    assert len(kept) <= 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authorization: basic letters", f"authorization: basic {MASK}"),
        ("a bearer abcdefghijklmnopqrst it is", f"a bearer {MASK} it is"),
        ("Authorization: Bearer abc.def-123456", f"Authorization: Bearer {MASK}"),
        ("basic dXNlcjpwYXNzd29yZA==", f"basic {MASK}"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", f"token {MASK}"),
        ("key sk_test_4eC39HqLyjWDarjtT1zdp7dc", f"key {MASK}"),
        ("whsec_abcdef123456", MASK),
        ("postgresql://booking:hunter2@db:5432/x", f"postgresql://booking:{MASK}@db:5432/x"),
        ("at postgresql://sec:p/s?s#@ss@db/x now", f"at postgresql://sec:{MASK}@db/x now"),
        ("at postgresql://db:5/x?password=s@ss now", f"at postgresql://db:5/x?password={MASK} now"),
        ("host=db password=hunter2 user=u", f"host=db password={MASK} user=u"),
        ("host=db password='hun ter2' user=u", f"host=db password={MASK} user=u"),
        ("Server=db;Password=hunter2;User=u", f"Server=db;Password={MASK};User=u"),
        ("ALTER ROLE u PASSWORD 'hun''ter2'", f"ALTER ROLE u PASSWORD '{MASK}'"),
        ("OPTIONS (user 'u', password E'hunter2')", f"OPTIONS (user 'u', password '{MASK}')"),
        ("write to sam@example.test now", f"write to {EMAIL_MASK} now"),
        ("?email=sam%40example.test&x=1", f"?email={EMAIL_MASK}&x=1"),
        ("https://sam%40example.test@proxy.test/", f"https://{EMAIL_MASK}@proxy.test/"),
        ("sam@example.test+ada@example.test", f"{EMAIL_MASK}{EMAIL_MASK}"),
        ("@example.test@example.test", f"@{EMAIL_MASK}"),
        ("söm.ü@exämple.test,ada@b.c.test.", f"{EMAIL_MASK},{EMAIL_MASK}."),
    ],
)
def test_credentials_and_personal_data_are_masked_by_their_shape(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a plain sentence",
        "https://api.calendly.com/scheduled_events/1",
        "expected Bearer of news",
        "skip_me",
        "Booking @ 10:00",
        "@example.test",
        "sam@localhost",
        "beyJabcdef.ghi.jkl",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize("password", ["p#ss-TAIL", "p/ss-TAIL", "p@ss-TAIL", "p'ss-TAIL", 'p"ss-TAIL', "p ss-TAIL"])
@pytest.mark.parametrize("words", [["--database", "{}"], ["--database={}"]])
def test_a_recorded_command_holds_no_piece_of_a_password(words: list[str], password: str) -> None:
    said = mask_command(["harness", "run", *(word.format(f"postgresql://sec:{password}@host/db") for word in words)])
    assert "TAIL" not in said
    assert f"postgresql://sec:{MASK}@host/db" in said


@pytest.mark.parametrize(
    "words",
    [
        "env STRIPE_KEY=TAIL npm start", "serve --token TAIL", "serve '--db-password=TAIL'", "API_TOKEN='TAIL' x", "API_TOKEN='a TAIL' x",
        """PASSWORD="it's TAIL" x""", "serve --token 'a TAIL'", r"serve --token a\ TAIL", "API_TOKEN='a'TAIL", "API_TOKEN='a TAIL", "host=h password='a TAIL'",
    ],
)  # fmt: skip
def test_a_command_within_a_command_holds_no_secret_that_its_names_tell(words: str) -> None:
    said = mask_command(["harness", "run", "--start", words])
    assert "TAIL" not in said
    assert MASK in said


@pytest.mark.parametrize("words", ["npm start -- --port 3000", "-k token of a visitor", "PORT=3000 MONKEY=x key"])
def test_a_command_without_secrets_stays(words: str) -> None:
    assert mask_command([words]) == shlex.join([words])


def test_headers_that_carry_credentials_lose_their_value() -> None:
    headers = {"Authorization": "Bearer x", "Calendly-Webhook-Signature": "t=1,v1=ab", "Cookie": "a=b", "Accept": "*/*"}
    assert Redactor().headers(headers) == {
        "Authorization": MASK,
        "Calendly-Webhook-Signature": MASK,
        "Cookie": MASK,
        "Accept": "*/*",
    }


def test_json_is_masked_by_key_and_by_value(redactor: Redactor) -> None:
    value = {
        "clientEmail": "sam@example.test",
        "token": "whatever",
        "list": [SECRET, 1, None, True],
        "n": {"password": "x"},
    }
    assert redactor.json(value) == {
        "clientEmail": EMAIL_MASK,
        "token": MASK,
        "list": [MASK, 1, None, True],
        "n": {"password": MASK},
    }


def test_a_body_without_secrets_keeps_its_formatting() -> None:
    body = '{\n  "amount": 45.00\n}'
    assert Redactor().body(body) == body
    assert Redactor().body("[broken sam@example.test") == f"[broken {EMAIL_MASK}"


def test_a_secret_registered_later_is_masked_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.text("late-secret") == "late-secret"
    redactor.add_secret("late-secret")
    assert redactor.text("late-secret") == MASK


def test_a_short_secret_is_masked_as_it_stands_alone_and_of_a_key_each_line(redactor: Redactor) -> None:
    redactor.add_secret("Friday")
    redactor.add_secret("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\n  Zk9vYmFyYmF6\n-----END KEY-----")
    assert redactor.text("Friday, friday, FRIDAY") == f"{MASK}, friday, FRIDAY"
    assert redactor.text("line 2: MIIEowIBAAKCAQEA and Zk9vYmFyYmF6") == f"line 2: {MASK} and {MASK}"


def test_too_short_a_secret_is_refused_rather_than_masking_everything() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        Redactor().add_secret("abc")


def test_what_is_left_of_a_token_that_a_message_cuts_is_masked_too() -> None:
    head, claims, signature = "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJ1c2VyX2NsaWVudCJ9", "c2lnbmF0dXJl"
    whole, redactor = f"{head}.{claims}.{signature}", Redactor()

    for length in range(8, len(whole) + 1):
        assert redactor.text(f'got "{whole[:length]} …') == f'got "{MASK} …'
    assert redactor.text(f"got {whole[:40]} and more") == f"got {whole[:40]} and more"  # not a token, and not cut


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("got {head}...", "got ***..."),
        ("JSON data, line 1: ...{tail} and more", "JSON data, line 1: ...*** and more"),
        ("…{tail}", "…***"),
        ("… {tail}\n", "… ***\n"),
        ("...{middle}...", "...***..."),
        ("a…{tail}, {head}… b…{tail}", "a…***, ***… b…***"),
        ("{head}.... {tail}", "***.... {tail}"),
        ("wait ... for {tail} ... {head} and …", "wait ... for {tail} ... {head} and …"),
        ("...short", "...short"),
    ],
)  # fmt: skip
def test_what_is_left_of_a_secret_is_masked_on_either_side_of_a_cut(text: str, masked: str) -> None:
    redactor = Redactor()
    redactor.add_secret("door-7f3a9c1e5b-code")
    parts = {"head": "door-7f3a9", "tail": "1e5b-code", "middle": "7f3a9c"}
    assert redactor.text(text.format(**parts)) == masked.format(**parts)


def test_a_secret_is_masked_as_a_literal_of_postgresql_and_that_in_json() -> None:
    redactor, literal = Redactor(), r"""E'it''s "q" \\back é'"""
    redactor.add_secret(r"""it's "q" \back é""")
    for said in (literal, json.dumps(literal)[1:-1], json.dumps(literal, ensure_ascii=False)[1:-1]):
        assert redactor.text(said) == f"E'{MASK}'"


def test_what_is_left_of_a_secret_that_a_message_cuts_is_masked_too(redactor: Redactor) -> None:
    for length in range(6, len(SECRET)):
        assert redactor.text(f"got {SECRET[:length]} …  7:39") == f"got {MASK} …  7:39"
    assert redactor.text("from sam@exam …") == f"from {EMAIL_MASK} …"
    assert redactor.text("got a long text …") == "got a long text …"


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    redactor = Redactor()
    redactor.add_secret("hunter2")
    redactor.add_secret("hunter2-and-more")
    assert redactor.text("hunter2-and-more") == MASK


@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_any_text_around_it(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.add_secret(secret)
    masked = redactor.text(f"{before}{secret}{after}")
    assert secret not in masked or secret in before + MASK + after or MASK in secret


def test_masking_twice_changes_nothing(redactor: Redactor) -> None:
    once = redactor.text(f"Bearer {SECRET} sam@example.test postgresql://u:{quote(SECRET)}@h/d")
    assert redactor.text(once) == once


def test_a_text_that_was_clean_before_a_secret_was_named_is_masked_after() -> None:
    redactor = Redactor()
    words = "the word is swordfish"
    assert redactor.text(words) == redactor.body(words) == words
    redactor.add_secret("swordfish")
    assert redactor.text(words) == redactor.body(words) == f"the word is {MASK}"


def test_what_is_remembered_of_masked_texts_is_bounded(redactor: Redactor) -> None:
    import tracemalloc

    long = f"{'x' * 1000} {SECRET} "
    tracemalloc.start()
    try:
        for number in range(10_000):
            masked = redactor.text(f"{long}{number}")
            assert masked.endswith(f"{MASK} {number}")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 * 1024 * 1024


@pytest.mark.parametrize("escape", ["Zq\\/7 key", "Zq/7 key", "Zq%2F7%20key"])
def test_a_secret_with_a_slash_is_masked_where_json_escapes_it_too(escape: str) -> None:
    redactor = Redactor()
    redactor.add_secret("Zq/7 key")
    assert redactor.text(f'{{"note": "{escape}"}}') == '{"note": "***"}'
    assert redactor.body(f'{{"note": "{escape}"}}').count("***") == 1
