"""Levels end at the newest value of whoever owns them, whatever happened on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.sdk.records import SourceRecord
from hub.sync.models import Binding, Record
from hub.sync.receive import receive_hints, receive_reread
from hub.sync.sessions import connector_for
from hub.sync.sql import rows
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-levels")


def price(retail: Retail, sku: str, value: str) -> None:
    retail.erp.control("price", {"sku": sku, "price": value})


def content(record: Record) -> Any:
    assert record.content is not None
    return json.loads(bytes(record.content))


def ask_again(retail: Retail, slug: str, stream: str, external_id: object, why: str) -> None:
    """What a push leads to: the record is read again."""
    receive_hints(retail.connection(slug).id, stream, [str(external_id)], why)
    retail.work()


@pytest.mark.slow
def test_many_changes_while_the_shop_is_down_are_one_write_of_the_newest(retail: Retail) -> None:
    sku = retail.article()
    record = Record.objects.get(entity="price", number=sku)
    retail.fault(retail.shop, "down", "/products")
    before = len(retail.tried("price", record, "shop"))
    for n in range(10):
        price(retail, sku, f"{4 + n / 100:.2f}")
        retail.poll("erp")
        retail.work_inbox()
    retail.turn()
    retail.mend(retail.shop)
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "4.09"
    tried = retail.tried("price", record, "shop")[before:]
    assert [o for o, _ in tried if o == "done"] == ["done"], tried
    record.refresh_from_db()
    assert record.version > 10, "the changes themselves were seen"


@pytest.mark.slow
def test_changed_and_changed_back_in_doubt_ends_where_the_owner_is(retail: Retail) -> None:
    """The write of B had its effect, its answer was lost, the owner is back at A meanwhile: what
    the hub last knew of the shop is A too, and yet A must be sent."""
    sku = retail.article()
    price(retail, sku, "7.00")
    retail.hear("erp")
    assert retail.on_shelf(sku)["regular_price"] == "7.00"
    price(retail, sku, "8.00")
    retail.fault(retail.shop, "drop_after_effect", "/products/batch", count=1)
    retail.poll("erp")
    retail.turn()
    assert retail.on_shelf(sku)["regular_price"] == "8.00"
    price(retail, sku, "7.00")
    retail.poll("erp")
    retail.work_inbox()
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "7.00"


def test_what_the_target_holds_already_is_not_sent(retail: Retail) -> None:
    sku = retail.article()
    record = Record.objects.get(entity="price", number=sku)
    price(retail, sku, "7.00")
    retail.poll("erp")
    retail.work_inbox()
    price(retail, sku, "3.00")
    retail.poll("erp")
    retail.work_inbox()
    retail.work()
    assert retail.tried("price", record, "shop")[-1][0] == "unchanged"


def test_a_foreign_edit_of_what_the_erp_owns_never_enters_the_record(retail: Retail) -> None:
    sku = retail.article()
    product = retail.record("product", sku)
    before = content(product)
    shelf = retail.on_shelf(sku)
    retail.woo(f"products/{shelf['id']}", "PUT", {"name": "Bargain of the shop's own"})
    ask_again(retail, "shop", "products", shelf["id"], "edit")
    product.refresh_from_db()
    after = content(product)
    assert {name: after[name] for name in before} == before
    told = Binding.objects.get(record=product, connection_id=retail.connection("shop").id)
    assert b"Bargain" in bytes(told.facet or b""), "it was heard, and has no say"


def test_the_echo_of_our_own_create_makes_no_second_record(retail: Retail) -> None:
    """Rule 2.6: the shop tells of the product before our settle has told what it is called."""
    retail.erp.control("product", {"sku": "ECHO", "title": "Echo", "price": "3.00"})
    retail.poll("erp")
    retail.work_inbox()
    retail.fault(retail.shop, "drop_after_effect", "/products/batch", count=1)
    retail.turn()
    shelf = retail.on_shelf("ECHO")
    product = retail.record("product", "ECHO")
    shop = retail.connection("shop")
    assert not Binding.objects.filter(record=product, connection_id=shop.id).exists()
    ask_again(retail, "shop", "products", shelf["id"], "created")
    retail.settle()
    assert Record.objects.filter(entity="product", number="ECHO").count() == 1
    assert Binding.objects.get(record=product, connection_id=shop.id).external_id == str(
        shelf["id"]
    )
    assert len(retail.woo("products?sku=ECHO")) == 1


def test_what_the_erp_adds_to_an_order_merges_and_goes_back_to_the_shop(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.hear("shop")
    record = retail.record("order", number)
    before = content(record)
    (order,) = retail.orders_of(number)
    retail.erp.control("ship", {"orders": [order["id"]]})
    retail.hear("erp")
    retail.settle()
    record.refresh_from_db()
    after = content(record)
    assert after["fulfilment_state"] == "fulfilled"
    assert {k: v for k, v in after.items() if k != "fulfilment_state"} == {
        k: v for k, v in before.items() if k != "fulfilment_state"
    }
    assert retail.woo(f"orders/{number}")["status"] == "completed"
    retail.until_quiet()
    assert len(retail.orders_of(number)) == 1, "its own completion is no second order"


def test_a_read_that_began_earlier_and_ends_later_loses(retail: Retail) -> None:
    """Our own reads are ordered by when they began, whatever stamps the source writes."""
    sku = retail.article()
    erp = retail.connection("erp")
    product = Binding.objects.get(record=retail.record("product", sku), connection_id=erp.id)
    early = datetime.now(UTC)
    with connector_for(erp) as odoo:
        (slow,) = odoo.reread("products", [product.external_id]).values()
    assert isinstance(slow, SourceRecord)
    price(retail, sku, "9.00")
    retail.hear("erp")
    receive_reread(erp.id, [slow], early)
    retail.work()
    assert retail.on_shelf(sku)["regular_price"] == "9.00"


def test_a_version_is_never_visible_without_its_wish(retail: Retail) -> None:
    """Rule 2.3, asked of everything these stories left behind."""
    missing = rows(
        "SELECT r.entity, r.number FROM sync_record r JOIN sync_delivery d ON d.record_id = r.id"
        " WHERE r.state = 'live' AND d.resource = 'price' AND d.wanted < r.version"
    )
    assert missing == []
