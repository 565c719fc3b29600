"""The shortest story: what the ERP sells is in the shop, and what the shop sold is in the ERP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.retail import Retail, retail_world

pytestmark = pytest.mark.django_db(transaction=True)

GOODS = [
    {"sku": "85123A", "title": "White hanging heart", "price": "2.95", "tax": "VAT20",
     "kind": "goods", "stock": {"CEN": 40, "S01": 10}},
    {"sku": "22423", "title": "Regency cakestand", "price": "12.75", "tax": "VAT20",
     "kind": "goods", "stock": {"CEN": 20, "S01": 5}},
    {"sku": "POST", "title": "Postage", "price": "5.00", "tax": "VAT20", "kind": "service"},
    {"sku": "M", "title": "Manual", "price": "1.00", "tax": "VAT20", "kind": "service"},
]  # fmt: skip


@pytest.fixture
def retail(partnerless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retail]:
    with retail_world(tmp_path, monkeypatch) as world:
        world.erp.control("seed", {"products": GOODS, "api_key": "demo-key"})
        yield world


@pytest.fixture
def partnerless(_schemas: None) -> None:
    """A database without partners."""


def test_an_order_reaches_the_erp_once_and_stock_flows_back(retail: Retail) -> None:
    retail.until_quiet()
    shelf = {p["sku"]: p for p in retail.woo("products?per_page=100")}
    assert shelf["85123A"]["stock_quantity"] == 48, "40 + 10 on hand, 2 kept as a buffer"
    assert shelf["22423"]["regular_price"] == "12.75"

    retail.shop.control("checkout", {
        "lines": [{"sku": "85123A", "qty": 6, "unit_price": "2.95"},
                  {"sku": "22423", "qty": 1, "unit_price": "12.75"}],
        "customer": {"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron",
                     "country": "GB"},
        "payment_method": "card", "paid": True,
    })  # fmt: skip
    retail.until_quiet()
    assert retail.open_exceptions() == {}, retail.parked()
    orders = retail.odoo("sale.order", "search_read", domain=[], fields=["amount_total", "state"])
    assert [(o["amount_total"], o["state"]) for o in orders] == [(30.45, "sale")]
    invoices = retail.odoo("account.move", "search_read",
                           domain=[["move_type", "=", "out_invoice"]],
                           fields=["amount_total", "payment_state"])  # fmt: skip
    assert [i["amount_total"] for i in invoices] == [30.45]
    shelf = {p["sku"]: p for p in retail.woo("products?per_page=100")}
    assert shelf["85123A"]["stock_quantity"] == 42
    assert shelf["22423"]["stock_quantity"] == 22
