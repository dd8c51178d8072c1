"""The three assertions about rows, and the reset, as both peers make them: one connection, plain SQL."""

from __future__ import annotations

import os
from typing import Any

import psycopg

connection = psycopg.connect(os.environ["FLOW_DATABASE"], autocommit=True)


def booking_is_stored(_: Any = None, booking: str = "") -> None:
    found = connection.execute('SELECT id, "clientId", status, "paymentStatus" FROM "Booking"').fetchall()
    assert found == [(booking, None, "PENDING", "UNPAID")]


def transitions_are_stored(_: Any = None, booking: str = "") -> None:
    found = connection.execute('SELECT count(*) FROM "BookingTransition" WHERE "bookingId" = %s', [booking]).fetchone()
    assert found is not None
    assert found[0] >= 1


def no_delivery_is_stored(_: Any = None) -> None:
    assert connection.execute('SELECT count(*) FROM "WebhookDelivery"').fetchone() == (0,)


def reset() -> None:
    for table in ("BookingTransition", "Booking"):
        connection.execute(f'DELETE FROM "{table}"')
