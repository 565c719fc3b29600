"""The shortest story: what the ERP sells is in the shop, and what the shop sold is in the ERP."""

from __future__ import annotations

import pytest

from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-first")


def test_an_order_reaches_the_erp_once_and_stock_flows_back(retail: Retail) -> None:
    sku, other = retail.article(), retail.article()
    assert retail.on_shelf(sku)["stock_quantity"] == 48, "40 + 10 on hand, 2 kept as a buffer"
    assert retail.on_shelf(other)["regular_price"] == "3.00"

    number = retail.order(sku, other, qty=6)
    retail.until_quiet()
    assert retail.open_exceptions() == {}, retail.parked()
    assert [(o["amount_total"], o["state"]) for o in retail.orders_of(number)] == [(36.0, "sale")]
    assert [(i["amount_total"], i["payment_state"]) for i in retail.invoices_of(number)] == [
        (36.0, "paid")
    ]
    assert retail.on_shelf(sku)["stock_quantity"] == 42
    assert retail.on_shelf(other)["stock_quantity"] == 42
