"""Prices and taxes of the shop, in exact decimals; floats only where the real API shows them."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator.shop import Shop

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")


def places(amount: Decimal, dp: int = 2) -> str:
    return str(amount.quantize(Decimal(1).scaleb(-dp), rounding=ROUND_HALF_UP))


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def tax_cents(amount: Decimal, inclusive: bool) -> Decimal:
    """A line's tax in cents. Where prices include tax it is rounded half *down*, so that net
    (rounded half up) and tax add up to the price on the shelf."""
    return amount.quantize(CENT, rounding=ROUND_HALF_DOWN if inclusive else ROUND_HALF_UP)


def cleaned_price(value: Any) -> str:
    """A price as the shop stores what it was sent: a comma is dropped (findings 21 and 56)."""
    return "" if value is None else re.sub(r"[^0-9.\-]", "", str(value))


def php_number(amount: Decimal) -> int | float:
    """PHP's JSON shows a whole number without a point (finding 22)."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def php_division(amount: Decimal, by: int) -> int | float:
    """A line's price, divided as floats like PHP does, digits and all (finding 22)."""
    quotient = float(amount) / by if by else 0.0
    return int(quotient) if quotient.is_integer() else quotient


def short(amount: Decimal) -> str:
    """Without padding, as `coupon_lines[].discount` shows it."""
    text = places(amount)
    return text.rstrip("0").rstrip(".") if "." in text else text


def rates_for(shop: Shop, country: str, state: str, tax_class: str) -> list[Row]:
    """The rates that apply to an address: one per priority, the more specific first."""
    if not country:
        country, state = shop.settings["country"], shop.settings["state"]
    fitting = [
        rate
        for rate in shop.table("tax").values()
        if rate["class"] == (tax_class or "standard")
        and rate["country"] in ("", country)
        and rate["state"] in ("", state)
    ]
    fitting.sort(key=lambda r: (r["priority"], r["country"] == "", r["state"] == "", r["id"]))
    by_priority: dict[int, Row] = {}
    for rate in fitting:
        by_priority.setdefault(rate["priority"], rate)
    return list(by_priority.values())


def tax_on(net: Decimal, rates: list[Row]) -> dict[int, Decimal]:
    """Tax per rate id on a net amount; a compound rate also taxes the taxes before it."""
    taxes: dict[int, Decimal] = {}
    for rate in rates:
        base = net + sum(taxes.values()) if rate["compound"] else net
        taxes[rate["id"]] = (base * Decimal(rate["rate"]) / 100).quantize(MICRO)
    return taxes


def without_tax(gross: Decimal, rates: list[Row]) -> Decimal:
    """The net amount in a price that includes these rates."""
    factor = Decimal(1)
    for rate in rates:
        share = Decimal(rate["rate"]) / 100
        factor = factor * (1 + share) if rate["compound"] else factor + share
    return (gross / factor).quantize(MICRO, rounding=ROUND_HALF_UP)
