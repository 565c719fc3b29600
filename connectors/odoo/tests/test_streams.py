"""What Odoo tells the hub: everything once, changes soon, and late commits after all."""

from __future__ import annotations

import msgspec
import pytest

from connectors.odoo.changes import LONGEST, OVERLAP, SWEEP_EVERY, Window, window
from connectors.odoo.tests.shop_world import World, earlier, item, write
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Heard


def test_the_first_poll_tells_everything_and_a_quiet_one_nothing(shop: World) -> None:
    products, cursor = shop.read("products", {})
    assert [p.body["default_code"] for p in products] == ["22423", "84879", "BOOK", "POST"]
    assert products[0].body["tax_codes"] == ["VAT20"]
    # The articles were written within the overlap of this poll; a while later it is quiet.
    later = {"at": "2099-01-01 00:00:00", "swept": "2099-01-01 00:00:00"}
    assert shop.read("products", later)[0] == []
    assert set(cursor) == {"at", "swept"}


def test_a_changed_price_is_told_with_a_new_identity(shop: World) -> None:
    first = {h.identity for page in shop.odoo.read("products", {}) for h in page.heard}
    shop.sim.control("price", {"sku": "22423", "price": "13.25"})
    again = {h.identity for page in shop.odoo.read("products", {}) for h in page.heard}
    # Unchanged articles keep their identity (the hub drops them); the changed one has a new one.
    assert len(again - first) == 1


def test_stock_is_told_per_warehouse_with_what_is_reserved(shop: World) -> None:
    levels, cursor = shop.read("stock", {})
    told = {r.external_id: (r.body["on_hand"], r.body["reserved"]) for r in levels}
    cakestand = shop.ids["22423"]
    assert told[f"{cakestand}@CEN"] == (50, 0)
    assert len(told) == 5

    shop.order()
    write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    changed, _ = shop.read("stock", earlier(cursor, 0))
    told = {r.external_id: (r.body["on_hand"], r.body["reserved"]) for r in changed}
    assert told[f"{cakestand}@CEN"] == (50, 2)
    assert told[f"{cakestand}@S01"] == (19, 0)


def test_a_shelf_whose_quant_odoo_deleted_is_told_as_empty(shop: World) -> None:
    _, cursor = shop.read("stock", {})
    product = shop.ids["84879"]
    body = {"product_id": str(product), "from": "S01", "qty": "30", "reason": "damage"}
    write(shop.odoo, "stock_movement", item("xd-m1", body))
    [quant] = shop.rows("stock.quant", [["product_id", "=", product], ["quantity", "=", 0]])
    shop.api("stock.quant", "unlink", ids=[quant["id"]])
    told = {r.external_id: r for r in shop.read("stock", earlier(cursor, 0))[0]}
    assert told[f"{product}@S01"].body["on_hand"] == 0
    assert told[f"{product}@S01"].version


def test_a_delivery_and_the_orders_state_are_told(shop: World) -> None:
    order = shop.order()
    _, cursor = shop.read("orders", {})
    assert shop.read("deliveries", {})[0] == []
    shop.sim.control("ship", {"count": 1})
    [delivery] = shop.read("deliveries", {})[0]
    assert delivery.body["order_id"] == int(order)
    assert delivery.body["warehouse"] == "CEN"
    assert delivery.body["tracking"][0].startswith("XD")
    assert {line["sku"] for line in delivery.body["lines"]} == {"22423", "84879"}
    [told] = shop.read("orders", earlier(cursor, 0))[0]
    assert (told.body["delivery_status"], told.our_ref) == ("full", "xd-o1")
    # A receipt's picking is no delivery of an order.
    write(shop.odoo, "pos_sale", item("xd-s1", shop.receipt_body()))
    assert len(shop.read("deliveries", {})[0]) == 1


def test_an_archived_article_is_told_as_archived(shop: World) -> None:
    shop.api("product.product", "write", ids=[shop.ids["BOOK"]], vals={"active": False})
    told = {r.body["default_code"]: r.body["active"] for r in shop.read("products", {})[0]}
    assert told["BOOK"] is False and told["22423"] is True


def test_a_long_stream_is_read_in_pages_and_goes_on_where_it_was_broken_off(shop: World) -> None:
    articles = [{"sku": f"A{n}", "title": "A", "price": "1"} for n in range(1100)]
    shop.sim.control("seed", {"products": articles})
    pages = shop.odoo.read("products", {})
    first = next(pages)
    assert len(first.heard) == 500
    rest, cursor = shop.read("products", first.cursor)
    assert len(rest) == 604
    assert "doing" not in cursor


def test_windows_reach_back_over_the_longest_transaction() -> None:
    assert window({}) == Window("", True)
    quick = window({"at": "2026-11-23 19:00:20", "swept": "2026-11-23 19:00:00"})
    assert quick == Window(f"2026-11-23 19:00:{20 - OVERLAP}", False)
    assert (LONGEST, SWEEP_EVERY) == (60, 60)
    sweep = window({"at": "2026-11-23 19:01:00", "swept": "2026-11-23 19:00:00"})
    assert sweep == Window("2026-11-23 18:59:00", True)


def test_records_are_read_again_by_id(shop: World) -> None:
    product = shop.ids["22423"]
    found = shop.odoo.reread("stock", [f"{product}@CEN", f"{product}@NOPE"])
    level = found[f"{product}@CEN"]
    assert level is not None and level.body["on_hand"] == 50
    assert found[f"{product}@NOPE"] is None
    again = shop.odoo.reread("products", [str(product), "999999"])
    assert again["999999"] is None
    assert again[str(product)] is not None


def test_bytes_that_are_no_row_are_parked(shop: World) -> None:
    for body in (b"<html>", b"[]", msgspec.json.encode({"id": 1})):
        with pytest.raises(Unreadable):
            shop.odoo.understand(Heard("products", "x", body))
