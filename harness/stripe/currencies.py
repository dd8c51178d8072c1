"""How amounts in minor units are told to a person: not every currency has a hundred of them."""

from __future__ import annotations

__all__ = ["told"]

_WITHOUT_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_WITH_THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def told(amount: int, currency: str) -> str:
    """`amount` of `currency` (any case) without the currency's name: 5000 is 50.00 of gbp and 5,000 of jpy."""
    code = currency.lower()
    decimals = 0 if code in _WITHOUT_DECIMALS else 3 if code in _WITH_THREE_DECIMALS else 2
    return f"{amount / 10**decimals:,.{decimals}f}"
