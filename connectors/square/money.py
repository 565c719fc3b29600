"""Square counts money in whole minor units, the model in decimal strings. Exact both ways."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.errors import Rejected
from connectors.sdk.records import Json

#: ISO 4217 exponents that are not two.
EXPONENTS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0,
    "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip


def places(currency: str) -> int:
    return EXPONENTS.get(currency, 2)


def text(amount: int, currency: str) -> str:
    """1530 GBP → "15.30"; 1530 JPY → "1530"."""
    return f"{Decimal(amount).scaleb(-places(currency)):.{places(currency)}f}"


def units(money: Mapping[str, Any] | None) -> int:
    """The minor units of one of Square's Money objects; absent is nothing.

    Raises TypeError for what is no whole number: a float would have lost something already.
    """
    amount = (money or {}).get("amount", 0)
    if type(amount) is not int:
        raise TypeError(f"{amount!r} is no amount in whole minor units")
    return amount


def money(amount: Any, currency: Any) -> Json:
    """A decimal string as Square's Money.

    Raises Rejected for text that is no amount, and for one finer than the currency's minor unit.
    """
    try:
        exact = Decimal(str(amount)).scaleb(places(str(currency)))
        whole = int(exact)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise Rejected(
            f"{amount!r} is no amount of money: correct the mapping.", code="type-mismatch"
        ) from error
    if whole != exact:
        raise Rejected(
            f"{amount} {currency} is finer than Square can hold: round it in the mapping.",
            code="type-mismatch",
        )
    return {"amount": whole, "currency": str(currency)}
