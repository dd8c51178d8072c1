"""Calendly's API as the flow needs it (CALENDLY.md 2 and 3), over one `requests` session.

Reads may be tried again (`Settings.provider_read_retries`); writes never are. Every failure becomes one of
`CalendlyFailed` (a Refusal: 502 wrong answer, 503 busy, 504 no answer) or `CalendlyRefused` (it said no).
"""

from __future__ import annotations

import re
from typing import Any

import requests

from .refusals import Refusal, provider_failed
from .settings import Settings

__all__ = ["CalendlyClient", "CalendlyRefused"]

PROVIDER = "calendly"
SECONDS = re.compile(r"[0-9]{1,9}")


class CalendlyRefused(Exception):
    """Calendly understood and said no: `status` 400 to 404, with its own words for the log's sake only."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Calendly answered {status}")
        self.status = status
        self.message = message


class CalendlyClient:
    """One session to Calendly. Close it with the application."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.calendly_base.rstrip("/")
        self._timeout = settings.provider_timeout
        self._attempts = settings.provider_read_retries + 1
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {settings.calendly_token}"
        self._session.headers["Accept"] = "application/json"

    def event(self, event_id: str) -> dict[str, Any]:
        """GET /scheduled_events/{id}: the resource."""
        return _resource(self._read(f"/scheduled_events/{event_id}"))

    def invitee(self, event_id: str, invitee_id: str) -> dict[str, Any]:
        """GET /scheduled_events/{event}/invitees/{invitee}: the resource."""
        return _resource(self._read(f"/scheduled_events/{event_id}/invitees/{invitee_id}"))

    def active_invitees(self, event_id: str) -> list[dict[str, Any]]:
        """GET /scheduled_events/{id}/invitees: those who have a place, as many as one answer holds."""
        return self._collection(f"/scheduled_events/{event_id}/invitees", {"status": "active", "count": "100"})

    def event_type(self, event_type_id: str) -> dict[str, Any]:
        """GET /event_types/{id}: the resource."""
        return _resource(self._read(f"/event_types/{event_type_id}"))

    def available_times(self, event_type_uri: str, start: str, end: str) -> list[dict[str, Any]]:
        """GET /event_type_available_times: the collection."""
        return self._collection(
            "/event_type_available_times", {"event_type": event_type_uri, "start_time": start, "end_time": end}
        )

    def cancel(self, event_id: str, reason: str | None) -> None:
        """POST /scheduled_events/{id}/cancellation. Raises CalendlyRefused, or a Refusal when nobody knows."""
        self._call("POST", f"/scheduled_events/{event_id}/cancellation", json={"reason": reason} if reason else {})

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _collection(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        found = self._read(path, params).get("collection")
        if not isinstance(found, list):
            raise provider_failed(502, PROVIDER, "answer_unreadable")
        return [item for item in found if isinstance(item, dict)]

    def _read(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        for _ in range(self._attempts - 1):
            try:
                return self._call("GET", path, params=params)
            except Refusal:
                continue
        return self._call("GET", path, params=params)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._session.request(
                method, self._base + path, timeout=self._timeout, allow_redirects=False, **options
            )
        except requests.Timeout:
            raise provider_failed(504, PROVIDER, "timeout") from None
        except requests.RequestException:
            raise provider_failed(502, PROVIDER, "unreachable") from None
        except ValueError:  # a redirect to what is no address: requests reads it though it does not follow
            raise provider_failed(502, PROVIDER, "answer_unreadable") from None
        return _body(answer)


def _body(answer: requests.Response) -> dict[str, Any]:
    status = answer.status_code
    if status == 429:
        raise provider_failed(503, PROVIDER, "busy", retry_after=_seconds(answer.headers.get("X-RateLimit-Reset")))
    if status >= 500:
        raise provider_failed(503 if status == 503 else 502, PROVIDER, "failed")
    if status == 401:
        raise provider_failed(502, PROVIDER, "refused_our_token")
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    if 400 <= status < 500:
        raise CalendlyRefused(status, str(body.get("message", "")) if isinstance(body, dict) else "")
    if status >= 300 or not isinstance(body, dict):
        raise provider_failed(502, PROVIDER, "answer_unreadable")
    return body


def _resource(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("resource")
    if not isinstance(found, dict):
        raise provider_failed(502, PROVIDER, "answer_unreadable")
    return found


def _seconds(text: str | None) -> int | None:
    return int(text) if text and SECONDS.fullmatch(text) else None
