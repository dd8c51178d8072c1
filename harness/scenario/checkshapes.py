"""The kinds of checks and the shape of each: what may be written under `then`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import Problem
from harness.scenario.possible import amounts, statuses
from harness.scenario.providing import known_call, known_event, known_message, known_path, known_request
from harness.scenario.shapes import Choice, Free, Kind, Reader, Shape
from harness.scenario.structures import AnyKeys, Either, Field, Items, Keys
from harness.scenario.tableshapes import Columns, PerTable
from harness.scenario.values import Literal, MapPattern, Pattern
from harness.scenario.yamltree import MapNode, Node

__all__ = ["CHECK_SHAPES", "LOG_LEVELS", "PROVIDERS", "CheckShape"]

PROVIDERS = ("calendly", "stripe")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
FATES = ("delivered", "refused", "lost", "timeout", "held")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
ANY = Free()


class CheckShape(Struct, frozen=True):
    """How a kind of check is written."""

    shape: Shape
    summary: str
    example: str


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("")
    return value


def _status(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 100 <= value <= 599:
        raise ValueError("")
    return value


def _event(value: Any) -> str:
    return known_event(_text(value))


def _event_itself(value: Any) -> str:
    return known_event(_text(value), globs=False)


def _call(value: Any) -> str:
    return known_call(_text(value))


def _path(value: Any) -> str:
    return known_path(_text(value))


AMOUNT = Kind(
    "a number such as 1 or <gte 1>", _amount, {"type": "integer", "minimum": 0}, comparing=True, values=amounts
)
HELD = replace(AMOUNT, to_fail=True)
TEXT = Kind("text", _text, {"type": "string"})
STATUS = Kind(
    "a status such as 200 or <one of 502|503>",
    _status,
    {"type": "integer", "minimum": 100, "maximum": 599},
    comparing=True,
    values=statuses,
)
CAME = Either((Choice((None,)), STATUS), words="a status such as 200, or null where no answer came")
EVENT = Kind("the name of a webhook, globs allowed", _event, {"type": "string"}, comparing=True)
EVENT_ITSELF = Kind("the name of a webhook", _event_itself, {"type": "string"}, comparing=True)
ASKED = Kind("METHOD /path, globs allowed", _call, {"type": "string"})
PATH = Kind("a path of Calendly or Stripe", _path, {"type": "string"}, comparing=True)
NONE = Choice(("none",))


def _many(item: Shape, noun: str, amount: Kind = HELD) -> Either:
    """`none`, an amount, a list (these and no others), or quantifiers."""
    each = Either((item,), Items(item, checking=True), item, f"{item.expected}; or a list of such")
    fields = {
        "where": Field(item, "look only at those that match"),
        "count": Field(amount, "how many there are"),
        "some": Field(each, "at least one matches (of a list: each is matched by one of its own)"),
        "none": Field(each, "none matches"),
        "every": Field(item, "each matches, and there is at least one"),
        "only": Field(Items(item), "these in any order, and no others"),
    }
    words = f"none, a number, a list, or a map with {', '.join(fields)}"
    needs = tuple(key for key in fields if key != "where")
    return Either((NONE, amount), Items(item), Keys(fields, noun, needs=needs), words)


def _rows(table: str) -> Shape:
    return _many(Columns(table), f"rows of {table}")


def _changes(table: str) -> Shape:
    added = _many(Columns(table), f"rows of {table}", AMOUNT)  # any amount allows: what is not named may not change
    updated = _many(Columns(table, changes=True), f"rows of {table}", AMOUNT)
    fields = {
        "added": Field(added, "rows inserted: a list (these and no others), how many, or quantifiers"),
        "updated": Field(updated, "rows updated: columns to find and compare them by; a changed cell is {from, to}"),
        "removed": Field(added, "rows deleted: a list (these and no others), how many, or quantifiers"),
    }
    return Either((NONE, Choice(("any",))), None, Keys(fields, f"changes of {table}", needs=tuple(fields)))


class _Together(Keys, frozen=True):
    """A map whose single values must also fit each other; `fit` takes them by key and raises ValueError."""

    fit: Callable[[Mapping[str, str]], None] = lambda _: None

    def read_map(self, node: MapNode, reader: Reader) -> MapPattern:
        before = len(reader.problems)
        pattern = Keys.read_map(self, node, reader)
        named = {
            key: each.value
            for key, each in pattern.items()
            if isinstance(each, Literal) and isinstance(each.value, str)
        }
        try:
            if len(reader.problems) == before:
                self.fit(named)
        except ValueError as error:
            what, _, remedy = str(error).partition("\n")
            reader.note(node, what, remedy)
        return pattern


CALL = Either(
    (ASKED,),
    None,
    _Together(
        {
            "provider": Field(Choice(PROVIDERS), "whom the application called"),
            "method": Field(Choice(METHODS, comparing=True), "GET, POST…"),
            "path": Field(PATH, "the path, without host and query"),
            "url": Field(ANY, "the whole URL"),
            "query": Field(ANY, "the query as a map"),
            "body": Field(ANY, "the body sent"),
            "status": Field(CAME, "the status answered; null when no answer came"),
            "response": Field(ANY, "the body answered"),
            "fault": Field(ANY, "the fault that struck, or null"),
        },
        "a call",
        fit=known_request,
    ),
    "METHOD /path, globs allowed, or a map with provider, method, path, url, query, body, status, response, fault",
)
DELIVERY = Either(
    (EVENT,),
    None,
    _Together(
        {
            "provider": Field(Choice(PROVIDERS), "who delivers"),
            "event": Field(EVENT_ITSELF, "invitee.created…"),
            "status": Field(CAME, "the status answered; null when no answer came"),
            "outcome": Field(Choice(FATES, comparing=True), "delivered, refused, lost, timeout or held"),
            "attempt": Field(AMOUNT, "which attempt, from 1"),
            "url": Field(ANY, "where to"),
            "body": Field(ANY, "the body sent"),
            "response": Field(ANY, "the body answered"),
        },
        "a delivery",
        fit=known_message,
    ),
    "the name of a webhook, globs allowed, or a map with provider, event, status, outcome, attempt, url, body, response",
)
LOG = Keys(
    {
        "level": Field(Choice(LOG_LEVELS, comparing=True), "debug, info, warning, error or critical"),
        "logger": Field(ANY, "the name of the logger"),
        "message": Field(ANY, "the text of the record"),
        "text": Field(ANY, "the whole record, its fields included, as text"),
    },
    "a log record",
    others=ANY,
    slips=True,
)


class _Headers(Free, frozen=True):
    """Headers by name. Names differ by more than their case of letters, or one would be compared and the other lost."""

    def read(self, node: Node, reader: Reader) -> Pattern:
        pattern = Free.read(self, node, reader)
        names: dict[str, str] = {}
        for name, each in pattern.items() if isinstance(pattern, MapPattern) else ():
            first = names.setdefault(name.lower(), name)
            if first != name:
                what = f"The header {first} stands here a second time, as {name}, and an answer has it once."
                reader.problems.append(Problem(each.position, what, "Keep one of them."))
        if isinstance(pattern, MapPattern) and not names and not pattern.exact:
            reader.note(node, "Here is no header, so none is compared.", "Name one, or remove it.")
        return pattern


HEADERS = Either((), None, _Headers(), "a map of headers")
RESPONSE = Either(
    (STATUS,),
    None,
    Keys(
        {
            "status": Field(STATUS, "the status: 200, <one of 502|503>"),
            "headers": Field(HEADERS, "headers by name, in any case of letters"),
            "body": Field(ANY, "the JSON body; a map matches a subset; <absent> where there is text that is no JSON"),
            "text": Field(ANY, "the body as text"),
            "gives": Field(ANY, "what the step gives, the same that `as` keeps"),
            "refused": Field(ANY, "why the page itself refused, before any request was sent"),
            "outcome": Field(
                Choice(("answered", "unknown")), "`unknown`: no answer came, so nobody knows what happened"
            ),
        },
        "a response",
        needs=("status", "headers", "body", "text", "gives", "refused", "outcome"),
    ),
)
SQL = Keys(
    {
        "query": Field(TEXT, "a query; $1 is not a parameter here, use %(name)s", required=True),
        "params": Field(AnyKeys(Free(sending=True)), "values of the parameters by name"),
        "rows": Field(ANY, "the rows as a list of maps"),
        "count": Field(HELD, "how many rows"),
        "value": Field(ANY, "the single value of the single row"),
    },
    "sql",
    needs=("rows", "count", "value"),
)

CHECK_SHAPES: Mapping[str, CheckShape] = {
    "response": CheckShape(
        RESPONSE, "the answer to the step's last request", "response: {status: 200, body: {success: true}}"
    ),
    "rows": CheckShape(PerTable(_rows), "the rows of tables as they are now", "rows: {Booking: {count: 1}}"),
    "changed": CheckShape(
        Either((NONE,), None, PerTable(_changes, (("others", Choice(("ignore",))),))),
        "the rows that changed since the step (or scenario) began, and no others; one that came since then is added, however often it was updated",
        "changed: {Booking: {added: [{clientId: null}]}}",
    ),
    "calls": CheckShape(
        _many(CALL, "calls"),
        "what the application asked of the providers; in a glob `*` stands for anything, slashes too",
        "calls: none",
    ),
    "deliveries": CheckShape(
        _many(DELIVERY, "deliveries"), "attempts to deliver webhooks", "deliveries: {every: {status: 200}}"
    ),
    "logs": CheckShape(_many(LOG, "logs"), "what the application logged", "logs: {none: {level: error}}"),
    "sql": CheckShape(SQL, "the answer to a query", "sql: {query: 'SELECT count(*) AS n FROM \"Booking\"', value: 1}"),
    "invariant": CheckShape(
        Either((TEXT,), Items(TEXT, checking=True), None),
        "invariants by name, checked here and now",
        "invariant: no-double-booking",
    ),
}
