"""Money and goods that come back from the shop's customers."""

from __future__ import annotations

from typing import Any

import pytest

from hub.sync.sql import execute
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-refunds")


def refund(retail: Retail, number: int, lines: list[dict[str, Any]] | None, restock: bool) -> None:
    told = {"order_id": number, "restock": restock} | ({} if lines is None else {"lines": lines})
    retail.shop.control("refund", told)
    retail.hear("shop")
    retail.turn()


def notes(retail: Retail, number: int) -> list[tuple[float, str]]:
    return [
        (i["amount_total"], i["payment_state"])
        for i in retail.invoices_of(number)
        if i["move_type"] == "out_refund"
    ]


def test_a_part_is_refunded_to_the_cent(retail: Retail) -> None:
    sku = retail.article()
    number = retail.order(sku, retail.article(), qty=3)
    retail.hear("shop")
    refund(retail, number, [{"sku": sku, "qty": 1}], restock=False)
    assert notes(retail, number) == [(3.0, "paid")]
    refund(retail, number, [{"sku": sku, "qty": 2}], restock=False)
    assert sorted(notes(retail, number)) == [(3.0, "paid"), (6.0, "paid")]


def test_the_whole_is_refunded_once(retail: Retail) -> None:
    number = retail.order(retail.article(), retail.article(), qty=2)
    retail.hear("shop")
    refund(retail, number, None, restock=False)
    retail.hear("shop")
    retail.hear("shop")
    assert notes(retail, number) == [(12.0, "paid")]


def test_goods_go_back_only_after_they_were_shipped(retail: Retail) -> None:
    sku = retail.article()
    number = retail.order(sku, qty=3)
    retail.hear("shop")
    refund(retail, number, [{"sku": sku, "qty": 2}], restock=True)
    (order,) = retail.orders_of(number)
    back = [["sale_id", "=", order["id"]], ["return_id", "!=", False]]
    assert retail.odoo("stock.picking", "search_count", domain=back) == 0
    assert notes(retail, number) == [(6.0, "paid")], "the money doesn't wait for the goods"
    assert retail.open_exceptions() == {}, "it is not due yet, nobody need act"

    retail.erp.control("ship", {"orders": [order["id"]]})
    execute("UPDATE sync_work SET next_at = now() WHERE next_at < 'infinity'")
    retail.work()
    (picking,) = retail.odoo("stock.picking", "search_read", domain=back, fields=["state"])
    assert picking["state"] == "done"
    moved = retail.odoo("stock.move", "search_read", fields=["quantity"],
                        domain=[["picking_id", "=", picking["id"]]])  # fmt: skip
    assert sum(m["quantity"] for m in moved) == 2
