"""Who the page greets, and what Calendly's form is filled with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from harness.booking.context import Context
from harness.booking.identity import Caller
from harness.booking.models import USER

__all__ = ["visitor"]


def visitor(context: Context, caller: Caller) -> dict[str, Any]:
    """Name and e-mail address of the one who is signed in, told to nobody else."""
    if caller.user_id is None:
        return {"success": True, "signedIn": False}
    users = USER.c
    with context.reader.connect() as connection:
        row = connection.execute(select(users.name, users.email).where(users.id == caller.user_id)).one()
    return {"success": True, "signedIn": True, "name": row[0], "email": row[1]}
