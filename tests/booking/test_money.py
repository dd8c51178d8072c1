"""Money in Stripe's units and in ours (R15, W12)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.booking.stripe_client import minor_units, payable


@pytest.mark.parametrize(
    ("currency", "amount", "units"),
    [
        ("GBP", "50.01", 5001), ("gbp", "0.00", 0), ("JPY", "5000.00", 5000), ("jpy", "1.00", 1),
        ("KWD", "30.50", 30500), ("tnd", "0.01", 10),
    ],
)  # fmt: skip
def test_each_currency_has_its_own_units(currency: str, amount: str, units: int) -> None:
    assert minor_units(Decimal(amount), currency) == units


@pytest.mark.parametrize(
    ("currency", "half", "kept"),
    [("GBP", "25.005", "25.01"), ("JPY", "50.50", "51"), ("KWD", "15.255", "15.26"), ("", "25.005", "25.01")],
)
def test_what_is_owed_can_be_paid(currency: str, half: str, kept: str) -> None:
    owed = payable(Decimal(half), currency)

    assert owed == Decimal(kept)
    assert minor_units(owed, currency) == owed * minor_units(Decimal(1), currency)
