"""What people do again: read again, send again, create again, say what happened. None is billed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from billing.models import UsageEvent
from hub.sync import desk, replay
from hub.sync.models import BusinessException, Delivery, InboxEvent
from hub.sync.sql import execute
from kernel.audit.models import AuditEntry
from tenants.context import public_context
from tenants.people.models import User
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-replay")


@pytest.fixture(scope="module")
def operator(world: Retail) -> Iterator[User]:
    with public_context():
        user = User.objects.create(email=f"{uuid4().hex}@northwind.example")
    yield user


def arrived(retail: Retail) -> tuple[int, Delivery]:
    """An order that is in the ERP, with its delivery."""
    number = retail.order(retail.article())
    retail.hear("shop")
    retail.settle()
    return number, retail.delivery("order", retail.record("order", number))


def acts(subject: str) -> list[str]:
    return list(AuditEntry.objects.filter(subject=subject).values_list("act", flat=True))


def used() -> int:
    return UsageEvent.objects.count()


def test_a_document_sent_again_is_looked_at_and_stays_one(retail: Retail, operator: User) -> None:
    number, delivery = arrived(retail)
    before = used()
    assert [e.effect for e in replay.preview([delivery])] == ["unchanged"]
    assert replay.resend([delivery], by=operator) == 1
    retail.settle()
    assert len(retail.orders_of(number)) == 1
    assert retail.tried("order", delivery.record)[-1][0] == "unchanged"
    assert used() == before
    assert acts(f"delivery:{delivery.id}") == ["delivery.resent"]


def test_a_level_sent_again_mends_what_somebody_changed_there(
    retail: Retail, operator: User
) -> None:
    sku = retail.article()
    shelf = retail.on_shelf(sku)
    retail.woo(f"products/{shelf['id']}", "PUT", {"regular_price": "99.00"})
    shop = retail.connection("shop")
    delivery = Delivery.objects.get(record__number=sku, resource="price", connection_id=shop.id)
    before = used()
    replay.resend([delivery], by=operator)
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "3.00"
    assert used() == before


def test_what_the_target_lost_is_created_anew(retail: Retail, operator: User) -> None:
    number, delivery = arrived(retail)
    (lost,) = retail.orders_of(number)
    execute("DELETE FROM sync_work")
    retail.odoo("sale.order", "write", ids=[lost["id"]],
                vals={"origin": "gone", "client_order_ref": "gone"})  # fmt: skip
    before = used()
    key = delivery.sending_key
    assert key is None
    replay.recreate(delivery, by=operator)
    retail.settle()
    (again,) = retail.orders_of(number)
    assert again["id"] != lost["id"]
    assert used() == before
    assert "delivery.recreated" in acts(f"delivery:{delivery.id}")


def test_a_stored_event_read_again_changes_nothing_if_nothing_changed(
    retail: Retail, operator: User
) -> None:
    number, delivery = arrived(retail)
    record = delivery.record
    event = InboxEvent.objects.filter(records__contains=[str(record.id)]).latest("id")
    before = used()
    replay.renormalise(event, by=operator)
    retail.settle()
    event.refresh_from_db()
    assert event.state == "done"
    record.refresh_from_db()
    assert record.version == 1
    assert len(retail.orders_of(number)) == 1
    assert used() == before
    assert acts(f"event:{event.id}") == ["event.renormalised"]


def test_an_old_event_read_again_does_not_undo_what_came_after(
    retail: Retail, operator: User
) -> None:
    sku = retail.article()
    retail.erp.control("price", {"sku": sku, "price": "4.00"})
    retail.hear("erp")
    record = Delivery.objects.filter(record__number=sku, resource="price")[0].record
    old = InboxEvent.objects.filter(records__contains=[str(record.id)]).latest("id")
    retail.erp.control("price", {"sku": sku, "price": "5.00"})
    retail.hear("erp")
    replay.renormalise(old, by=operator)
    retail.work()
    assert retail.on_shelf(sku)["regular_price"] == "5.00"


def uncertain(retail: Retail) -> tuple[int, Delivery]:
    """A delivery nothing can prove; no connector of ours is so poor, so it is set by hand."""
    number, delivery = arrived(retail)
    execute(
        "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq, next_at)"
        " SELECT id, connection_id, resource, record_id, 1, 'infinity' FROM sync_delivery"
        " WHERE id = %s", [delivery.id],
    )  # fmt: skip
    execute(
        "UPDATE sync_delivery SET problem = 'unknown', delivered = 0, delivered_hash = NULL,"
        " sending_version = 1, uncertain = true WHERE id = %s", [delivery.id],
    )  # fmt: skip
    delivery.refresh_from_db()
    return number, delivery


def test_a_persons_word_that_it_arrived_settles_it(retail: Retail, operator: User) -> None:
    _, delivery = uncertain(retail)
    assert [e.effect for e in replay.preview([delivery])] == ["conflict"]
    assert replay.resend([delivery], by=operator) == 0, "never blind"
    replay.declare(delivery, arrived=True, by=operator)
    delivery.refresh_from_db()
    assert (delivery.problem, delivery.delivered) == ("none", 1)
    assert retail.owed() == []
    assert acts(f"delivery:{delivery.id}") == ["delivery.declared"]


def test_a_persons_word_that_it_did_not_arrive_sends_it(retail: Retail, operator: User) -> None:
    number, delivery = uncertain(retail)
    replay.declare(delivery, arrived=False, by=operator)
    retail.settle()
    delivery.refresh_from_db()
    assert (delivery.problem, delivery.delivered) == ("none", 1)
    assert len(retail.orders_of(number)) == 1
    with pytest.raises(ValueError, match="no longer uncertain"):
        replay.declare(delivery, arrived=True, by=operator)


@pytest.fixture
def exception(retail: Retail) -> BusinessException:
    erp = retail.connection("erp")
    return BusinessException.objects.create(
        id=uuid4(), environment_id=erp.environment_id, code="bug", cause=uuid4().hex, title="Told."
    )


def test_what_people_do_with_exceptions_is_written_down(
    exception: BusinessException, operator: User
) -> None:
    desk.assign(exception, to=operator, by=operator)
    desk.snooze(exception, until=timezone.now() + timedelta(hours=1), by=operator)
    desk.resolve(exception, note="done by hand", by=operator)
    exception.refresh_from_db()
    assert (exception.state, exception.resolution) == ("resolved", "person")
    assert exception.assignee_id is not None
    assert acts(f"exception:{exception.id}") == [
        "exception.assigned", "exception.snoozed", "exception.resolved"
    ]  # fmt: skip
    with pytest.raises(desk.NotOpen):
        desk.ignore(exception, reason="too late", by=operator)


def test_ignoring_needs_a_reason_and_snoozing_a_future(
    exception: BusinessException, operator: User
) -> None:
    with pytest.raises(ValueError, match="Say why"):
        desk.ignore(exception, reason=" ", by=operator)
    with pytest.raises(ValueError, match="future"):
        desk.snooze(exception, until=timezone.now(), by=operator)
    assert acts(f"exception:{exception.id}") == []
