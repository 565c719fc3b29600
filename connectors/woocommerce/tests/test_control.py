"""What people and the story do in the shop: to the cent, piece by piece, and seen in its window."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator import build
from connectors.woocommerce.tests.replay import ask

PRICES = ("0.85", "2.55", "0.03", "4.25", "1.95", "0.01", "12.75", "0.00")


@pytest.fixture
def british(tmp_path: Path) -> Any:
    with running(build, state=tmp_path / "shop.db") as up:
        goods = [
            {"name": f"Article {p}", "sku": f"A{p}", "regular_price": p, "manage_stock": True,
             "stock_quantity": 1000}
            for p in PRICES
        ]  # fmt: skip
        book = {"name": "Book", "sku": "BOOK", "regular_price": "5", "tax_class": "zero-rate"}
        up.control("seed", {"products": [*goods, book], "settings": {"tick": 0.05}})
        yield up


def order(shop: Running, id_: int) -> Any:
    return ask(shop, "GET", f"/orders/{id_}").json()


@pytest.mark.parametrize("qty", [1, 3, 7, 12, 48, 113])
def test_what_was_on_the_shelf_is_what_is_paid(british: Running, qty: int) -> None:
    lines = [{"sku": f"A{p}", "qty": qty, "unit_price": p} for p in PRICES]
    sold = british.control(
        "checkout",
        {"lines": [*lines, {"sku": "book", "qty": qty}], "shipping": {"total": "3.95"},
         "fees": [{"name": "Manual", "total": "-1.01"}], "placed_at": "2011-08-08T09:15:00Z"},
    )  # fmt: skip
    paid = sum(Decimal(p) * qty for p in (*PRICES, "5")) + Decimal("3.95") - Decimal("1.01")
    assert Decimal(sold["total"]) == paid
    shown = order(british, sold["id"])
    assert shown["date_created"] == "2011-08-08T10:15:00"  # British summer time
    assert (shown["status"], shown["date_paid_gmt"]) == ("processing", "2011-08-08T09:15:00")
    for line, price in zip(shown["line_items"], (*PRICES, "5"), strict=True):
        assert Decimal(line["total"]) + Decimal(line["total_tax"]) == Decimal(price) * qty


def test_refunds_piece_by_piece_add_up_to_what_was_paid(british: Running) -> None:
    lines = [{"sku": "A2.55", "qty": 7}, {"sku": "A0.85", "qty": 3}, {"sku": "A2.55", "qty": 2}]
    sold = british.control("checkout", {"lines": lines, "shipping": {"total": "3.95"}})
    amounts = [
        british.control("refund", {"order_id": sold["id"], "lines": back, "restock": True})
        for back in (
            [{"sku": "a2.55", "qty": 2}],
            [{"sku": "A2.55", "qty": 6}, {"sku": "A0.85", "qty": 1}],  # over two lines of it
            [{"sku": "A2.55", "qty": 1}, {"sku": "A0.85", "qty": 2}, {"sku": "POST", "qty": 1}],
        )
    ]
    assert [a["amount"] for a in amounts] == ["5.10", "16.15", "8.20"]
    assert order(british, sold["id"])["status"] == "refunded"
    counts = british.control("counts", method="GET")
    assert (counts["orders"], counts["refunds"]) == (1, 3)
    stock = {p["sku"]: p["stock_quantity"] for p in ask(british, "GET", "/products").json()}
    assert stock["A2.55"] == stock["A0.85"] == 1000


def test_more_than_was_bought_is_not_refunded(british: Running) -> None:
    sold = british.control("checkout", {"lines": [{"sku": "A0.85", "qty": 2}]})
    body = {"order_id": sold["id"], "lines": [{"sku": "A0.85", "qty": 3}]}
    assert british.call("POST", "/_sim/refund", body).status == 400
    assert british.control("counts", method="GET")["refunds"] == 0


def test_the_shop_survives_its_process(tmp_path: Path) -> None:
    for _ in range(2):
        with running(build, state=tmp_path / "shop.db") as up:
            up.control("seed", {"products": [{"name": "x", "sku": f"X{time.time_ns()}"}]})
            count = up.control("counts", method="GET")["products"]
    assert count == 2


def test_the_window_shows_orders_and_its_buttons_work(british: Running) -> None:
    assert british.call("POST", "/_sim/act/sell").status == 303
    (sold,) = ask(british, "GET", "/orders").json()
    page = british.call("GET", f"/?order={sold['id']}").body.decode()
    assert f"Order {sold['id']}" in page
    assert sold["line_items"][0]["sku"] in page
    assert british.call("POST", "/_sim/act/refund").status == 303
    assert british.call("POST", "/_sim/act/price").status == 303
    assert "There is no order 424242" in british.call("GET", "/?order=424242").body.decode()
    hostile = {"products": [{"name": "<script>alert(1)</script>", "sku": "EVIL"}]}
    british.control("seed", hostile)
    assert "<script>" not in british.call("GET", "/?q=evil").body.decode()
    assert british.call("POST", "/_sim/act/plug").status == 303
    with pytest.raises(Exception, match="no whole answer"):
        ask(british, "GET", "/orders")
    assert british.call("GET", "/").status == 200


@pytest.mark.slow
def test_a_full_shop_is_no_burden(british: Running) -> None:
    """300 orders of 20 lines among 1,600 products, in a few seconds on two shared cores."""
    many = [
        {"name": f"P{i}", "sku": f"P{i}", "regular_price": "1.25", "manage_stock": True}
        for i in range(1600)
    ]
    british.control("seed", {"products": many})
    started = time.monotonic()
    for n in range(300):
        lines = [{"sku": f"P{(n * 7 + i * 13) % 1600}", "qty": 2} for i in range(20)]
        british.control("checkout", {"lines": lines})
    assert time.monotonic() - started < 60
    started = time.monotonic()
    assert len(ask(british, "GET", "/orders?per_page=100").json()) == 100
    update = [{"id": i + 20, "stock_quantity": i} for i in range(100)]
    ask(british, "POST", "/products/batch", {"update": update})
    assert time.monotonic() - started < 5
