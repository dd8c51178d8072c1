"""Secrets and personal data masked where they are captured, so that nothing behind that point ever holds them.

Masked: every registered secret and what derives from it (base64 and its URL-safe form at any alignment, hex,
percent-encoded, escaped as in JSON, HTML or Python, a long one in other case of letters too); bearer and basic credentials; JSON Web Tokens; signing keys and API keys by their
prefix; passwords in URLs and connection strings; e-mail addresses.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, quote_plus

from harness.jsontext import parse

__all__ = [
    "EMAIL_MASK",
    "MASK",
    "SHORTEST_SECRET",
    "Redactor",
    "mask_address",
    "mask_command",
    "mask_word",
    "passwords_in",
]

MASK = "***"
EMAIL_MASK = "***@***"

_SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "stripe-signature",
        "calendly-webhook-signature",
    }
)
_SECRET_KEYS = re.compile(
    r"(?i)^(?:.*[_.-])?(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|signing[_-]?key|token[_-]?key|private[_-]?key|authorization|client[_-]?secret)$"
)
_SECRET_KEY_WORDS = ("pass", "secret", "token", "key", "authorization")  # every key that _SECRET_KEYS takes has one
SHORTEST_SECRET = 4
"""Characters of the shortest secret that can be masked: a shorter one would mask half the report."""
_LONG_ENOUGH = 8
"""Characters of a secret that no word is by chance, in whatever case of letters."""
_CUTS = ("…", "...")  # where a message was cut: the harness writes the one, PostgreSQL and many products the other
_CUT = re.compile("(" + "|".join(map(re.escape, _CUTS)) + ")")
_HEAD = 6  # characters of a secret that are a leak
_SIGN = 10  # characters of a secret that are looked for first: keys of one kind begin alike
_REMEMBERED = 1_000_000  # characters of texts whose masked form is remembered: headers, titles, paths, pages come again

# Each shape is looked for only in a text that holds one of its hints. Runs of letters are possessive (`++`) and begin
# where the run begins, so that a body of a megabyte costs one pass, however its words are made.
_CREDENTIALS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # a JSON Web Token; of one that was cut, what is left: its claims need no signature to be read
    (("eyJ",), re.compile(r"eyJ(?<!\weyJ)[\w-]{5,}(?:\.[\w-]+\.[\w-]*|(?:\.[\w-]*)?(?=\s?…))"), MASK),
    (
        ("earer", "asic", "EARER", "ASIC"),
        # A plain word of up to 15 letters, unless after `Authorization:`, is prose: a basic description, a bearer token.
        re.compile(
            r"""((?i:authorization)["']?\s*[:=]\s*["']?(?i:bearer|basic)\s+|\b(?i:bearer|basic)\s+"""
            r"""(?![A-Za-z][a-z]{5,14}\.?(?![\w~+/=-])))(?!\*)[\w.~+/=-]{6,}"""
        ),
        rf"\1{MASK}",
    ),
    (("sk_", "rk_", "pk_", "whsec_"), re.compile(r"\b(?:sk|rk|pk|whsec)_(?:test_|live_)?[A-Za-z0-9]{6,}"), MASK),
    (
        ("assword", "ASSWORD"),
        re.compile(r"""((?i:\b(?:ssl)?password)\s*=\s*)(?!\*)(?:'(?:[^'\\]|\\.)*'|[^\s'"&;]+)"""),
        rf"\1{MASK}",
    ),
    (  # of SQL: of a role, of a user mapping
        ("assword", "ASSWORD"),
        re.compile(r"""((?i:\bpassword)\s+)E?'(?!\*\*\*')(?:[^']|'')+'"""),
        rf"\1'{MASK}'",
    ),
    (  # of a database up to the last `@`: passwords hold `/`, `?`, `#` and `@` that nobody escaped
        ("postgres",),
        re.compile(r"""(\bpostgres(?:ql)?(?:\+\w+)?://[^\s:/"']{0,200}+:)[^\s"']{1,999}(?=@)"""),
        rf"\1{MASK}",
    ),
    (("@",), re.compile(r"""(://[^\s:/@"']*+:)[^\s@/"']++(?=@)"""), rf"\1{MASK}"),
)
# E-mail addresses, also one cut short, are looked for by their sign, and the name is what stands before it: most texts
# that hold one are long, and a search for a fixed text skips what lies between.
_HOST = r"(?:[\w.-]*(?=\s?…)|(?:[\w-]+\.)+[A-Za-z]{2,}\b)"
_AT_HOST, _ANY_AT_HOST = re.compile("@" + _HOST), re.compile("(?:@|%40)" + _HOST)
_EMAIL_NAME = re.compile(r"[\w.+-]++")

