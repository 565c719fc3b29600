"""Coupons of an order: a share of every line, an amount off each piece, or off the whole cart.

Percent coupons are recorded (111, 297). How an amount is shared out is not; it follows what the
shop is known to do: the same whole cents off each piece, again while something is left, then cent
by cent.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors
from connectors.woocommerce.simulator.money import CENT, cents, places, rates_for, without_tax
from connectors.woocommerce.simulator.shop import Shop

Retax = Callable[[Shop, Row, Row], None]


def asked(shop: Shop, body: Row) -> list[Row]:
    """The coupons a request names. Raises WooError 400 for an unknown code.

    A coupon: {code, percent} or {code, amount, type: fixed_cart | fixed_product}.
    """
    used = []
    for line in body.get("coupon_lines") or []:
        coupon = shop.store.get("coupon", str(line.get("code", "")).lower())
        if coupon is None:
            raise errors.WooError(
                400,
                "woocommerce_rest_invalid_coupon",
                f"Coupon &quot;{line.get('code')}&quot; cannot be applied because it does not "
                "exist.",
            )
        used.append(coupon)
    return used


def share(used: list[Row]) -> Decimal:
    """What percent coupons take off every line, all reckoned on the full price."""
    return sum((Decimal(str(c.get("percent", 0))) / 100 for c in used), Decimal(0))


def apply(shop: Shop, row: Row, used: list[Row], retax: Retax) -> None:
    """Take amounts off the lines, and note on the order what each coupon took."""
    for coupon in used:
        if "percent" in coupon:
            taken = [
                cents(Decimal(x["subtotal"]) * Decimal(str(coupon["percent"])) / 100)
                for x in row["lines"]
            ]
        else:
            taken = [
                _off(shop, row, line, gross)
                for line, gross in zip(row["lines"], _amounts(row, coupon), strict=True)
            ]
        tax = Decimal(0)
        for line, net in zip(row["lines"], taken, strict=True):
            before = _tax(line)
            if "percent" not in coupon:
                line["total"] = places(Decimal(line["total"]) - net, 6)
                retax(shop, row, line)
            tax += before - _tax(line)
        noted = {"off": places(sum(taken, Decimal(0))), "off_tax": places(tax)}
        row["coupon_lines"].append({**coupon, **noted, "id": shop.item_id()})


def _amounts(row: Row, coupon: Row) -> list[Decimal]:
    """What a fixed coupon takes off each line, as the customer sees prices."""
    amount = Decimal(str(coupon["amount"]))
    prices = [_shown(row, line) for line in row["lines"]]
    pieces = [line["quantity"] for line in row["lines"]]
    if coupon.get("type") == "fixed_product":
        return [min(amount * n, price) for n, price in zip(pieces, prices, strict=True)]
    left, taken = min(amount, sum(prices, Decimal(0))), [Decimal(0)] * len(prices)
    while left > 0:
        open_ones = [i for i, price in enumerate(prices) if taken[i] < price and pieces[i] > 0]
        each = (left / sum(pieces[i] for i in open_ones)).quantize(CENT, rounding="ROUND_DOWN")
        for i in open_ones:
            more = min(each * pieces[i] or CENT, prices[i] - taken[i], left)
            taken[i] += more
            left -= more
    return taken


def _shown(row: Row, line: Row) -> Decimal:
    net = Decimal(line["total"])
    return cents(net + _tax(line)) if row["prices_include_tax"] else cents(net)


def _off(shop: Shop, row: Row, line: Row, shown: Decimal) -> Decimal:
    """The net part of an amount off; where prices include tax, tax is in the amount too."""
    if not row["prices_include_tax"]:
        return shown
    return without_tax(shown, rates_for(shop, "", "", line["tax_class"]))


def _tax(line: Row) -> Decimal:
    return sum((Decimal(t["total"]) for t in line["taxes"]), Decimal(0))
