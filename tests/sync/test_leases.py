"""Workers die, sleep and wake too late: nothing is sent twice, nothing is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from django.db import transaction

from connectors.registry import connectors
from connectors.sdk.records import Done
from hub.sync import claim, deliver, freeze, inherit, normalize, settle
from hub.sync.claim import Task
from hub.sync.identity import new_id
from hub.sync.models import Attempt, Binding, Delivery, InboxEvent, Record, Work
from hub.sync.outcomes import Answer
from hub.sync.plan import plan_of
from hub.sync.sessions import connector_for
from hub.sync.sql import execute, rows
from tests.sync.retail import Retail

#: Somebody waits for a row that another transaction has inserted and not committed.
WAITING_TO_BIND = "SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"

pytestmark = pytest.mark.xdist_group("retail-leases")


class Worker:
    """Takes what is due at a connection and goes as far as a story lets it."""

    def __init__(self, retail: Retail, slug: str) -> None:
        self.connection = retail.connection(slug)
        self.plan = plan_of(self.connection.environment_id)
        resources = connectors()[self.connection.connector].manifest.resources
        self.tasks = claim.claim(self.connection.id, {r.name: r for r in resources}, 100)
        self.frozen = freeze.freeze(self.connection, self.plan, self.tasks).send

    def task(self, resource: str) -> Task:
        return next(t for t in self.frozen if t.resource.name == resource)

    def send(self, task: Task) -> Done:
        """The calls, without writing down what came of them."""
        with connector_for(self.connection) as connector:
            write: Generator[Any, None, Done]
            write = connector.write(task.resource.name, deliver._item(self.plan, task))
            while True:
                try:
                    next(write)
                except StopIteration as end:
                    return end.value

    def settle(self, task: Task, done: Done) -> None:
        settle.settle(self.connection, self.plan, [Answer(task, done)])


def wait_for(happened: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def lapse(retail: Retail) -> None:
    """The leases run out."""
    execute("UPDATE sync_work SET lease_until = now() - interval '1 second'"
            " WHERE lease_until IS NOT NULL")  # fmt: skip


def known_guest(retail: Retail) -> None:
    """The guest of all these orders is in the ERP."""
    retail.order(retail.article())
    retail.hear("shop")


def ready_order(retail: Retail) -> int:
    """An order that is due at the ERP and lacks nothing there."""
    known_guest(retail)
    number = retail.order(retail.article())
    retail.poll("shop")
    retail.work_inbox()
    return number


def test_a_worker_that_dies_before_its_call_costs_only_its_lease(retail: Retail) -> None:
    number = ready_order(retail)
    Worker(retail, "erp")
    assert deliver.drain_deliveries(retail.connection("erp").id) == 0, "it is leased"
    lapse(retail)
    retail.settle()
    assert len(retail.orders_of(number)) == 1


def test_a_worker_that_dies_after_its_call_is_looked_up_not_sent_again(retail: Retail) -> None:
    number = ready_order(retail)
    dead = Worker(retail, "erp")
    dead.send(dead.task("order"))
    lapse(retail)
    retail.settle()
    assert len(retail.orders_of(number)) == 1
    assert retail.tried("order", retail.record("order", number)) == [("adopted", 1)]
    assert retail.open_exceptions() == {}


def test_who_wakes_after_his_lease_writes_down_what_he_did_and_asks_for_a_look(
    retail: Retail,
) -> None:
    """Rule 3.4: the send happened, whoever holds the lease now."""
    number = ready_order(retail)
    zombie = Worker(retail, "erp")
    task = zombie.task("order")
    done = zombie.send(task)
    lapse(retail)
    retail.settle()
    record = retail.record("order", number)
    zombie.settle(task, done)
    assert retail.tried("order", record)[-1][0] == "late"
    assert retail.delivery("order", record).verify
    assert Work.objects.filter(delivery=retail.delivery("order", record)).exists()
    retail.settle()
    assert not retail.delivery("order", record).verify
    assert len(retail.orders_of(number)) == 1


def test_a_late_word_about_a_fact_ends_too(retail: Retail) -> None:
    number = ready_order(retail)
    retail.turn()  # the order is there now
    zombie = Worker(retail, "erp")
    task = zombie.task("payment")
    done = zombie.send(task)
    lapse(retail)
    retail.settle()
    zombie.settle(task, done)
    retail.settle()
    payment = Delivery.objects.get(record_id=task.record, resource="payment")
    assert not Work.objects.filter(delivery=payment).exists(), "it would be at it for ever"
    assert [i["payment_state"] for i in retail.invoices_of(number)] == ["paid"]
    assert Attempt.objects.filter(delivery_id=payment.id).count() < 6


def test_a_late_level_is_sent_again_so_that_the_newest_stands(retail: Retail) -> None:
    """The zombie's old price overwrote the newer one at the shop; the hub finds out and mends."""
    sku = retail.article()
    retail.erp.control("price", {"sku": sku, "price": "4.00"})
    retail.poll("erp")
    retail.work_inbox()
    zombie = Worker(retail, "shop")
    task = zombie.task("price")
    lapse(retail)
    retail.erp.control("price", {"sku": sku, "price": "5.00"})
    retail.hear("erp")
    assert retail.on_shelf(sku)["regular_price"] == "5.00"
    done = zombie.send(task)
    assert retail.on_shelf(sku)["regular_price"] == "4.00", "the harm is done"
    zombie.settle(task, done)
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "5.00"


