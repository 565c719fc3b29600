"""What a target lacks is waited for, told once, and one fix lets everything go on, in order."""

from __future__ import annotations

import pytest

from connectors.registry import connectors
from hub.sync import causes, claim, deliver, needs, normalize
from hub.sync.models import Binding, BusinessException, Need
from hub.sync.needs import Lack
from hub.sync.sql import execute, rows
from tests.sync.retail import PRICE, Retail

pytestmark = pytest.mark.xdist_group("retail-dependencies")


def only_in_the_shop(retail: Retail, *skus: str) -> None:
    for sku in skus:
        retail.woo("products", "POST", {"name": sku, "sku": sku, "regular_price": PRICE})


def create_in_the_erp(retail: Retail, *skus: str) -> None:
    for sku in skus:
        retail.erp.control("product", {"sku": sku, "title": sku, "price": PRICE, "tax": "VAT20",
                                       "kind": "goods", "stock": {"CEN": 9}})  # fmt: skip


def grace_passes(retail: Retail) -> None:
    """Nobody is told before what is missing has had time to come."""
    execute("UPDATE sync_need SET created_at = created_at - %s", [causes.GRACE])
    retail.turn()


def test_an_order_with_three_unknown_skus_is_blocked_once_and_freed_by_the_last(
    retail: Retail,
) -> None:
    skus = ["NEW-1", "NEW-2", "NEW-3"]
    only_in_the_shop(retail, *skus)
    number = retail.order(*skus, retail.article())
    retail.hear("shop")
    grace_passes(retail)
    delivery = retail.delivery("order", retail.record("order", number))
    assert (delivery.problem, delivery.problem_code) == ("blocked", "sku-missing")
    lacking = Need.objects.filter(delivery=delivery, record__entity="product")
    assert lacking.count() == 3, "all at once, not one by one"
    assert retail.open_exceptions() == {"sku-missing": 3}, "one for each cause"
    assert retail.orders_of(number) == []

    create_in_the_erp(retail, *skus[:2])
    retail.hear("erp")
    delivery.refresh_from_db()
    assert delivery.problem == "blocked", "the third is still missing"
    assert retail.orders_of(number) == []

    create_in_the_erp(retail, skus[2])
    retail.hear("erp")
    assert [o["amount_total"] for o in retail.orders_of(number)] == [12.0]
    assert retail.open_exceptions() == {}, "they closed by themselves"
    closed = BusinessException.objects.filter(code="sku-missing", resolution="healed")
    assert closed.count() == 3


def test_many_orders_wait_under_one_exception_and_go_on_in_their_order(retail: Retail) -> None:
    only_in_the_shop(retail, "MANY")
    numbers = [retail.order("MANY") for _ in range(4)]
    retail.hear("shop")
    assert retail.open_exceptions() == {}, "what is missing may come with the next page"
    grace_passes(retail)
    assert retail.open_exceptions() == {"sku-missing": 1}
    exception = BusinessException.objects.get(state="open")
    assert (exception.owner, exception.entity) == ("merchant", "product")
    assert "many" in exception.title.lower()

    create_in_the_erp(retail, "MANY")
    retail.hear("erp")
    retail.settle()
    made = [retail.orders_of(number)[0]["id"] for number in numbers]
    assert len(set(made)) == 4
    assert retail.open_exceptions() == {}


@pytest.mark.slow
def test_a_known_provider_on_its_way_needs_no_exception(retail: Retail) -> None:
    """The guest is new too: the order waits for the customer's own delivery, silently."""
    grace = {"email": "grace@example.com", "first_name": "Grace", "last_name": "Hopper",
             "country": "GB"}  # fmt: skip
    number = retail.order(retail.article(), customer=grace)
    retail.fault(retail.erp, "down", "res.partner/load", count=1)
    retail.poll("shop")
    retail.turn()
    grace_passes(retail)
    assert retail.open_exceptions() == {}
    retail.settle()
    assert len(retail.orders_of(number)) == 1
    hers = [["email", "=", "grace@example.com"]]
    partners = retail.odoo("res.partner", "search_read", domain=hers, fields=["name"])
    assert [p["name"] for p in partners] == ["Grace Hopper"]


@pytest.mark.parametrize("round_", range(4))
def test_a_binding_made_while_one_blocks_on_it_wakes_it(retail: Retail, round_: int) -> None:
    """E2: each side would look before the other wrote, and the order would sleep for ever."""
    sku = f"RACE-{round_}"
    only_in_the_shop(retail, sku)
    number = retail.order(sku)
    erp = retail.connection("erp")
    create_in_the_erp(retail, sku)
    retail.poll("shop")
    retail.poll("erp")
    shop = retail.connection("shop")

    normalize.drain_inbox(shop.id)
    retail.together(lambda: deliver.drain_deliveries(erp.id), lambda: normalize.drain_inbox(erp.id))
    retail.work()
    assert len(retail.orders_of(number)) == 1
    assert retail.open_exceptions() == {}


def test_blocking_on_what_is_bound_by_now_leaves_it_due(retail: Retail) -> None:
    """The blocker looks again once it holds the needed record's lock."""
    sku = retail.article()
    number = retail.order(sku)
    retail.poll("shop")
    normalize.drain_inbox(retail.connection("shop").id)
    erp = retail.connection("erp")
    delivery = retail.delivery("order", retail.record("order", number))
    resources = {r.name: r for r in connectors()["odoo"].manifest.resources}
    tasks = claim.claim(erp.id, resources, 10)
    product = Binding.objects.get(connection_id=erp.id, object="product",
                                  record=retail.record("product", sku)).record_id  # fmt: skip
    waiting = needs.block(erp.id, tasks[0].fence, [Lack(delivery.id, product, "product")])
    assert waiting == 0
    assert not Need.objects.filter(delivery=delivery).exists()
    execute("UPDATE sync_work SET lease_until = NULL WHERE connection_id = %s", [erp.id])
    assert rows("SELECT next_at <= now() FROM sync_work WHERE delivery_id = %s", [delivery.id]) == [
        (True,)
    ]
    retail.settle()
    assert len(retail.orders_of(number)) == 1
