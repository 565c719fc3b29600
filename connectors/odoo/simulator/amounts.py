"""Odoo's amounts: exact inside, floats at the API because that is what Odoo speaks.

Rounding per line (Odoo's default), half up; unit prices to the precision "Product Price" (2).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sdk.simulation.store import Row

CENT = Decimal("0.01")


def exact(value: Any) -> Decimal:
    """The decimal a JSON number was meant to be."""
    return Decimal(str(value or 0))


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def number(value: Decimal) -> float:
    return float(value)


def price(value: Any) -> float:
    return float(cents(exact(value)))


def total_of(values: list[Any]) -> float:
    return float(sum((exact(v) for v in values), Decimal(0)))


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """``net``: without tax, ``gross``: with."""

    net: Decimal
    gross: Decimal

    @property
    def tax(self) -> Decimal:
        return self.gross - self.net


def line_amounts(qty: Any, unit: Any, discount: Any, taxes: list[Row]) -> LineAmounts:
    """Percent taxes, included in the price or on top."""
    shown = cents(exact(qty) * exact(unit) * (1 - exact(discount) / 100))
    included = sum((exact(t["amount"]) for t in taxes if t["price_include"]), Decimal(0))
    added = sum((exact(t["amount"]) for t in taxes if not t["price_include"]), Decimal(0))
    net = shown - cents(shown - shown / (1 + included / 100)) if included else shown
    gross = shown + cents(net * added / 100)
    return LineAmounts(net, gross)
