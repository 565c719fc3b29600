"""A cent that the shop rounds elsewhere: an order's taxes that add up to what was paid.

A shop may round each line's tax or only their sum (its setting *Rounding*); shown are both with two
digits, so the lines' taxes may miss the order's by cents. What was charged is the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from connectors.sdk.records import Json

CENT = Decimal("0.01")


#: The fields of an order's tax line that sum the taxes of goods and fees, and of carriage.
CART, CARRIAGE = "tax_total", "shipping_tax_total"


def settle(lines: Sequence[Json], tax_lines: Iterable[Json]) -> None:
    """Move the last cents of ``_total`` to where a line's tax is largest, until each rate adds up
    to what the order says. ``lines``: their ``_kind`` is CART or CARRIAGE.

    A difference beyond a cent per line is no rounding and stays: whoever checks the sums tells.
    """
    for rate in tax_lines:
        for kind in (CART, CARRIAGE):
            held = [
                tax
                for line in lines
                if line["_kind"] == kind
                for tax in line["taxes"]
                if tax["id"] == rate["rate_id"]
            ]
            _share(held, amount(rate[kind]))


def _share(taxes: list[Json], charged: Decimal) -> None:
    shown = sum((amount(tax["total"]) for tax in taxes), Decimal(0))
    missing = charged - shown
    if not missing or abs(missing) > CENT * len(taxes):
        return
    step = CENT if missing > 0 else -CENT
    order = sorted(taxes, key=lambda tax: abs(amount(tax["total"])), reverse=True)
    for tax in order:
        if abs(missing) < CENT:
            return
        tax["_total"] = str(amount(tax["total"]) + step)
        missing -= step


def amount(text: object) -> Decimal:
    """A figure of the shop; what is none counts nothing."""
    try:
        return Decimal(str(text or "0"))
    except InvalidOperation:
        return Decimal(0)
