"""A newer word ends what an older one left open, and a word heard too early is heard again."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.sdk.records import SourceRecord
from hub.connections.selectors import manifest_of
from hub.sync import normalize
from hub.sync.claim import Task, claim
from hub.sync.freeze import key_of
from hub.sync.models import BusinessException, InboxEvent
from hub.sync.receive import receive_hints, receive_reread
from hub.sync.sql import execute
from tests.sync.retail import Retail

pytestmark = [pytest.mark.xdist_group("retail-newer"), pytest.mark.slow]


def last_reading(number: int) -> SourceRecord:
    """The order as we last read it, ready to be told again."""
    event = InboxEvent.objects.filter(kind="reread", stream="orders").order_by("-id")
    told = next(
        t for e in event
        if (t := msgspec.json.decode(bytes(e.body)))["external_id"] == str(number)
    )  # fmt: skip
    return SourceRecord("orders", told["external_id"], told["body"], told["version"])


def test_a_parked_reading_is_over_when_a_newer_one_is_taken(retail: Retail) -> None:
    number = retail.order(retail.article(), paid=False)
    shop = retail.connection("shop")
    receive_hints(shop.id, "orders", [str(number)], "asked")
    retail.work_inbox()
    right = last_reading(number)
    wrong = copy.deepcopy(right)
    wrong.body["total"] = "999.99"
    receive_reread(shop.id, [wrong], datetime.now(UTC))
    retail.work_inbox()
    (parked,) = InboxEvent.objects.filter(state="parked")
    opened = BusinessException.objects.get(id=parked.exception_id)
    assert opened.code == "rounding-out-of-tolerance"

    retail.woo(f"orders/{number}", "PUT", {"customer_note": "put right"})
    receive_hints(shop.id, "orders", [str(number)], "asked again")
    retail.work_inbox()
    retail.turn()
    parked.refresh_from_db()
    assert parked.state == "superseded"
    opened.refresh_from_db()
    assert (opened.state, opened.resolution) == ("resolved", "healed")


def test_a_hint_heard_while_it_is_being_worked_is_read_once_more(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.hear("shop")
    shop = retail.connection("shop")
    receive_hints(shop.id, "orders", [str(number)], "asked")
    execute(
        "UPDATE sync_inboxevent SET lease_until = now() + interval '1 minute'"
        " WHERE kind = 'hint' AND state = 'pending'"
    )
    receive_hints(shop.id, "orders", [str(number)], "asked")
    hint = InboxEvent.objects.get(kind="hint", state="pending")
    assert hint.again and hint.copies == 1, "the copy came while the first was in hand"
    execute("UPDATE sync_inboxevent SET lease_until = NULL WHERE id = %s", [hint.id])
    assert normalize.drain_inbox(shop.id) == 1
    hint.refresh_from_db()
    assert (hint.state, hint.again) == ("pending", False), "once more, after what was in hand"
    retail.work_inbox()
    hint.refresh_from_db()
    assert hint.state == "done"


def test_what_is_created_anew_has_a_key_of_its_own(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.hear("shop")
    retail.work()
    erp, record = retail.connection("erp"), retail.record("order", number)
    delivery = retail.delivery("order", record)
    before = key_of(record.environment_id, _claimed(retail, delivery.id), "create")
    execute("UPDATE sync_delivery SET generation = 1 WHERE id = %s", [delivery.id])
    assert key_of(record.environment_id, _claimed(retail, delivery.id), "create") != before
    assert erp.state == "active"


def _claimed(retail: Retail, delivery: uuid.UUID) -> Task:
    erp = retail.connection("erp")
    execute(
        "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq, priority)"
        " SELECT id, connection_id, resource, record_id, 0, 1 FROM sync_delivery WHERE id = %s"
        " ON CONFLICT (delivery_id) DO UPDATE SET next_at = now(), lease_until = NULL",
        [delivery],
    )
    resources = {r.name: r for r in manifest_of(erp).resources}
    task = next(t for t in claim(erp.id, resources, 50) if t.delivery == delivery)
    execute("DELETE FROM sync_work WHERE delivery_id = %s", [delivery])
    return task
