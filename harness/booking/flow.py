"""The client side: what a visitor's browser decides, in which order, with which ids (F01 to F09, R10 to R15).

No I/O of its own: `send(method, path, json)` reaches the server. What the page itself would not let the visitor do
raises NotAllowed; whatever the server says is handed back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import urlencode

from .calendly_uris import CANONICAL, event_uri, invitee_uri

__all__ = ["Answer", "Flow", "NotAllowed"]

QUESTION = "Booking ID"
EVENT_SCHEDULED = "calendly.event_scheduled"
PAYABLE = frozenset({"CALENDLY_EVENT_SCHEDULED", "PAYMENT_REQUIRED", "PAYMENT_PENDING", "PAYMENT_FAILED"})
BEGUN = frozenset({None, "IDLE", "SESSION_TYPE_SELECTED", "CALENDLY_SCHEDULING_INITIATED"})
BOOKINGS = "/api/scheduling/bookings"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; `body` is its JSON, None when it sent none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.status < 300


class NotAllowed(Exception):
    """The page does not offer this now; nothing was sent. `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


Send = Callable[[str, str, Any], Answer]


class Flow:
    """One visitor's page. `new_id` makes booking ids; `profile` legacy is the page before the update."""

    def __init__(
        self,
        send: Send,
        *,
        signed_in: bool,
        new_id: Callable[[], str],
        profile: Literal["reference", "legacy"] = "reference",
        calendly_origin: str = "https://calendly.com",
        calendly_api: str = CANONICAL,
    ) -> None:
        self._send = send
        self._new_id = new_id
        self._profile = profile
        self._origin = calendly_origin
        self._api = calendly_api
        self.signed_in = signed_in
        self.shown_sessions: list[dict[str, Any]] = []
        self.session: Mapping[str, Any] | None = None
        self.pathway: str | None = None
        self.booking_id: str | None = None
        self.booking_token: str | None = None
        self.event_uri: str | None = None
        self.invitee_uri: str | None = None
        self.checkout_id: str | None = None
        self.state: str | None = None

    # ---- choosing

    def sessions(self, builder_id: str | None = None) -> Answer:
        """Asks what may be booked; `shown_sessions` is what the page then shows (F01)."""
        query = f"?{urlencode({'builderId': builder_id})}" if builder_id else ""
        answer = self._send("GET", f"/api/scheduling/session-types{query}", None)
        if answer.ok:
            groups = answer.body["sessionTypes"].values()
            self.shown_sessions = [session for group in groups for session in group if self.shows(session)]
        return answer

    def shows(self, session: Mapping[str, Any]) -> bool:
        """Whether the page offers this session to this visitor (F01): all to a signed-in one, else free and open."""
        if session.get("isActive") is False:
            return False
        return self.signed_in or (not session.get("requiresAuth") and not self.costs(session))

    def costs(self, session: Mapping[str, Any]) -> bool:
        """Whether payment is asked for (R15)."""
        return Decimal(str(session.get("price") or 0)) > 0

    def select_session(
        self, session: Mapping[str, Any] | str, *, pathway: str | None = None, by_url: bool = False
    ) -> Answer | None:
        """Chooses a session type, by hand or by URL: the same rule (F02). Asks nothing of the server (R10)."""
        del by_url
        chosen = self._known(session) if isinstance(session, str) else session
        if not self.shows(chosen):
            raise NotAllowed("session_not_offered", "This session is not offered to this visitor.")
        if chosen.get("eventTypeCategory") == "pathway" and not pathway:
            raise NotAllowed("pathway_required", "Choose a pathway before scheduling.")
        self._begin(chosen, pathway)
        if self._profile == "legacy" and not self.signed_in:
            return self.initialize()
        return None

    def initialize(self, **fields: Any) -> Answer:
        """Tells the server that the visitor begins (R13); an anonymous visitor's page does without (R10)."""
        session = self._chosen()
        payload = {
            "bookingId": self.booking_id,
            "builderId": session["builderId"],
            "sessionTypeId": session["id"],
            "pathway": self.pathway,
        }
        answer = self._post("/initialize", _given(payload) | fields)
        if answer.ok:
            self.booking_id = answer.body["bookingId"]
        return answer

    # ---- scheduling

    def embed(self) -> dict[str, Any]:
        """What Calendly's widget is opened with: the one booking id as answer and as utm_content (F03, R11, R17)."""
        session = self._chosen()
        if self.state not in BEGUN:
            raise NotAllowed("scheduled_already", "This booking has its time already.")
        return {
            "event_type_uri": session["calendlyEventTypeUri"],
            "answers": {QUESTION: self.booking_id},
            "utm": {"utm_content": self.booking_id},
            "query": urlencode({"a1": self.booking_id, "utm_content": self.booking_id, "embed_type": "Inline"}),
        }

    def on_message(self, origin: str, data: Mapping[str, Any]) -> bool:
        """The widget's message; believed from Calendly's own origin only (F04). Whether the event was scheduled."""
        if origin != self._origin:
            raise NotAllowed("wrong_origin", "This message does not come from Calendly.")
        if data.get("event") != EVENT_SCHEDULED:
            return False
        payload = data.get("payload", {})
        event = event_uri(payload.get("event", {}).get("uri", ""), self._api)
        invitee = invitee_uri(payload.get("invitee", {}).get("uri", ""), self._api)
        if event is None or invitee is None:
            raise NotAllowed("unreadable_message", "This message names no event of Calendly's.")
        self.event_uri, self.invitee_uri = event, invitee.uri
        return True

    def create(self, **fields: Any) -> Answer:
        """Creates the booking of the scheduled event (R12); the same id again after a failure (F05)."""
        session = self._chosen()
        if self.event_uri is None and "calendlyEventUri" not in fields:
            raise NotAllowed("nothing_scheduled", "No event has been scheduled yet.")
        payload = {
            "builderId": session["builderId"],
            "sessionTypeId": session["id"],
            "calendlyEventUri": self.event_uri,
            "calendlyInviteeUri": self.invitee_uri,
            "customQuestionResponse": [{"question": QUESTION, "answer": self.booking_id, "position": 0}],
            "pathway": self.pathway,
            "bookingToken": self.booking_token,
        }
        answer = self._post("/create", _given(payload) | fields)
        if answer.ok:
            self.booking_id = answer.body["bookingId"]
        return answer

    # ---- afterwards

    def pay(self) -> Answer:
        """Opens the payment page, once the server said that the booking is scheduled (F07), if there is a price (R15)."""
        if not self.costs(self._chosen()):
            raise NotAllowed("nothing_to_pay", "This session is free.")
        if self.state not in PAYABLE:
            raise NotAllowed("not_scheduled", "Payment starts when the server says that the booking is scheduled.")
        answer = self._send("POST", "/api/stripe/checkout/create", {"bookingId": self.booking_id})
        if answer.ok:
            self.checkout_id = answer.body.get("sessionId")
        return self._heard(answer)

    def cancel(self, reason: str | None = None) -> Answer:
        """Cancels the booking."""
        payload = {"action": "cancel", "reason": reason, "bookingToken": self.booking_token}
        return self._heard(self._send("PATCH", f"{BOOKINGS}/{self._id()}", _given(payload)))

    def resume(self) -> Answer:
        """After a reload or on coming back: goes on where the server says that the booking stands (F08, F09)."""
        answer = self._read()
        if answer.ok:
            booking = answer.body["booking"]
            self.event_uri = booking["calendlyEventUri"] or self.event_uri
            self.invitee_uri = booking["calendlyInviteeUri"] or self.invitee_uri
        return answer

    def confirm(self) -> Answer:
        """The confirmation: what is shown is what the server says (F09)."""
        return self._read()

    # ---- inside

    def _begin(self, session: Mapping[str, Any], pathway: str | None) -> None:
        """One booking id per attempt (F03): another session, or a finished attempt, begins anew."""
        same = self.session is not None and self.session["id"] == session["id"] and self.event_uri is None
        if not same or self.booking_id is None:
            self.booking_id = self._new_id()
            self.booking_token = self.event_uri = self.invitee_uri = self.checkout_id = self.state = None
        self.session, self.pathway = session, pathway

    def _known(self, session_id: str) -> Mapping[str, Any]:
        if not self.shown_sessions:
            self.sessions()
        found = next((session for session in self.shown_sessions if session["id"] == session_id), None)
        if found is None:
            raise NotAllowed("session_not_offered", "This session is not offered to this visitor.")
        return found

    def _chosen(self) -> Mapping[str, Any]:
        if self.session is None:
            raise NotAllowed("nothing_chosen", "Choose a session first.")
        return self.session

    def _id(self) -> str:
        if self.booking_id is None:
            raise NotAllowed("no_booking", "There is no booking yet.")
        return self.booking_id

    def _read(self) -> Answer:
        query = f"?{urlencode({'token': self.booking_token})}" if self.booking_token else ""
        return self._heard(self._send("GET", f"{BOOKINGS}/{self._id()}{query}", None))

    def _post(self, path: str, payload: Mapping[str, Any]) -> Answer:
        return self._heard(self._send("POST", BOOKINGS + path, payload))

    def _heard(self, answer: Answer) -> Answer:
        """Keeps what the server says about the state (F09) and the token of an anonymous booking."""
        if answer.ok and isinstance(answer.body, Mapping):
            self.state = answer.body.get("state", self.state)
            self.booking_token = answer.body.get("bookingToken", self.booking_token)
        return answer


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
