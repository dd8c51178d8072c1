"""The visitor's page: one server-rendered document with a little plain JavaScript, served by the application itself."""

from __future__ import annotations

from harness.booking.page.blueprint import Profile, page_blueprint, page_failure

__all__ = ["Profile", "page_blueprint", "page_failure"]
