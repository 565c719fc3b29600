"""Prices that come out to the cent although Odoo rounds unit prices to two decimals.

Three for 10.00 can't be said with one unit price; two at 3.33 and one at 3.34 can.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Priced:
    """A part of a line: ``qty`` pieces at ``unit`` each."""

    qty: Decimal
    unit: Decimal

    @property
    def total(self) -> Decimal:
        return self.qty * self.unit


def exact(text: Any) -> Decimal:
    """A decimal from canonical text, or from a JSON number's shortest text."""
    return Decimal(str(text or 0))


def cents(value: Decimal) -> Decimal:
    """Half up to cents."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def edge(value: Decimal) -> float:
    """For Odoo's JSON, which knows only numbers; the shortest text of such a float is exact."""
    return float(value)


def priced(total: Decimal, qty: Decimal) -> list[Priced]:
    """Split ``qty`` (above zero) pieces worth ``total`` (cents) into at most two unit prices.

    A fraction of a piece gets the nearest unit price; the order's total then decides.
    """
    total = cents(total)
    if qty == 0:
        return [Priced(qty, Decimal("0.00"))]
    if qty != qty.to_integral_value():
        return [Priced(qty, cents(total / qty))]
    low = (total / qty).quantize(CENT, rounding=ROUND_DOWN)
    step = CENT if total > low * qty else -CENT
    odd = abs((total - low * qty) / CENT)
    return [part for part in (Priced(qty - odd, low), Priced(odd, low + step)) if part.qty]


def shares(amount: Decimal, weights: dict[Any, Decimal]) -> dict[Any, Decimal]:
    """Divide an amount (cents) in proportion; the last takes what rounding leaves."""
    whole = sum(weights.values(), Decimal(0))
    parts: dict[Any, Decimal] = {}
    left = amount
    for index, (key, weight) in enumerate(weights.items(), start=1):
        last = index == len(weights)
        parts[key] = left if last or not whole else cents(amount * weight / whole)
        left -= parts[key]
    return {key: part for key, part in parts.items() if part}
