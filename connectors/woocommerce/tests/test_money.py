"""Coupons, fees, carriage, several taxes: what we take out of an order adds up to what was paid."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from connectors.sdk.records import Json
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.tests.replay import ask, recording, replay
from connectors.woocommerce.unfold import LINES, unfolded

MONTREAL = {"country": "CA", "state": "QC", "email": "jean@example.test", "first_name": "Jean"}
NEW_YORK = {"country": "US", "state": "NY", "email": "ada@example.test", "first_name": "Ada"}
COUPONS = [
    {"code": "ten", "percent": 10},
    {"code": "seven-off", "amount": "7.00", "type": "fixed_cart"},
    {"code": "each", "amount": "0.35", "type": "fixed_product"},
]


def settings(shop: Running, **changed: Any) -> None:
    shop.control("seed", {"settings": changed, "coupons": COUPONS})


def bought(shop: Running, woo: WooCommerce, **told: Any) -> Json:
    """A customer buys; the order as a mapping gets it."""
    number = str(shop.control("checkout", {"customer": NEW_YORK, **told})["id"])
    read = woo.reread("orders", [number])[number]
    assert read is not None
    return read.body


def lines(order: Json) -> list[Json]:
    return [line for name in LINES for line in order[name]]


def summed(order: Json) -> Decimal:
    """Net and taxes of every line, as they go into the books."""
    amounts = [Decimal(line["total"]) for line in lines(order)]
    amounts += [Decimal(tax["_total"]) for line in lines(order) for tax in line["taxes"]]
    return sum(amounts, Decimal(0))


def line(sku: str, qty: int, price: str) -> Json:
    return {"sku": sku, "qty": qty, "unit_price": price}


def test_a_compound_tax_is_reckoned_on_the_price_and_the_taxes_before_it(shop: Running) -> None:
    """Recording 113: Quebec as the shop was set up then."""
    ask(shop, "PUT", "/products/61", {"regular_price": "10.00", "sale_price": ""})
    now, then = replay(shop, "113"), recording("113")["answer"]
    assert (now["total"], now["total_tax"]) == (then["total"], then["total_tax"])
    for order in (now, then):
        gst, qst = unfolded("orders", order)["line_items"][0]["taxes"]
        assert "_base" not in gst
        assert (qst["_base"], qst["_total"]) == ("31.50", "3.14")


def test_an_amount_off_the_cart_is_shared_to_the_cent(shop: Running, woo: WooCommerce) -> None:
    settings(shop)
    order = bought(
        shop, woo, coupons=["seven-off"],
        lines=[line("woo-tshirt", 1, "9.99"), line("woo-cap", 2, "4.49"),
               line("woo-beanie", 1, "1")],
    )  # fmt: skip
    assert order["discount_total"] == "7.00"
    off = [Decimal(x["subtotal"]) - Decimal(x["total"]) for x in order["line_items"]]
    assert sum(off) == Decimal("7.00")
    assert off[2] == Decimal("1.00"), "never more than the line"
    assert summed(order) == Decimal(order["total"])


def test_several_coupons_each_say_what_they_took(shop: Running, woo: WooCommerce) -> None:
    settings(shop)
    order = bought(
        shop, woo, coupons=["ten", "each"],
        lines=[line("woo-tshirt", 3, "10.00"), line("woo-cap", 1, "5.55")],
    )  # fmt: skip
    told = {c["code"]: c["discount"] for c in order["coupon_lines"]}
    assert told == {"ten": "3.56", "each": "1.4"}
    assert order["discount_total"] == "4.96"
    assert summed(order) == Decimal(order["total"])


def test_a_shop_that_rounds_the_sum_is_taken_at_its_word(shop: Running, woo: WooCommerce) -> None:
    """Each line's tax shows 0.42 where 0.4168 is meant: five of them are 2.08 and not 2.10."""
    settings(shop, round_at_subtotal=True)
    five = [line("woo-cap", 1, "10.42") for _ in range(5)]
    order = bought(shop, woo, lines=five)
    shown = sum(
        Decimal(t["total"]) for x in order["line_items"] for t in x["taxes"] if t["id"] == 1
    )
    assert (shown, order["tax_lines"][0]["tax_total"]) == (Decimal("2.10"), "2.08")
    parts = [t["_total"] for x in order["line_items"] for t in x["taxes"] if t["id"] == 1]
    assert sorted(parts) == ["0.41", "0.41", "0.42", "0.42", "0.42"]
    assert summed(order) == Decimal(order["total"])


def test_what_is_no_rounding_is_left_for_whoever_checks_the_sums() -> None:
    """A plugin that writes nonsense into the totals isn't helped by us."""
    order = recording("113")["answer"]
    order["tax_lines"][0]["tax_total"] = "9.50"
    gst = unfolded("orders", order)["line_items"][0]["taxes"][0]
    assert gst["_total"] == gst["total"] == "1.50"


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("at_subtotal", [True, False])
def test_any_order_adds_up(
    shop: Running, woo: WooCommerce, inclusive: bool, at_subtotal: bool
) -> None:
    """Odd prices, all coupons, fees on both sides of zero; one, two and compound taxes."""
    settings(shop, prices_include_tax=inclusive, round_at_subtotal=at_subtotal)
    dice = random.Random(1138)
    for _ in range(12):
        skus = dice.sample(["woo-tshirt", "woo-cap", "rec-mug", "woo-vneck-tee-red"], 3)
        order = bought(
            shop, woo,
            customer=dice.choice([NEW_YORK, MONTREAL]),
            lines=[line(s, dice.randint(1, 7), f"{dice.uniform(0.5, 99):.2f}") for s in skus],
            coupons=dice.sample(["ten", "seven-off", "each"], dice.randint(0, 3)),
            shipping={"title": "Post", "total": f"{dice.uniform(0, 12):.2f}"},
            fees=[{"name": "Fee", "total": f"{dice.uniform(-3, 3):.2f}"}],
        )  # fmt: skip
        assert summed(order) == Decimal(order["total"]), order["id"]
        per_rate = {t["rate_id"]: Decimal(t["tax_total"]) + Decimal(t["shipping_tax_total"])
                    for t in order["tax_lines"]}  # fmt: skip
        for rate, charged in per_rate.items():
            mine = [t for x in lines(order) for t in x["taxes"] if t["id"] == rate]
            assert sum(Decimal(t["_total"]) for t in mine) == charged
