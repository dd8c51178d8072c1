"""The routes of the page: the document, its files, and two things that only the page asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from harness.booking.asking import Asking
from harness.booking.context import Context
from harness.booking.identity import ANONYMOUS
from harness.booking.page.policy import headers, origin_of
from harness.booking.page.visitor import visitor
from harness.booking.page.widgets import Widgets
from harness.booking.requests_read import PATHWAYS
from harness.booking.services import Services
from harness.booking.settings import Settings
from harness.booking.web import json_response

__all__ = ["Profile", "page_blueprint", "page_failure"]

Profile = Literal["reference", "legacy"]
NOTHING: dict[str, Any] = {"sessionTypes": {}}


def page_blueprint(context: Context, services: Services, profile: Profile = "reference") -> Blueprint:
    """`/` and what belongs to it under /page. `profile` legacy is the page before the update (R20)."""
    page = Blueprint(
        "booking_page", __name__, template_folder="templates", static_folder="static", static_url_path="/page"
    )
    document, widgets, asking = _Document(context, services, profile), Widgets(context), Asking(context)

    @page.get("/")
    def show() -> AnyResponse:
        return document.moved_sign_in() or document.show()

    @page.after_request
    def as_it_says(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    @page.get("/page/widgets")
    def addresses() -> Response:
        return json_response(
            {"success": True, "widgets": widgets.of(services.offers.session_types(asking.caller(), None))}
        )

    @page.get("/page/visitor")
    def who() -> Response:
        return json_response(visitor(context, asking.caller()))

    return page


def page_failure(settings: Settings) -> Callable[[HTTPException], Response]:
    """How an address that is none of the page's is answered: with a way back."""

    def answer(error: HTTPException) -> Response:
        response = make_response(render_template("missing.html"), error.code or 500)
        response.headers.update(headers(origin_of(settings.calendly_embed_base)))
        return response

    return answer


class _Document:
    """The document: the sessions of an anonymous visitor stand in it; for others the page asks the API."""

    def __init__(self, context: Context, services: Services, profile: Profile) -> None:
        self._settings = context.settings
        self._services = services
        self._profile = profile
        self._origin = origin_of(context.settings.calendly_embed_base)

    def show(self) -> Response:
        text = render_template(
            "booking.html",
            groups=self._offered()["sessionTypes"],
            pathways=PATHWAYS,
            profile=self._profile,
            calendly_origin=self._origin,
            calendly_api=self._settings.calendly_base.rstrip("/"),
            calendly_pages=self._settings.calendly_embed_base.rstrip("/"),
            sign_in_url=self._settings.sign_in_url,
        )
        response = make_response(text)
        response.headers.update(headers(self._origin))
        return response

    def moved_sign_in(self) -> AnyResponse | None:
        """A sign-in token in the query goes on in the fragment, which no server, log or referrer sees."""
        query = request.args.to_dict()
        token = query.pop("signin", None)
        if token is None:
            return None
        rest = f"?{urlencode(query)}" if query else ""
        response = redirect(f"/{rest}#signin={quote(token, safe='')}", 303)
        response.headers.update(headers(self._origin))
        return response

    def _offered(self) -> dict[str, Any]:
        """Without a database the page still opens, and says by itself what it cannot reach."""
        try:
            return self._services.offers.session_types(ANONYMOUS, None)
        except SQLAlchemyError:
            return NOTHING
