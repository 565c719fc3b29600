"""Webhooks: signed with their address, thin, doubled, shuffled and tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.sdk.errors import AccessRefused
from connectors.sdk.records import Heard, Hint, SourceRecord, Verdict, WebhookRequest
from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.sdk.testing.simulators import Running
from connectors.sdk.tokens import Unkept
from connectors.square.connector import Square
from connectors.square.simulator.webhooks import signature
from connectors.square.tests.conftest import SECRETS, give_back, sale

Connect = Callable[..., Square]
PATIENCE = 60


def subscribed(connect: Connect, address: str, **config: Any) -> tuple[Square, Mapping[str, str]]:
    """A connection that had its webhooks set up, and the secrets kept with it."""
    kept = Unkept(SECRETS | {"webhook_secret": "made up by the hub"})
    square = connect(tokens=kept, **config)
    square.subscribe(address, "made up by the hub")
    return square, kept.current()


def judged(door: Receiver, request: WebhookRequest, secrets: Mapping[str, str]) -> Verdict:
    """As the front door judges it, which knows its own address."""
    return Square.webhook(replace(request, address=f"{door.url}/hooks/t1"), [secrets])


def test_a_sale_is_told_within_moments_and_read_whole(seller: Running, connect: Connect) -> None:
    with receiving() as door:
        square, secrets = subscribed(connect, f"{door.url}/hooks/t1")
        assert secrets["webhook_secret"] != "made up by the hub"
        seller.control("receipts", [sale(), give_back("S10-2-000001")])
        told = [judged(door, r, secrets) for r in door.wait(10, PATIENCE)]
    assert {v.status for v in told} == {200}
    hints = [square.understand(heard) for v in told for heard in v.heard]
    ids = sorted({h.external_id for h in hints if isinstance(h, Hint)})
    assert len(ids) == 2  # every event of both orders points to one of them
    records = square.reread("orders", ids)
    assert all(isinstance(r, SourceRecord) for r in records.values())
    assert sorted(len(r.body["returns"]) for r in records.values() if r) == [0, 1]


def test_the_signature_covers_the_address_too(seller: Running, connect: Connect) -> None:
    with receiving() as door:
        _, secrets = subscribed(connect, f"{door.url}/hooks/t1")
        seller.control("receipts", [sale()])
        (request,) = door.wait(1, PATIENCE)
        assert judged(door, request, secrets).status == 200
        elsewhere = Square.webhook(replace(request, address=f"{door.url}/hooks/t2"), [secrets])
        changed = judged(door, replace(request, body=request.body + b" "), secrets)
        stranger = judged(door, request, {"webhook_secret": "another key"})
        unkeyed = judged(door, request, {})
    assert [v.status for v in (elsewhere, changed, stranger, unkeyed)] == [401, 401, 401, 401]
    assert elsewhere.why and not elsewhere.heard


def test_during_a_rotation_the_key_before_counts_too(seller: Running, connect: Connect) -> None:
    with receiving() as door:
        _, secrets = subscribed(connect, f"{door.url}/hooks/t1")
        seller.control("receipts", [sale()])
        (request,) = door.wait(1, PATIENCE)
        request = replace(request, address=f"{door.url}/hooks/t1")
        both = [{**secrets, "webhook_secret": "the next key"}, secrets]
        assert Square.webhook(request, both).status == 200


def test_what_was_not_taken_is_sent_again_and_is_the_same_message(
    seller: Running, connect: Connect
) -> None:
    seller.control("settings", {"retry": 0.05})
    with receiving() as door:
        door.answer = lambda request: 503 if len(door.got) <= 3 else 200
        _, secrets = subscribed(connect, f"{door.url}/hooks/t1")
        seller.control("receipts", [sale()])
        requests = door.wait(9, PATIENCE)
        retried = [r for r in requests if r.headers.get("square-retry-number")]
        assert retried and retried[0].headers["square-retry-reason"] == "http_error"
        heard = [h.identity for r in requests for h in judged(door, r, secrets).heard]
    # The order and its two payments, each created and updated: however often they came.
    assert len(heard) == 9 and len(set(heard)) == 6


def test_copies_and_any_order_change_nothing(seller: Running, connect: Connect) -> None:
    seller.control("webhook-weather", {"duplicate": 1.0, "shuffle": True, "seed": 7})
    with receiving() as door:
        square, secrets = subscribed(connect, f"{door.url}/hooks/t1")
        seller.control("receipts", [sale(f"S10-2-{n:06d}") for n in range(1, 4)])
        requests = door.wait(36, PATIENCE)
        heard = [h for r in requests for h in judged(door, r, secrets).heard]
    assert len(heard) == 36 and len({h.identity for h in heard}) == 18
    hints = {square.understand(h).external_id for h in heard}  # type: ignore[union-attr]
    assert len(hints) == 3
    sent = seller.control("counts", method="GET")["sent"]
    assert sent["duplicated"] >= 12 and sent["shuffled"] >= 1


def test_a_webhook_that_never_comes_is_made_good_by_the_search(
    seller: Running, connect: Connect
) -> None:
    seller.control("webhook-weather", {"lose": 1.0})
    with receiving() as door:
        square, _ = subscribed(connect, f"{door.url}/hooks/t1")
        seller.control("receipts", [sale()])
        (page,) = square.read("orders", {})
        assert len(page.heard) == 1 and door.got == []


def test_stock_and_catalogue_are_told_where_they_are_followed(
    seller: Running, connect: Connect
) -> None:
    with receiving() as door:
        square, secrets = subscribed(connect, f"{door.url}/hooks/t1", follow=["catalog", "stock"])
        lost = {"sku": "85123A", "text": "White heart", "qty": -3, "price": "0.00"}
        seller.control("receipts", [sale(kind="write_off", lines=[lost])])
        requests = door.wait(2, PATIENCE)
        heard = [h for r in requests for h in judged(door, r, secrets).heard]
    streams: dict[str, list[str]] = {}
    for one in heard:
        hint = square.understand(one)
        assert isinstance(hint, Hint)
        streams.setdefault(hint.stream, []).append(hint.external_id)
    (level,) = [r for r in square.reread("stock", streams["stock"]).values() if r]
    assert level.body["count"]["quantity"] == "-3"
    (move,) = [r for r in square.reread("movements", streams["movements"]).values() if r]
    assert move.body["change"]["to_state"] == "WASTE"
    (item,) = [r for r in square.reread("catalog", streams["catalog"]).values() if r]
    assert item.body["skus"] == ["85123A"]


def test_setting_up_twice_leaves_one_subscription_switched_on(
    seller: Running, connect: Connect
) -> None:
    address = "http://127.0.0.1:9/hooks/t1"
    _, first = subscribed(connect, address)
    token = {"Authorization": "Bearer EAAA-simulator-application"}
    listed = "/v2/webhooks/subscriptions"
    (hook,) = seller.call("GET", listed, **token).json()["subscriptions"]
    switched_off = {"subscription": {"enabled": False}}
    seller.call("PUT", f"{listed}/{hook['id']}", switched_off, **token)
    _, again = subscribed(connect, address, follow=["customers"])
    (hook,) = seller.call("GET", listed, **token).json()["subscriptions"]
    assert hook["enabled"] and "customer.created" in hook["event_types"]
    assert again["webhook_secret"] == first["webhook_secret"]


def test_without_a_token_of_the_application_a_person_is_told_what_to_do(connect: Connect) -> None:
    secrets = {k: v for k, v in SECRETS.items() if k != "application_token"}
    with pytest.raises(AccessRefused) as refused:
        connect(secrets=secrets).subscribe("http://127.0.0.1:9/hooks/t1", "")
    assert "by hand" in str(refused.value)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"type": "labor.shift.created", "event_id": "1", "data": {"id": "x"}}, 200),
        ({"type": "payment.updated", "event_id": "1", "data": {"object": {"payment": {}}}}, 200),
        ({"type": "order.updated", "event_id": "1"}, 400),
        ([], 400),
    ],
)
def test_events_nobody_follows_are_taken_and_left(event: Any, status: int) -> None:
    body = msgspec.json.encode(event)
    signed = {"x-square-hmacsha256-signature": signature("key", "https://in.example/h", body)}
    request = WebhookRequest("POST", signed, "", body, address="https://in.example/h")
    verdict = Square.webhook(request, [{"webhook_secret": "key"}])
    assert verdict.status == status and not verdict.heard and verdict.why


def test_a_kept_webhook_without_its_headers_is_no_record(connect: Connect) -> None:
    kept = Heard("orders", "x", b"{}", {"square-event-type": "order.updated"})
    with pytest.raises(Exception, match="names no record"):
        connect().understand(kept)
