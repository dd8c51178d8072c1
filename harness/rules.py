"""The rules of the booking flow by id, in the words of DOMAIN.md (sections 2, 5, 6 and 7).

R: what the update asked for · B: rules of the server · W: webhooks · F: the flow on the client side.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FAMILIES", "RULES"]

FAMILIES: Mapping[str, str] = MappingProxyType(
    {"R": "What the update asked for", "B": "Rules of the server", "W": "Webhooks", "F": "The client side"}
)

RULES: Mapping[str, str] = MappingProxyType(
    {
        "R01": (
            '`"Booking"."clientId"` is nullable; the migration `make_client_id_nullable.sql` does that and '
            "changes no existing row"
        ),
        "R02": (
            "a rollout command applies that migration to the database named by `DATABASE_URL`, verifies the "
            "outcome, and exits non-zero when it did not happen"
        ),
        "R03": "`initialize` works without signing in: no 401",
        "R04": (
            'an anonymous booking is stored with `clientId` NULL. `clientId: "anonymous"` in a request means the '
            "same; neither `'anonymous'` nor `''` is ever stored"
        ),
        "R05": (
            "the log tells anonymous and authenticated bookings apart: `userId` (or `anonymous`) and `isAuthenticated`"
        ),
        "R06": (
            "`create` exists, is called after the Calendly event, and serves both kinds of visitor without "
            "requiring sign-in"
        ),
        "R07": "`create` takes the booking id from the answer to the custom question `Booking ID`",
        "R08": "storage copes with an absent client; it never falls back to an empty string",
        "R09": "storage fills the required columns when they are not given: title, startTime, endTime",
        "R10": "an anonymous visitor's flow skips `initialize`: choosing a session type makes no server call",
        "R11": (
            "the flow generates the booking id for an anonymous visitor, once; the Calendly embed always carries "
            "a booking id, the same one everywhere"
        ),
        "R12": "an anonymous booking is created after the Calendly event is scheduled, not before",
        "R13": "authenticated order: choose session type, initialize, schedule in Calendly, pay if needed",
        "R14": "anonymous order: choose session type, schedule in Calendly, create, pay if needed",
        "R15": "payment is asked for exactly when the session type's price is above zero",
        "R16": (
            "an anonymous visitor can book free sessions only. The original enforced that only by hiding the "
            "others in the page; here the page hides them *and* the server refuses them (403)"
        ),
        "R17": (
            "the booking id travels through Calendly's custom question, so that an event can be matched to its booking"
        ),
        "R18": "Calendly webhooks are received, verified and applied (section 6)",
        "R19": "both paths are tested, before and after the migration",
        "R20": (
            "the original failure is reproduced on the *legacy* profile and gone on the *reference*: a required "
            "`clientId`, an `initialize` that demands sign-in, and a booking made before the user is known"
        ),
        "B01": (
            "who the caller is comes from the bearer token alone: `clerkId` → `User.id`; a `clientId` in a body "
            "is never trusted."
        ),
        "B02": "a session type must exist (404), be active (409) and belong to the builder named (400).",
        "B03": "`requiresAuth` and price are enforced for anonymous callers (403).",
        "B04": "a pathway session needs a pathway (400).",
        "B05": "a booking id is a UUID (400).",
        "B06": (
            "the id in use by another booking is a 409 and changes nothing; the same call again for the same "
            "Calendly invitee is answered with the same booking and changes nothing."
        ),
        "B07": "one active booking per Calendly invitee URI.",
        "B08": (
            "only the answer to the question `Booking ID` counts, wherever it stands and whatever its position; "
            "an empty or malformed answer is not an id."
        ),
        "B09": (
            "end after start; the length is the session type's; not in the past; not overlapping another active "
            "booking of that builder (409)."
        ),
        "B10": (
            "title, amount, time zones, pathway, answers, Calendly URIs, contact name and e-mail of an anonymous "
            "invitee are stored (contact in `stateData`)."
        ),
        "B11": "system events are refused from visitors (403).",
        "B12": "`data` in a transition may set only what that event owns; never status, payment, owner or ids.",
        "B13": "an illegal transition is a 409, and the row is unchanged.",
        "B14": "a transition is one transaction with a row lock: two at once never both win.",
        "B15": "ownership is the row's column, not `stateData`.",
        "B16": (
            "an anonymous booking can be read with the invitee URI or a signed token from its creation, by nobody else."
        ),
        "B17": (
            "a recovery token is signed, bound to one booking and its state, expires, and works once; with no "
            "signing key set the server does not start."
        ),
        "B18": "every transition is logged and recorded with actor, from, event, to.",
        "B19": "logs and error bodies hold no e-mail, name, token or secret.",
        "B20": "state, status and payment status of a row always agree (section 4).",
        "B21": "anonymous inserts are limited per caller and unconfirmed ones expire.",
        "W01": (
            'the signature covers `t + "." + raw body` (header `t=…,v1=…`); constant-time compare; two keys '
            "accepted during rotation; older or newer than 180 s is refused; missing or wrong is 401, nothing is "
            "processed, nothing is stored."
        ),
        "W02": "the payload is Calendly's flat v2 invitee (CALENDLY.md), not nested objects.",
        "W03": (
            "the booking is found by the `Booking ID` answer, else `tracking.utm_content`, else the invitee URI; "
            "if two disagree, the delivery is kept and flagged, never guessed."
        ),
        "W04": (
            "a duplicate changes nothing and is a 200; the delivery counts as seen only after its transaction "
            "commits, so a retry after a failure works."
        ),
        "W05": "one that arrives before its booking is kept and applied when the booking comes.",
        "W06": "`invitee.created` schedules (and confirms a free booking), stores URIs and times.",
        "W07": (
            "`invitee.canceled` cancels from any live state, keeps reason and who, and starts the refund where "
            "one is due."
        ),
        "W08": (
            "a reschedule (canceled with `rescheduled` plus created with `old_invitee`, in either order) moves "
            "the booking to the new event, keeps payment, never cancels."
        ),
        "W09": "`invitee_no_show.created`/`.deleted` mark and unmark it.",
        "W10": "an unknown event type is a 200 and is recorded.",
        "W11": "our own failure is a 5xx, so the provider retries; nothing half-applied.",
        "W12": "refunds: 24 h or more before the start 100 %, 12 to 24 h 50 %, less 0; free or unpaid: none.",
        "W13": (
            "a Stripe session pays the booking named in its metadata only if `payment_status` is `paid` and "
            "amount and currency match."
        ),
        "F01": "an anonymous visitor sees sessions that are free and need no sign-in; a signed-in one sees all.",
        "F02": "selection by URL (`?sessionTypeId=`) obeys the same rule.",
        "F03": (
            "one booking id per attempt: the id in the embed's custom answer, in `utm_content` and in `create` "
            "are the same."
        ),
        "F04": "a message from the embed is believed only from Calendly's origin, and confirmed through the API.",
        "F05": "if `create` fails, the visitor can try again with the same id and no second booking arises.",
        "F06": "a pathway session asks for the pathway before scheduling.",
        "F07": "payment starts only after the server says that the booking is scheduled.",
        "F08": "reloading or coming back resumes where the booking stands.",
        "F09": "what the page shows is what the server says.",
    }
)
