"""Conditions, cancelled and amended documents, dead letters: what the newest version asks."""

from __future__ import annotations

import pytest

from hub.connections import lifecycle as connections
from hub.flows import lifecycle as flows
from hub.flows.models import Flow
from hub.sync.models import Commitment, Delivery, Work
from tests.sync.retail import PRICE, Retail

pytestmark = pytest.mark.xdist_group("retail-amendments")

CONFIRMED = {"path": "order_state", "in": ["confirmed", "completed", "on_hold"]}


def set_condition(retail: Retail, condition: object) -> None:
    flow = Flow.objects.get(slug="orders-to-erp")
    flows.save_flow(flow.environment, flow.slug, {"condition": condition}, actor="system:tests")


def status(retail: Retail, number: int, status: str) -> None:
    retail.woo(f"orders/{number}", "PUT", {"status": status})


def test_cancelled_before_it_ever_arrived_is_not_sent_at_all(retail: Retail) -> None:
    number = retail.order(retail.article(), paid=False)
    status(retail, number, "on-hold")
    retail.poll("shop")
    retail.work_inbox()
    status(retail, number, "cancelled")
    retail.hear("shop")
    assert retail.orders_of(number) == []
    delivery = retail.delivery("order", retail.record("order", number))
    assert delivery.problem == "retired"
    assert not Work.objects.filter(delivery=delivery).exists()


def test_cancelled_after_it_arrived_is_cancelled_there(retail: Retail) -> None:
    number = retail.order(retail.article(), paid=False)
    status(retail, number, "on-hold")
    retail.hear("shop")
    retail.settle()
    assert [o["state"] for o in retail.orders_of(number)] == ["sale"]
    status(retail, number, "cancelled")
    retail.hear("shop")
    assert [o["state"] for o in retail.orders_of(number)] == ["cancel"]


@pytest.mark.slow
def test_a_change_whose_answer_never_came_is_made_and_not_taken_for_made(retail: Retail) -> None:
    """Finding the order proves that it was created, not that it was cancelled."""
    number = retail.order(retail.article(), paid=False)
    status(retail, number, "on-hold")
    retail.hear("shop")
    retail.settle()
    status(retail, number, "cancelled")
    retail.fault(retail.erp, "unplugged", "sale.order/action_cancel", count=1)
    retail.hear("shop")
    retail.settle()
    assert [o["state"] for o in retail.orders_of(number)] == ["cancel"]
    assert retail.problems() == []


def test_what_leaves_the_flow_before_it_is_sent_stays_out(retail: Retail) -> None:
    """Rule 1.5: the condition is asked of the version that would be sent."""
    set_condition(retail, CONFIRMED)
    sku = retail.article()
    try:
        number = retail.order(sku)
        retail.poll("shop")
        retail.work_inbox()
        assert retail.on_shelf(sku)["stock_quantity"] == 47, "the shop itself took one"
        status(retail, number, "cancelled")
        retail.hear("shop")
        delivery = retail.delivery("order", retail.record("order", number))
        assert delivery.problem == "retired"
        assert retail.orders_of(number) == []
        assert not Commitment.objects.filter(delivery=delivery).exists(), "nothing is taken by it"
        assert retail.on_shelf(sku)["stock_quantity"] == 48, "what it took is given back"
    finally:
        set_condition(retail, {**CONFIRMED, "in": [*CONFIRMED["in"], "cancelled"]})


def test_what_comes_back_into_the_flow_is_sent(retail: Retail) -> None:
    set_condition(retail, CONFIRMED)
    try:
        number = retail.order(retail.article(), paid=False)
        status(retail, number, "on-hold")
        retail.poll("shop")
        retail.work_inbox()
        status(retail, number, "cancelled")
        retail.hear("shop")
        assert retail.orders_of(number) == []
        status(retail, number, "processing")
        retail.hear("shop")
        retail.settle()
        assert [o["state"] for o in retail.orders_of(number)] == ["sale"]
    finally:
        set_condition(retail, {**CONFIRMED, "in": [*CONFIRMED["in"], "cancelled"]})


def test_a_dead_letter_holds_its_root_and_new_content_revives_it(retail: Retail) -> None:
    """Rule 3.3. The ERP has no such warehouse, so it refuses the order; its money waits."""
    number = retail.order(retail.article())
    erp = retail.connection("erp")
    connections.change(erp, config={**erp.config, "web_warehouse": "NOWHERE"}, actor="system:tests")
    retail.hear("shop")
    record = retail.record("order", number)
    delivery = retail.delivery("order", record)
    assert delivery.problem == "dead"
    assert sum(retail.open_exceptions().values()) == 1
    assert Work.objects.filter(delivery=delivery, lease_until=None).exists(), "it holds its place"
    assert not Delivery.objects.filter(record__root_id=record.id, delivered__gt=0).exists()
    assert retail.orders_of(number) == []

    erp = retail.connection("erp")
    connections.change(erp, config={**erp.config, "web_warehouse": "CEN"}, actor="system:tests")
    retail.work()
    assert retail.orders_of(number) == [], "mending the cause alone is not a reason to send"
    retail.woo(f"orders/{number}", "PUT", {"customer_note": "please hurry"})
    retail.hear("shop")
    retail.settle()
    assert [o["amount_total"] for o in retail.orders_of(number)] == [float(PRICE)]
    assert [i["payment_state"] for i in retail.invoices_of(number)] == ["paid"]
    assert retail.open_exceptions() == {}
