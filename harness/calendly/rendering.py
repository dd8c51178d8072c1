"""Resources as Calendly shows them: every required key, null where null is right, absent where absent is right."""

from __future__ import annotations

from typing import Any

from harness.calendly.entities import (
    Cancellation,
    Event,
    EventType,
    Invitee,
    Link,
    Membership,
    NoShow,
    Organization,
    Question,
    Subscription,
    User,
)
from harness.calendly.options import Options
from harness.calendly.store import Store
from harness.provider.times import micros

__all__ = ["TRACKING_KEYS", "Rendering"]

TRACKING_KEYS = ("utm_campaign", "utm_source", "utm_medium", "utm_content", "utm_term", "salesforce_uuid")
Shown = dict[str, Any]


class Rendering:
    """Turns entities into resources (CALENDLY.md 2) and makes their URIs."""

    def __init__(self, store: Store, options: Options, base_url: str) -> None:
        self._store = store
        self._options = options
        self.base = base_url

    # ---- uris -----------------------------------------------------------------------------------------------------

    def uri(self, kind: str, identifier: str) -> str:
        return f"{self.base}/{kind}/{identifier}"

    def invitee_uri(self, invitee: Invitee) -> str:
        return f"{self.base}/scheduled_events/{invitee.event}/invitees/{invitee.id}"

    def _maybe_invitee(self, identifier: str | None) -> str | None:
        return self.invitee_uri(self._store.invitees[identifier]) if identifier else None

    def booking_page(self, event_type: EventType) -> str:
        owner = self._store.users[event_type.owner]
        return f"{self._options.public_url}/{owner.slug}/{event_type.slug}"

    # ---- people ---------------------------------------------------------------------------------------------------

    def user(self, user: User) -> Shown:
        return {
            "avatar_url": user.avatar_url,
            "created_at": micros(user.created_at),
            "current_organization": self.uri("organizations", user.organization),
            "email": user.email,
            "locale": user.locale,
            "name": user.name,
            "resource_type": "User",
            "scheduling_url": f"{self._options.public_url}/{user.slug}",
            "slug": user.slug,
            "time_notation": user.time_notation,
            "timezone": user.timezone,
            "updated_at": micros(user.updated_at),
            "uri": self.uri("users", user.id),
        }

    def organization(self, organization: Organization) -> Shown:
        return {
            "created_at": micros(organization.created_at),
            "plan": organization.plan,
            "stage": organization.stage,
            "updated_at": micros(organization.created_at),
            "uri": self.uri("organizations", organization.id),
        }

    def membership(self, membership: Membership) -> Shown:
        user = self._store.users[membership.user]
        keys = ("avatar_url", "created_at", "email", "name", "scheduling_url", "slug", "timezone", "updated_at", "uri")
        shown = self.user(user)
        return {
            "created_at": micros(membership.created_at),
            "organization": self.uri("organizations", membership.organization),
            "role": membership.role,
            "updated_at": micros(membership.created_at),
            "uri": self.uri("organization_memberships", membership.id),
            "user": {key: shown[key] for key in keys},
        }

    # ---- event types ----------------------------------------------------------------------------------------------

    def event_type(self, kind: EventType) -> Shown:
        return {
            "active": kind.active,
            "admin_managed": kind.admin_managed,
            "after_buffer": kind.after_buffer,
            "before_buffer": kind.before_buffer,
            "booking_method": kind.booking_method,
            "color": kind.color,
            "created_at": micros(kind.created_at),
            "custom_questions": [_question(question) for question in kind.questions],
            "deleted_at": micros(kind.deleted_at) if kind.deleted_at else None,
            "description_html": kind.description_html,
            "description_plain": kind.description_plain,
            "duration": kind.duration,
            "duration_options": list(kind.duration_options) if kind.duration_options else None,
            "internal_note": kind.internal_note,
            "is_paid": kind.is_paid,
            "kind": kind.kind,
            "locale": kind.locale,
            "locations": [dict(place) for place in kind.locations] if kind.locations is not None else None,
            "name": kind.name,
            "pooling_type": kind.pooling_type,
            "position": kind.position,
            "profile": self._profile(kind),
            "scheduling_url": self.booking_page(kind),
            "secret": kind.secret,
            "slug": kind.slug,
            "start_time_increment": kind.start_time_increment,
            "type": kind.type,
            "updated_at": micros(kind.updated_at),
            "uri": self.uri("event_types", kind.id),
        }

    def _profile(self, kind: EventType) -> Shown:
        owner = self._store.users[kind.owner]
        shared = "Team" if kind.pooling_type else "User"
        return {"name": owner.name, "owner": self.uri("users", owner.id), "type": shared}

    def link(self, link: Link) -> Shown:
        kind = self._store.event_types[link.event_type]
        return {
            "booking_url": f"{self._options.public_url}/d/{link.id}/{kind.slug}",
            "owner": self.uri("event_types", kind.id),
            "owner_type": "EventType",
        }

    # ---- events and invitees --------------------------------------------------------------------------------------

    def event(self, event: Event) -> Shown:
        shown = self.nested_event(event)
        shown["calendar_event"] = {"external_id": event.external_id, "kind": "google"}
        return dict(sorted(shown.items()))

    def nested_event(self, event: Event) -> Shown:
        """The event as a webhook carries it: without `calendar_event`."""
        shown: Shown = {
            "created_at": micros(event.created_at),
            "end_time": micros(event.end),
            "event_guests": [
                {"created_at": micros(g.created_at), "email": g.email, "updated_at": micros(g.created_at)}
                for g in event.guests
            ],
            "event_memberships": [self._host(event, host) for host in event.hosts],
            "event_type": self.uri("event_types", event.event_type),
            "invitees_counter": {
                "total": len(event.invitees),
                "active": event.active_invitees,
                "limit": event.capacity,
            },
            "location": event.location,
            "meeting_notes_html": None,
            "meeting_notes_plain": None,
            "name": event.name,
            "start_time": micros(event.start),
            "status": event.status,
            "updated_at": micros(event.updated_at),
            "uri": self.uri("scheduled_events", event.id),
        }
        if event.cancellation:
            shown["cancellation"] = self.cancellation(event.cancellation)
            shown = dict(sorted(shown.items()))
        return shown

    def _host(self, event: Event, host: str) -> Shown:
        user = self._store.users[host]
        return {
            "user": self.uri("users", host),
            "user_email": user.email,
            "user_name": user.name,
            "buffered_start_time": micros(event.blocked_from),
            "buffered_end_time": micros(event.blocked_until),
        }

    def cancellation(self, cancellation: Cancellation) -> Shown:
        return {
            "canceled_by": cancellation.canceled_by,
            "reason": cancellation.reason,
            "canceler_type": cancellation.canceler_type,
            "created_at": micros(cancellation.created_at),
        }

    def invitee(self, invitee: Invitee) -> Shown:
        shown: Shown = {
            "cancel_url": f"{self._options.public_url}/cancellations/{invitee.id}",
            "created_at": micros(invitee.created_at),
            "email": invitee.email,
            "event": self.uri("scheduled_events", invitee.event),
            "first_name": invitee.first_name,
            "invitee_scheduled_by": self.uri("users", invitee.scheduled_by) if invitee.scheduled_by else None,
            "last_name": invitee.last_name,
            "name": invitee.name,
            "new_invitee": self._maybe_invitee(invitee.new_invitee),
            "no_show": self._marked(invitee.no_show),
            "old_invitee": self._maybe_invitee(invitee.old_invitee),
            "payment": invitee.payment,
            "questions_and_answers": [{"answer": a, "position": p, "question": q} for q, a, p in invitee.answers],
            "reconfirmation": None,
            "reschedule_url": f"{self._options.public_url}/reschedulings/{invitee.id}",
            "rescheduled": invitee.rescheduled,
            "routing_form_submission": None,
            "scheduling_method": invitee.scheduling_method,
            "status": invitee.status,
            "text_reminder_number": invitee.text_reminder_number,
            "timezone": invitee.timezone,
            "tracking": {key: invitee.tracking.get(key) for key in TRACKING_KEYS},
            "updated_at": micros(invitee.updated_at),
            "uri": self.invitee_uri(invitee),
        }
        if invitee.cancellation:
            shown = {"cancellation": self.cancellation(invitee.cancellation), **shown}
            shown = dict(sorted(shown.items()))
        return shown

    def _marked(self, no_show: NoShow | None) -> Shown | None:
        if no_show is None:
            return None
        return {"uri": self.uri("invitee_no_shows", no_show.id), "created_at": micros(no_show.created_at)}

    def no_show(self, no_show: NoShow) -> Shown:
        return {
            "created_at": micros(no_show.created_at),
            "invitee": self.invitee_uri(self._store.invitees[no_show.invitee]),
            "uri": self.uri("invitee_no_shows", no_show.id),
        }

    # ---- webhooks -------------------------------------------------------------------------------------------------

    def webhook_payload(self, invitee: Invitee) -> Shown:
        """The flat v2 payload: the invitee plus `scheduled_event`, keys in alphabetical order (CALENDLY.md 4)."""
        nested = self.nested_event(self._store.events[invitee.event])
        return dict(sorted({**self.invitee(invitee), "scheduled_event": nested}.items()))

    def subscription(self, subscription: Subscription) -> Shown:
        started = subscription.retry_started_at
        return {
            "callback_url": subscription.callback_url,
            "created_at": micros(subscription.created_at),
            "creator": self.uri("users", subscription.creator),
            "events": list(subscription.events),
            "group": self.uri("groups", subscription.group) if subscription.group else None,
            "organization": self.uri("organizations", subscription.organization),
            "retry_started_at": micros(started) if started else None,
            "scope": subscription.scope,
            "state": subscription.state,
            "updated_at": micros(subscription.updated_at),
            "uri": self.uri("webhook_subscriptions", subscription.id),
            "user": self.uri("users", subscription.user) if subscription.user else None,
        }


def _question(question: Question) -> Shown:
    return {
        "answer_choices": list(question.answer_choices),
        "enabled": question.enabled,
        "include_other": question.include_other,
        "name": question.name,
        "position": question.position,
        "required": question.required,
        "type": question.type,
    }