def test_a_settle_that_races_a_newer_wish_leaves_it_due(retail: Retail) -> None:
    """Rule 3.2: version 2 is wanted while version 1 is on its way."""
    number = ready_order(retail)
    worker = Worker(retail, "erp")
    task = worker.task("order")
    done = worker.send(task)
    retail.woo(f"orders/{number}", "PUT", {"customer_note": "newer"})
    retail.poll("shop")
    retail.work_inbox()
    worker.settle(task, done)
    delivery = retail.delivery("order", retail.record("order", number))
    assert (delivery.delivered, delivery.wanted) == (1, 2)
    assert Work.objects.filter(delivery=delivery, lease_until=None).exists()
    retail.work()
    delivery.refresh_from_db()
    assert delivery.delivered == 2


def test_routing_touches_no_lease_and_no_patience_of_what_is_under_way(retail: Retail) -> None:
    number = ready_order(retail)
    Worker(retail, "erp")
    held = "SELECT lease_until, fence, attempts, next_at FROM sync_work WHERE delivery_id = %s"
    delivery = retail.delivery("order", retail.record("order", number))
    before = rows(held, [delivery.id])
    retail.woo(f"orders/{number}", "PUT", {"customer_note": "newer"})
    retail.poll("shop")
    retail.work_inbox()
    assert retail.delivery("order", retail.record("order", number)).wanted == 2
    assert rows(held, [delivery.id]) == before
    lapse(retail)
    retail.settle()


def test_an_event_its_readers_die_of_goes_alone_and_is_set_aside(retail: Retail) -> None:
    """Rule 2.9: one poison doesn't take its neighbours along."""
    numbers = [retail.order(retail.article()) for _ in range(3)]
    retail.poll("shop")
    shop = retail.connection("shop")
    pending = InboxEvent.objects.filter(connection_id=shop.id, state="pending").order_by("id")
    poison = pending.last()
    assert poison is not None
    for _ in range(normalize.POISON_AFTER):
        execute(
            "UPDATE sync_inboxevent SET attempts = attempts + 1, fence = gen_random_uuid(),"
            " lease_until = now() - interval '1 second' WHERE id = %s", [poison.id],
        )  # fmt: skip
    retail.work()
    poison.refresh_from_db()
    assert (poison.state, poison.alone) == ("parked", True)
    assert retail.open_exceptions() == {"poison": 1}
    found = [len(retail.orders_of(number)) for number in numbers]
    assert sorted(found) == [0, 1, 1]


