"""What is counted: a document once in its life, a level once per change of its source."""

from __future__ import annotations

from functools import partial

import pytest

from billing.models import UsageEvent
from connectors.sdk.records import Done
from hub.sync.models import Delivery, Record
from hub.sync.sql import execute
from tests.sync.retail import Retail
from tests.sync.test_leases import Worker, known_guest, lapse

pytestmark = pytest.mark.xdist_group("retail-usage")


def of(record: Record) -> list[str]:
    return list(UsageEvent.objects.filter(record_id=record.id).values_list("meter", flat=True))


def test_a_document_is_counted_once_however_often_it_is_amended(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.hear("shop")
    record = retail.record("order", number)
    assert of(record) == ["document"]
    for text in ("one", "two"):
        retail.woo(f"orders/{number}", "PUT", {"customer_note": text})
        retail.hear("shop")
    assert of(record) == ["document"]


def test_a_level_is_counted_once_per_change_and_not_for_what_was_never_sent(
    retail: Retail,
) -> None:
    sku = retail.article()
    record = Record.objects.get(entity="price", number=sku)
    targets = Delivery.objects.filter(record=record).count()
    before = len(of(record))
    for value in ("4.00", "5.00"):
        retail.erp.control("price", {"sku": sku, "price": value})
        retail.hear("erp")
    assert len(of(record)) - before == 2 * targets
    for value in ("6.00", "7.00", "8.00"):
        retail.erp.control("price", {"sku": sku, "price": value})
        retail.poll("erp")
        retail.work_inbox()
    retail.work()
    assert len(of(record)) - before == 3 * targets, "three changes collapsed into one write"


@pytest.mark.slow
def test_two_targets_that_confirm_at_once_count_the_document_once(retail: Retail) -> None:
    """E9: each would see the other undone, and it would never be counted. The second target is
    a slot of its own at the shop, made by hand: no two of the small retailer's flows share one."""
    known_guest(retail)
    for _ in range(3):
        number = retail.order(retail.article())
        retail.poll("shop")
        retail.work_inbox()
        record = retail.record("order", number)
        erp, shop = Worker(retail, "erp"), _second_target(retail, record)
        one = erp.task("order")
        two = next(t for t in shop.tasks if t.resource.name == "order_status")
        sent = erp.send(one)
        retail.together(
            partial(erp.settle, one, sent), partial(shop.settle, two, Done(str(number)))
        )
        assert of(record) == ["document"]
        lapse(retail)  # what the two workers took besides
        retail.settle()
        assert of(record) == ["document"]


def _second_target(retail: Retail, record: Record) -> Worker:
    shop = retail.connection("shop")
    execute(
        "INSERT INTO sync_delivery (id, environment_id, connection_id, resource, record_id,"
        " flow_id, wanted, delivered) SELECT gen_random_uuid(), environment_id, %s,"
        " 'order_status', record_id, (SELECT id FROM flows_flow WHERE slug = 'status-to-shop'),"
        " 1, 0 FROM sync_delivery WHERE record_id = %s AND resource = 'order'",
        [shop.id, record.id],
    )
    execute(
        "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq)"
        " SELECT id, connection_id, resource, record_id, 1 FROM sync_delivery"
        " WHERE record_id = %s AND resource = 'order_status'",
        [record.id],
    )
    return Worker(retail, "shop")