_HINTS = ("@", "%40", *(hint for hints, _, _ in _CREDENTIALS for hint in hints if hint != "@"))
"""A text that holds none of these, and nothing registered, has nothing to mask."""

# An address on its own: after the user's colon everything up to the last `@` is the password, whatever a parser makes
# of it (libpq reads `sec:p/ss@host` as the host `sec`). In a query a `&` without a name after it belongs to the value.
_ADDRESS = re.compile(r"//[^:]*+:(?P<password>.*)(?=@)", re.DOTALL)
_QUERY_PASSWORD = re.compile(r"[?&](?:ssl)?password=(?P<password>(?:(?!&\w+=).)+)", re.DOTALL | re.IGNORECASE)

# What a command line gives to a variable or an option whose name says that it is secret.
_ASSIGNED = re.compile(
    r"""((?<![\w-])(?:[\w-]*(?:pass(?:word|wd|phrase)?|secret|token|[_-]key)=|--?[\w-]*(?:pass(?:word|wd|phrase)?|secret|token|[_-]key)\s+))"""
    r"""(?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?:[^\s"'\\]|\\.)+)+|["'].+)""",  # in quotes, with spaces, is one value too
    re.IGNORECASE | re.DOTALL,
)


class Redactor:
    """Masks text, headers and JSON values. Cheap: the registered secrets are one compiled alternation."""

    def __init__(self, *, personal_data: bool = True) -> None:
        """With `personal_data=False` e-mail addresses stay (for a report that never leaves the machine)."""
        self._personal_data = personal_data
        self._forms: set[str] = set()
        self._compiled: re.Pattern[str] | None = None
        self._signs: tuple[str, ...] = ()
        self._telling = _HINTS
        self._heads: set[str] = set()
        self._tails: set[str] = set()
        self._longest_piece = 0
        self._texts = _Remembered(self._text)
        self._bodies = _Remembered(self._body)

    def add_secret(self, value: str) -> None:
        """Mask `value` and what derives from it from now on. ValueError when it has less than four characters."""
        if len(value) < SHORTEST_SECRET:
            raise ValueError(
                f"A secret of {len(value)} characters cannot be masked; at least {SHORTEST_SECRET} are needed."
            )
        self._forms |= _derived(value)
        self._signs = _least({form[:_SIGN] for form in self._forms})
        self._telling = (*_HINTS, *self._signs, *_CUTS)
        self._compiled = None
        self._heads = set()
        self._texts.forget()
        self._bodies.forget()

    def text(self, text: str) -> str:
        """`text` with everything secret or personal masked."""
        return self._texts.masked(text)

    def _text(self, text: str) -> str:
        if not any(map(text.__contains__, self._telling)):  # on clean text, nearly all of it, this beats the patterns
            return text
        if any(map(text.__contains__, self._signs)):
            text = self._secrets().sub(MASK, text)
        if self._forms and any(map(text.__contains__, _CUTS)):
            text = self._cut_short(text)
        for hints, pattern, mask in _CREDENTIALS:
            if any(map(text.__contains__, hints)):
                text = pattern.sub(mask, text)
        if self._personal_data:
            if "%40" in text:
                text = _without_addresses(text, _ANY_AT_HOST)
            elif "@" in text:
                text = _without_addresses(text, _AT_HOST)
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """`headers` masked; those that carry credentials or signatures lose their whole value."""
        return {name: MASK if name.lower() in _SECRET_HEADERS else self.text(value) for name, value in headers.items()}

    def json(self, value: object) -> object:
        """A JSON value masked: texts, keys, and the whole value under a key such as `password` or `token`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._under(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        return value

    def body(self, text: str) -> str:
        """A body: masked as JSON where it is JSON (formatting is kept when nothing had to be masked), else as text."""
        return self._bodies.masked(text)

    def _body(self, text: str) -> str:
        if text[:1] in ("{", "[") and any(map(text.lower().__contains__, _SECRET_KEY_WORDS)):
            try:
                value = parse(text)
            except ValueError:
                return self._text(text)
            masked = self.json(value)
            if masked == value:
                return text
            return self._text(json.dumps(masked, ensure_ascii=False))
        return self._text(text)

    def _under(self, key: str, value: object) -> object:
        if isinstance(value, str) and value and _SECRET_KEYS.match(key):
            return MASK
        return self.json(value)

    def _cut_short(self, text: str) -> str:
        """`text`, cut somewhere, perhaps in the middle of a secret: what is left of the secret is masked too."""
        if not self._heads:
            self._heads = {form[:length] for form in self._forms for length in range(_HEAD, len(form))}
            self._tails = {form[-length:] for form in self._forms for length in range(_HEAD, len(form))}
            self._longest_piece = max(map(len, self._heads), default=0)
        first, *rest = _CUT.split(text)
        kept = [self._headless(first) if rest else first]
        for cut, piece in zip(rest[::2], rest[1::2], strict=True):
            kept += (cut, self._left_of_a_secret(piece, last=len(kept) + 1 == len(rest)))
        return "".join(kept)

    def _left_of_a_secret(self, piece: str, *, last: bool) -> str:
        """What follows a cut; if it is not the last piece, before another."""
        bare = piece.strip()
        if not last and len(bare) >= _HEAD and any(bare in form for form in self._forms):
            return piece.replace(bare, MASK)
        without = self._tailless(piece)
        return without if last else self._headless(without)

    def _headless(self, text: str) -> str:
        bare = text.rstrip()
        for length in range(min(len(bare), self._longest_piece), _HEAD - 1, -1):
            if bare[-length:] in self._heads:
                return bare[:-length] + MASK + text[len(bare) :]
        return text

    def _tailless(self, text: str) -> str:
        bare = text.lstrip()
        for length in range(min(len(bare), self._longest_piece), _HEAD - 1, -1):
            if bare[:length] in self._tails:
                return text[: len(text) - len(bare)] + MASK + bare[length:]
        return text

    def _secrets(self) -> re.Pattern[str]:
        if self._compiled is None:
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._compiled = re.compile("|".join(map(re.escape, longest_first)))
        return self._compiled


def _without_addresses(text: str, host: re.Pattern[str]) -> str:
    """`text` with its e-mail addresses masked; `host` finds the sign of one and what follows it."""
    kept: list[str] = []
    done = searched = 0
    for found in host.finditer(text):
        name = _EMAIL_NAME.match(text[searched : found.start()][::-1])
        if name is None:
            searched = found.start() + 1  # the host may be the name of the next
            continue
        kept += (text[done : found.start() - name.end()], EMAIL_MASK)
        done = searched = found.end()
    return "".join([*kept, text[done:]])


def mask_address(address: str) -> str:
    """`address` of a database or another URL as it may be shown: no password, however it is written, is left in it."""
    hidden = {index for match in _passwords(address) for index in range(*match.span("password"))}
    marked = "".join("\0" if index in hidden else character for index, character in enumerate(address))
    return re.sub("\0+", MASK, marked)


def passwords_in(address: str) -> list[str]:
    """What `mask_address` takes out of `address`, as it is written there."""
    return [match["password"] for match in _passwords(address)]


def _passwords(address: str) -> list[re.Match[str]]:
    return [match for pattern in (_ADDRESS, _QUERY_PASSWORD) for match in pattern.finditer(address)]


def mask_command(words: Iterable[str]) -> str:
    """A command line as it may be recorded: word by word, since quotes of the shell would hide where an address ends."""
    return shlex.join(map(mask_word, words))


def mask_word(word: str) -> str:
    """One word of a command line as it may be shown; it may be a command line itself, as that of `--start`."""
    return Redactor().text(_ASSIGNED.sub(rf"\1{MASK}", mask_address(word)))


def _derived(value: str) -> set[str]:
    """The forms in which `value` may appear in a report."""
    raw = value.encode("utf-8", "surrogatepass")
    forms = {value, quote(value, safe=""), quote(value), quote_plus(value), raw.hex(), raw.hex().upper()}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    escaped |= {_UNICODE.sub(lambda found: found[0][:2] + found[0][2:].upper(), form) for form in escaped}  # Java's
    # In a text within a text: JSON in JSON, JSON in Python's repr.
    escaped |= {json.dumps(form)[1:-1] for form in escaped} | {form.replace("\\", "\\\\") for form in escaped}
    # As others write it: HTML, Python's repr, a name in capitals; lines of a key that has several; letters with accents apart.
    forms |= {html.escape(value), html.escape(value, quote=False), repr(value)[1:-1], repr(raw)[2:-1]}
    forms |= {html.escape(value).replace("&#x27;", apostrophe) for apostrophe in ("&#39;", "&#039;")}
    forms |= {html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}  # Jinja's
    if "'" in value:
        forms |= {value.replace("'", "''"), shlex.quote(value)[1:-1]}  # within quotes of SQL, of a shell
    literal = value.replace("\\", "\\\\").replace("'", "''")  # within E'…' of PostgreSQL; in JSON
    forms |= {literal, json.dumps(literal)[1:-1], json.dumps(literal, ensure_ascii=False)[1:-1]}
    forms |= {unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}
    lines = [line.strip() for line in value.splitlines()]
    forms |= {line for line in lines if len(lines) > 1 and len(line) >= _LONG_ENOUGH}
    if len(value) >= _LONG_ENOUGH:
        forms |= {value.upper(), value.lower()}
    forms |= escaped | {form.replace("/", "\\/") for form in escaped}  # RFC 8259 section 7 allows both; PHP escapes it
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= _base64_forms(raw, encode)
    forms |= {quote(form, safe="") for form in set(forms)}
    forms |= {_PERCENT.sub(lambda found: found[0].lower(), form) for form in forms if "%" in form}  # .NET's
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_WRAPPED = (64, 76)  # characters of a line of base64, in PEM and in MIME


class _Remembered:
    """What `mask` gives, remembered for as many texts as have room."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self.forget()

    def forget(self) -> None:
        self._found: dict[str, str] = {}
        self._room = _REMEMBERED

    def masked(self, text: str) -> str:
        found = self._found.get(text)
        if found is None:
            found = self._mask(text)
            self._room -= len(text) + 1
            if self._room < 0:
                self.forget()
            else:
                self._found[text] = found
        return found


def _least(forms: set[str]) -> tuple[str, ...]:
    """Those of `forms` that hold no other of them: where none of these is, none of all is."""
    return tuple(sorted(form for form in forms if not any(other in form for other in forms if other != form)))


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> set[str]:
    """`raw` in base64 on its own, and the characters that are certain wherever it stands inside something longer."""
    alone = encode(raw).decode("ascii")
    forms = {alone, alone.rstrip("=")}
    for width in _WRAPPED:
        lines = [alone[at : at + width] for at in range(0, len(alone), width)]
        forms |= {line for line in lines if len(lines) > 1 and len(line) >= _LONG_ENOUGH}
    for lead in range(3):
        whole = encode(bytes(lead) + raw).decode("ascii").rstrip("=")
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        certain = whole[first:last]
        if len(certain) >= 8:
            forms.add(certain)
    return forms