@pytest.mark.slow
def test_two_threads_on_one_connection_never_send_one_thing_twice(retail: Retail) -> None:
    known_guest(retail)
    numbers = [retail.order(sku) for sku in (retail.article(), retail.article()) for _ in range(6)]
    retail.poll("shop")
    shop, erp = retail.connection("shop").id, retail.connection("erp").id
    retail.together(*[lambda: normalize.drain_inbox(shop, 4)] * 3)
    retail.work_inbox()

    def drain() -> None:
        while deliver.drain_deliveries(erp, 3):
            pass

    retail.together(drain, drain, drain)
    retail.settle()
    assert [len(retail.orders_of(number)) for number in numbers] == [1] * 12
    assert [len(retail.invoices_of(number)) for number in numbers] == [1] * 12


def test_two_refunds_of_one_order_go_one_after_the_other(retail: Retail) -> None:
    """Head of line: the second isn't begun while the first is owed, whoever holds it."""
    sku = retail.article()
    number = retail.order(sku, qty=4)
    retail.hear("shop")
    for _ in range(2):
        retail.shop.control("refund", {"order_id": number, "lines": [{"sku": sku, "qty": 1}],
                                       "restock": False})  # fmt: skip
    retail.poll("shop")
    retail.work_inbox()
    first = Worker(retail, "erp")
    assert [t.resource.name for t in first.frozen].count("refund") == 1
    second = Worker(retail, "erp")
    assert "refund" not in [t.resource.name for t in second.tasks]
    lapse(retail)
    retail.hear("shop")
    retail.settle()
    notes = [i for i in retail.invoices_of(number) if i["move_type"] == "out_refund"]
    assert [n["amount_total"] for n in notes] == [3.0, 3.0]


def test_the_target_tells_of_what_it_has_just_named_while_we_write_its_name_down(
    retail: Retail,
) -> None:
    """Another transaction makes a placeholder for the order's id, and commits only when our
    settling waits for it: the placeholder is ours, nobody needs to compare anything."""
    number = ready_order(retail)
    worker = Worker(retail, "erp")
    task = worker.task("order")
    done = worker.send(task)
    placeholder = new_id()
    told = threading.Event()

    def the_erp_tells() -> None:
        with transaction.atomic():
            execute(
                "INSERT INTO sync_record (id, environment_id, entity, state, version,"
                " billable_version) VALUES (%s, %s, 'order', 'expected', 0, 0)",
                [placeholder, worker.connection.environment_id],
            )
            execute(
                "INSERT INTO sync_binding (environment_id, connection_id, record_id, object,"
                " external_id, role) VALUES (%s, %s, %s, %s, %s, 'primary')",
                [worker.connection.environment_id, worker.connection.id, placeholder,
                 task.resource.object, done.external_id],
            )  # fmt: skip
            told.set()
            assert wait_for(lambda: bool(rows(WAITING_TO_BIND)))

    def we_settle() -> None:
        told.wait(60)
        worker.settle(task, done)

    retail.together(the_erp_tells, we_settle)
    order = retail.record("order", number)
    assert retail.open_exceptions() == {}
    assert Record.objects.get(pk=placeholder).merged_into == order.pk
    named = Binding.objects.get(
        connection_id=worker.connection.id,
        object=task.resource.object,
        external_id=done.external_id,
    )
    assert named.record_id == order.pk


def test_what_a_killed_worker_held_is_free_when_its_successor_starts(
    retail: Retail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor saw it end and tells its successor so; other workers' leases stay theirs."""
    number = ready_order(retail)
    monkeypatch.setenv("CROSSDOCK_LIFE", "00112233445566aa")
    Worker(retail, "erp")
    monkeypatch.setenv("CROSSDOCK_LIFE", "ffeeddccbbaa9988")
    assert deliver.drain_deliveries(retail.connection("erp").id) == 0, "it is leased"
    monkeypatch.setenv("CROSSDOCK_LIFE_BEFORE", "99990000deadbeef")
    assert inherit.inherit() == 0, "that was somebody else"
    monkeypatch.setenv("CROSSDOCK_LIFE_BEFORE", "00112233445566aa")
    assert inherit.inherit() > 0
    retail.settle()
    assert len(retail.orders_of(number)) == 1
    monkeypatch.delenv("CROSSDOCK_LIFE_BEFORE")
    assert inherit.inherit() == 0, "a process that was started by hand inherits nothing"
