"""A push is a hint: late, twice, out of order or forged, the newest truth arrives once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.sdk.records import Verdict, WebhookRequest
from connectors.woocommerce.connector import WooCommerce
from hub.connections import lifecycle
from hub.connections.session import secrets_of, webhook_secrets
from hub.sync.models import InboxEvent, RecordVersion
from hub.sync.receive import receive
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-webhooks")


def push(retail: Retail, body: bytes, topic: str = "order.updated", secret: str = "") -> Verdict:
    """What the front door does with a delivery of the shop: judge it, keep it."""
    shop = retail.connection("shop")
    secret = secret or secrets_of(shop)["webhook_secret"]
    mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"x-wc-webhook-topic": topic, "x-wc-webhook-signature": mac}
    verdict = WooCommerce.webhook(WebhookRequest("POST", headers, "", body), webhook_secrets(shop))
    receive(shop.id, verdict.heard)
    return verdict


def told(retail: Retail, number: int) -> bytes:
    """An order as the shop would push it this moment."""
    return json.dumps(retail.woo(f"orders/{number}")).encode()


def note(retail: Retail, number: int, text: str) -> bytes:
    retail.woo(f"orders/{number}", "PUT", {"customer_note": text})
    return told(retail, number)


def known(retail: Retail, number: int) -> Any:
    content = retail.record("order", number).content
    assert content is not None
    return json.loads(bytes(content)).get("notes", "")


def test_a_copy_ends_at_the_key(retail: Retail) -> None:
    number = retail.order(retail.article())
    body = told(retail, number)
    for _ in range(3):
        assert push(retail, body).status == 200
    event = InboxEvent.objects.get(kind="told", body=body)
    assert event.copies == 2
    retail.work()
    record = retail.record("order", number)
    assert record.version == 1
    push(retail, body)
    retail.work()
    assert RecordVersion.objects.filter(record_id=record.id).count() == 1
    assert len(retail.orders_of(number)) == 1


def test_out_of_order_ends_at_the_newest(retail: Retail) -> None:
    number = retail.order(retail.article())
    first, second = note(retail, number, "ring twice"), note(retail, number, "leave at the door")
    push(retail, second)
    retail.work()
    push(retail, first)
    retail.work()
    assert known(retail, number) == "leave at the door"


def test_there_and_back_again_within_a_second_ends_where_the_shop_is(retail: Retail) -> None:
    number = retail.order(retail.article())
    a = note(retail, number, "A")
    push(retail, a)
    retail.work()
    push(retail, note(retail, number, "B"))
    retail.work()
    assert known(retail, number) == "B"
    retail.woo(f"orders/{number}", "PUT", {"customer_note": "A"})
    push(retail, a)  # the third body, byte for byte the first: the stamp has whole seconds
    retail.work()
    assert known(retail, number) == "A"


def test_a_hint_for_a_record_that_is_gone_makes_nothing_and_hurts_nobody(retail: Retail) -> None:
    gone = retail.order(retail.article(), paid=False)
    body = told(retail, gone)
    retail.woo(f"orders/{gone}?force=true", "DELETE")
    push(retail, body, "order.created")
    number = retail.order(retail.article())
    push(retail, told(retail, number), "order.created")
    retail.work()
    assert retail.orders_of(gone) == []
    assert len(retail.orders_of(number)) == 1
    assert retail.parked() == []


def test_the_unsigned_ping_is_answered_with_exactly_200_and_kept_nowhere(retail: Retail) -> None:
    before = InboxEvent.objects.count()
    ping = WebhookRequest("POST", {}, "", b"webhook_id=7")
    verdict = WooCommerce.webhook(ping, webhook_secrets(retail.connection("shop")))
    assert (verdict.status, verdict.heard) == (200, ())
    assert InboxEvent.objects.count() == before


def test_what_is_signed_by_another_is_refused_and_not_kept(retail: Retail) -> None:
    body = told(retail, retail.order(retail.article()))
    verdict = push(retail, body, secret="somebody else's")
    assert verdict.status == 401
    assert not InboxEvent.objects.filter(body=body).exists()


def test_while_a_secret_is_rotated_both_are_good_and_afterwards_one(retail: Retail) -> None:
    shop = retail.connection("shop")
    before = secrets_of(shop)["webhook_secret"]
    lifecycle.store_secret(shop, "webhook_secret", "rotated", actor="system:tests")
    body = told(retail, retail.order(retail.article()))
    assert push(retail, body, secret=before).status == 200
    assert push(retail, body, secret="rotated").status == 200
    lifecycle.end_rotation(shop, actor="system:tests")
    assert push(retail, body, secret=before).status == 401
    assert push(retail, body, secret="rotated").status == 200
