"""How true the simulator is, endpoint by endpoint and field by field; the table in docs/calendly.md is made here.

    python -m harness.calendly.fidelity fixtures/calendly/schemas docs/calendly.md     writes the table

Fields come from the JSON Schemas, so a field that nobody judged is `exact`, and an exception that names no field fails
a test, as does a page that is not up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

__all__ = ["ENDPOINTS", "EXCEPTIONS", "MARKS", "Fidelity", "fields_of", "render", "write_into"]

Level = Literal["exact", "simplified", "absent"]
MARKS = ("<!-- fidelity: begin -->", "<!-- fidelity: end -->")


class Fidelity(Struct, frozen=True):
    level: Level
    how: str = ""


_EXACT = Fidelity("exact")


def _simplified(how: str) -> Fidelity:
    return Fidelity("simplified", how)


def _absent(how: str) -> Fidelity:
    return Fidelity("absent", how)


ENDPOINTS: dict[str, Fidelity] = {
    "GET /users/{uuid}": _EXACT,
    "GET /organizations/{uuid}": _simplified("`kind` (2024-10) is known by its name only and left out"),
    "GET /organization_memberships": _simplified("filters user, organization and email; by role is not offered"),
    "GET /organization_memberships/{uuid}": _EXACT,
    "GET /event_types": _simplified("the filter user_availability_schedule is ignored"),
    "GET /event_types/{uuid}": _EXACT,
    "GET /event_type_available_times": _EXACT,
    "GET /scheduled_events": _EXACT,
    "GET /scheduled_events/{uuid}": _EXACT,
    "GET /scheduled_events/{uuid}/invitees": _EXACT,
    "GET /scheduled_events/{uuid}/invitees/{invitee}": _EXACT,
    "POST /scheduled_events/{uuid}/cancellation": _EXACT,
    "POST /invitees": _simplified("the status for a slot that is taken is a switch: sources conflict"),
    "POST /scheduling_links": _EXACT,
    "POST /shares": _simplified("makes the link; the customised settings are not kept"),
    "POST /invitee_no_shows": _simplified("marking twice is a 400: nobody documents the code"),
    "GET /invitee_no_shows/{uuid}": _EXACT,
    "DELETE /invitee_no_shows/{uuid}": _EXACT,
    "POST /webhook_subscriptions": _simplified(
        "contact.*, routing_form_submission.created and meeting_recap.* can be subscribed to and are never sent"
    ),
    "GET /webhook_subscriptions": _EXACT,
    "GET /webhook_subscriptions/{uuid}": _EXACT,
    "DELETE /webhook_subscriptions/{uuid}": _EXACT,
    "GET /sample_webhook_data": _simplified("invitee, no-show and event type events; 400 for the others"),
    "GET /user_availability_schedules": _absent("hours are set from Python or the control API"),
    "GET /user_busy_times": _absent("busy times are set, and taken out of the available times"),
    "POST /event_types": _absent("event types are added from Python or the control API"),
    "POST /one_off_event_types": _absent(""),
    "GET /routing_forms": _absent(""),
    "GET /groups": _absent("a group is made from Python; filters and scopes by group work"),
    "GET /activity_log_entries": _absent(""),
    "POST /data_compliance/deletion/invitees": _absent(""),
    "POST /oauth/token": _absent("tokens are added from Python or the control API"),
}

EXCEPTIONS: dict[str, dict[str, Fidelity]] = {
    "organization": {"kind": _absent("no shape is published")},
    "event_type": {
        "pooling_type": _simplified("`multi_pool` behaves as `collective`"),
        "booking_method": _simplified("`poll` is shown, polls are not simulated"),
        "type": _simplified("`AdhocEventType` is shown, one-off event types are not simulated"),
        "locale": _simplified("shown; the pages are in English"),
        "secret": _simplified("shown; the page is served all the same"),
        "is_paid": _simplified("shown; Calendly's own payment is not taken"),
    },
    "scheduled_event": {
        "calendar_event": _simplified("always a Google calendar"),
        "meeting_notes_plain": _simplified("always null"),
        "meeting_notes_html": _simplified("always null"),
    },
    "nested_event": {
        "meeting_notes_plain": _simplified("always null"),
        "meeting_notes_html": _simplified("always null"),
    },
    "location": {"data": _simplified("Zoom as observed; the others carry a made-up id")},
    "invitee": {
        "routing_form_submission": _simplified("always null"),
        "reconfirmation": _simplified("always null"),
        "scheduling_method": _simplified("null or `api`, never `instant_book`"),
        "payment": _simplified("what the test gives, or null"),
    },
    "error": {
        "message": _simplified("the body of a 429 is undocumented; the texts of most 400s are in Calendly's manner")
    },
}

_RESOURCES = (
    "user", "organization", "membership", "event_type", "available_time", "scheduled_event", "nested_event", "location",
    "cancellation", "invitee", "no_show", "scheduling_link", "subscription", "error",
)  # fmt: skip


def fields_of(schema: dict[str, Any]) -> Iterator[str]:
    """The names of the fields of a resource, in order, each once."""
    branches = [schema, *schema.get("oneOf", ())]
    yield from dict.fromkeys(name for branch in branches for name in branch.get("properties", ()))


def render(schemas: Path) -> str:
    """The two tables as Markdown."""
    lines = ["| endpoint | fidelity | how |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {item.level} | {item.how} |" for name, item in ENDPOINTS.items()]
    lines += ["", "| resource | field | fidelity | how |", "| --- | --- | --- | --- |"]
    for resource in _RESOURCES:
        document = json.loads((schemas / f"{resource}.json").read_text())
        exceptions = EXCEPTIONS.get(resource, {})
        exact = [name for name in fields_of(document) if name not in exceptions]
        lines.append(f"| {resource} | {', '.join(f'`{name}`' for name in exact)} | exact | |")
        lines += [f"| {resource} | `{name}` | {item.level} | {item.how} |" for name, item in exceptions.items()]
    return "\n".join(lines)


def write_into(page: str, table: str) -> str:
    """The text of `page` with `table` between the marks. Raises ValueError when a mark is missing."""
    begin, end = MARKS
    before, after = page.index(begin) + len(begin), page.index(end)
    return f"{page[:before]}\n\n{table}\n\n{page[after:]}"


def _main(schemas: str, page: str) -> None:
    path = Path(page)
    path.write_text(write_into(path.read_text(), render(Path(schemas))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
