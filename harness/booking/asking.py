"""What a handler needs of the request at hand: the caller, the body, the ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import request

from .answers import as_booking_id
from .context import Context
from .identity import ANONYMOUS, Caller
from .refusals import invalid
from .requests_read import R

__all__ = ["Asking"]


class Asking:
    """What a handler needs of the request at hand."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def caller(self) -> Caller:
        """Who sends this request (B01), from where, with which proof of an anonymous booking (B16)."""
        return replace(
            self._signed_in(request.headers.get("Authorization")),
            address=self._address(),
            token=request.headers.get("X-Booking-Token") or request.args.get("token"),
            invitee_uri=request.args.get("inviteeUri"),
        )

    def body(self) -> dict[str, Any]:
        """The JSON object of the body."""
        return self._context.parts.json.read(self.raw())

    def read(self, kind: type[R]) -> R:
        """The body as a typed request."""
        return self._context.parts.requests.read(kind, self.body())

    def raw(self) -> bytes:
        """The bytes of the body, as they came."""
        return request.get_data(cache=False)

    def delivery(self) -> bytes:
        """The bytes of a provider's body; what people answer at Calendly is longer than what our page sends."""
        request.max_content_length = self._context.settings.max_delivery_bytes
        return self.raw()

    def booking_id(self, text: str) -> str:
        """The id in the path or the query. Raises 400 when it is not a UUID (B05)."""
        found = as_booking_id(text)
        if found is None:
            raise invalid("invalid_booking_id", "A booking id is a UUID.")
        return found

    def query(self, name: str) -> str | None:
        """A value of the query, checked like one of the body."""
        value = request.args.get(name)
        if value is not None and (len(value) > 255 or not value.isprintable()):
            raise invalid("invalid_field", f"{name}: not a valid value")
        return value

    def _signed_in(self, header: str | None) -> Caller:
        if header is None:
            return ANONYMOUS
        context, parts = self._context, self._context.parts
        with context.reader.connect() as connection:
            return parts.identity.caller(
                connection,
                header,
                store=parts.store,
                tokens=parts.tokens,
                settings=context.settings,
                now=context.now(),
            )

    def _address(self) -> str:
        """Where the request comes from; a proxy's word counts only as far as proxies are expected (B21)."""
        proxies = self._context.settings.forwarded_proxies
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
        if proxies and len(hops) >= proxies:
            return hops[-proxies]
        return request.remote_addr or ""
