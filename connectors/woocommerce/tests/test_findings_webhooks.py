"""Findings 1 to 13: how the shop pushes, and what the front door makes of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Hint, Nothing, WebhookRequest
from connectors.sdk.testing.receiver import Receiver
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.tests.conftest import SECRET
from connectors.woocommerce.tests.replay import ask, recording, replay, same

# The shop's queue ticks in real time, and several findings are about waiting for it.
pytestmark = pytest.mark.slow

SECRETS = [{"webhook_secret": SECRET}]


def told(name: str, secret: str = SECRET) -> WebhookRequest:
    """A recorded delivery, signed anew (the shop's own secret isn't ours to publish)."""
    then = recording(f"webhook-{name}")
    body = then["body_raw"].encode()
    headers = {k.lower(): v for k, v in then["headers"].items()}
    if "x-wc-webhook-topic" in headers:
        mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        headers["x-wc-webhook-signature"] = base64.b64encode(mac).decode()
    return WebhookRequest("POST", headers, "", body)


def hook(shop: Running, door: Receiver, topic: str, path: str = "/in") -> int:
    body = {"topic": topic, "delivery_url": door.url + path, "secret": SECRET}
    return int(ask(shop, "POST", "/webhooks", body).json()["id"])


def topics(door: Receiver) -> list[str]:
    return [r.headers.get("x-wc-webhook-topic", "ping") for r in door.got]


def about(door: Receiver) -> list[tuple[str, int]]:
    pushes = [r for r in door.got if "x-wc-webhook-topic" in r.headers]
    return [(r.headers["x-wc-webhook-topic"], json.loads(r.body)["id"]) for r in pushes]


def quiet(shop: Running, seconds: float = 5) -> None:
    """Wait until nothing is queued, and a tick more."""
    end = time.monotonic() + seconds
    while shop.control("counts", method="GET")["queued"]:
        assert time.monotonic() < end, "the queue never emptied"
        time.sleep(0.02)
    time.sleep(0.08)


def slow_queue(shop: Running, tick: float) -> None:
    """Let the queue wait, so that events meet in it."""
    shop.control("seed", {"settings": {"tick": tick}})
    time.sleep(0.05)


def touch(shop: Running, product: int = 61) -> None:
    ask(shop, "PUT", f"/products/{product}", {"stock_quantity": 5})
    quiet(shop)


def test_01_a_refused_delivery_never_comes_again(shop: Running, receiver: Receiver) -> None:
    hook(shop, receiver, "product.updated")
    receiver.answer = lambda r: 500
    touch(shop)
    time.sleep(0.2)
    assert topics(receiver).count("product.updated") == 1


def test_02_the_seventh_failure_disables_and_subscribing_revives(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    woo.config["push_products"] = True
    woo.subscribe(receiver.url + "/in", SECRET)
    (id_,) = [h["id"] for h in ask(shop, "GET", "/webhooks?per_page=100").json()
              if h["topic"] == "product.updated"]  # fmt: skip
    receiver.answer = lambda r: 500
    for failure in range(1, 8):
        touch(shop)
        status = ask(shop, "GET", f"/webhooks/{id_}").json()["status"]
        assert status == ("disabled" if failure == 7 else "active"), failure
    replay(shop, "271", w19=id_)
    receiver.answer = lambda r: 200
    receiver.got.clear()
    touch(shop)
    assert topics(receiver) == []  # disabled: silent, and nothing missed is sent later
    woo.subscribe(receiver.url + "/in", SECRET)
    touch(shop)
    assert topics(receiver) == ["product.updated"]
    replay(shop, "272", w19=id_)


@pytest.mark.parametrize(
    ("status", "fails"),
    [(204, False), (301, False), (302, False), (307, True), (404, True), (410, True), (0, True)],
)
def test_03_redirects_count_as_success(
    shop: Running, receiver: Receiver, status: int, fails: bool
) -> None:
    hook(shop, receiver, "product.updated")
    receiver.answer = lambda r: status
    touch(shop)
    assert shop.control("counts", method="GET")["sent"].get("failed", 0) == int(fails)
    assert all(path == "/in" for path in receiver.paths)  # never followed


def test_04_only_200_ends_the_ping(shop: Running, receiver: Receiver) -> None:
    receiver.answer = lambda r: 204
    hook(shop, receiver, "product.updated")
    for _ in range(2):
        touch(shop)
    assert topics(receiver) == ["ping", "product.updated", "ping", "product.updated", "ping"]
    receiver.answer = lambda r: 200
    for _ in range(2):
        touch(shop)
    assert topics(receiver)[5:] == ["product.updated", "ping", "product.updated"]
    then, now = recording("webhook-ping"), receiver.got[0]
    assert now.body.startswith(b"webhook_id=")
    assert now.headers["content-type"] == then["headers"]["Content-Type"]
    assert not [name for name in now.headers if name.startswith("x-wc-")]


def test_04_we_answer_the_recorded_ping_with_exactly_200_and_store_nothing() -> None:
    verdict = WooCommerce.webhook(told("ping"), SECRETS)
    assert (verdict.status, verdict.heard) == (200, ())


@pytest.mark.parametrize("number", ["234", "235", "236"])
def test_04_creating_webhooks_as_recorded(shop: Running, number: str) -> None:
    replay(shop, number)


def test_05_deliveries_of_one_second_share_their_id_and_we_tell_them_apart(
    shop: Running, receiver: Receiver
) -> None:
    hook(shop, receiver, "product.updated")
    for attempt in range(3):
        receiver.got.clear()
        batch = {"update": [{"id": 14, "name": f"A{attempt}"}, {"id": 61, "name": "B"}]}
        ask(shop, "POST", "/products/batch", batch)
        first, second = receiver.wait(2)
        if len({r.headers["x-wc-webhook-delivery-id"] for r in (first, second)}) == 1:
            break
    else:
        pytest.fail("three times the second turned between two deliveries")
    heard = [WooCommerce.webhook(r, SECRETS).heard[0] for r in (first, second)]
    assert heard[0].identity != heard[1].identity
    copy = WooCommerce.webhook(first, SECRETS).heard[0]
    assert copy.identity == heard[0].identity
    recorded = [told("same-second-1"), told("same-second-2")]
    assert len({r.headers["x-wc-webhook-delivery-id"] for r in recorded}) == 1
    assert len({WooCommerce.webhook(r, SECRETS).heard[0].identity for r in recorded}) == 2


def test_06_the_payload_is_the_state_at_delivery(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    for topic in ("order.created", "order.updated"):
        hook(shop, receiver, topic)
    slow_queue(shop, 0.5)
    order = replay(shop, "128")["id"]
    ask(shop, "PUT", f"/orders/{order}", {"status": "processing"})
    ask(shop, "PUT", f"/orders/{order}", {"status": "completed"})
    receiver.wait(4)
    pushes = [r for r in receiver.got if "x-wc-webhook-topic" in r.headers]
    assert [json.loads(r.body)["status"] for r in pushes] == ["completed", "completed"]
    (heard,) = WooCommerce.webhook(pushes[0], SECRETS).heard
    assert woo.understand(heard) == Hint("orders", str(order), "order.created")


def test_06_at_a_checkout_the_update_comes_first(shop: Running, receiver: Receiver) -> None:
    for topic in ("order.created", "order.updated"):
        hook(shop, receiver, topic)
    shop.control("checkout", {"lines": [{"sku": "woo-tshirt", "qty": 1}]})
    receiver.wait(4)
    assert topics(receiver)[2:] == ["order.updated", "order.created"]


def test_06_signatures_old_and_new_secret_during_a_rotation() -> None:
    old_and_new = [{"webhook_secret": "new"}, *SECRETS]
    assert WooCommerce.webhook(told("order.created"), old_and_new).status == 200
    assert WooCommerce.webhook(told("order.created", "new"), old_and_new).status == 200
    assert WooCommerce.webhook(told("order.created", "other"), old_and_new).status == 401
    assert WooCommerce.webhook(told("order.created", ""), [{"webhook_secret": ""}]).status == 401
    changed = told("order.created")
    tampered = WebhookRequest("POST", changed.headers, "", changed.body.replace(b"21.60", b"1.60"))
    assert WooCommerce.webhook(tampered, SECRETS).status == 401


def test_06_the_headers_and_bytes_are_as_recorded(shop: Running, receiver: Receiver) -> None:
    hook(shop, receiver, "order.created")
    replay(shop, "128")
    _, now = receiver.wait(2)
    then = told("order.created")
    assert {h for h in then.headers if h.startswith("x-wc")} == {
        h for h in now.headers if h.startswith("x-wc")
    }
    assert now.headers["content-type"] == then.headers["content-type"]
    assert b"http:\\/\\/" in now.body  # PHP escapes slashes; a re-serialised body signs otherwise
    assert json.loads(now.body).keys() == json.loads(then.body).keys()


def test_07_an_error_object_in_place_of_the_record(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    id_ = hook(shop, receiver, "order.created")
    slow_queue(shop, 0.4)
    order = replay(shop, "128")["id"]
    ask(shop, "DELETE", f"/orders/{order}?force=true")
    gone = receiver.wait(2)[1]
    assert json.loads(gone.body) == json.loads(told("gone").body)
    shop.control("owner-gone", {"webhook_id": id_})
    replay(shop, "128")
    owner = receiver.wait(3)[2]
    assert json.loads(owner.body) == json.loads(told("owner").body)

    for request in (gone, told("gone")):
        (heard,) = WooCommerce.webhook(request, SECRETS).heard
        assert isinstance(woo.understand(heard), Nothing)
    (heard,) = WooCommerce.webhook(owner, SECRETS).heard
    with pytest.raises(Unreadable) as unreadable:
        woo.understand(heard)
    assert (unreadable.value.code, unreadable.value.owner) == ("owner-removed", "merchant")


def test_08_paying_tells_of_each_product(shop: Running, receiver: Receiver) -> None:
    for topic in ("order.created", "order.updated", "product.updated"):
        hook(shop, receiver, topic)
    lines = [{"product_id": 14, "quantity": 1}, {"product_id": 11, "variation_id": 27}]
    order = ask(shop, "POST", "/orders", {"line_items": lines, "set_paid": True}).json()["id"]
    receiver.wait(7)
    expected = [("order.created", order), ("order.updated", order), ("product.updated", 14),
                ("product.updated", 27)]  # fmt: skip
    assert about(receiver) == expected
    variation = json.loads(receiver.got[-1].body)
    assert (variation["type"], variation["parent_id"]) == ("variation", 11)


def test_09_what_the_shop_keeps_to_itself(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    order = int(replay(shop, "128")["id"])
    quiet(shop)
    for topic in ("order.created", "order.updated", "order.deleted", "order.restored",
                  "product.updated", "product.deleted"):  # fmt: skip
        hook(shop, receiver, topic)
    receiver.got.clear()
    acts: list[tuple[Callable[[], Any], list[str]]] = [
        (lambda: replay(shop, "151", o72=order), []),
        (lambda: ask(shop, "PUT", "/products/14", {}), ["product.updated"]),
        (lambda: ask(shop, "DELETE", f"/orders/{order}"), ["order.deleted"]),
        (lambda: ask(shop, "PUT", f"/orders/{order}", {"status": "processing"}), []),
        (lambda: ask(shop, "DELETE", f"/orders/{order}?force=true"), []),
        (lambda: ask(shop, "DELETE", "/products/17?force=true"), []),
    ]
    for act, expected in acts:
        receiver.got.clear()
        act()
        quiet(shop)
        told_of = [t for t in topics(receiver) if not t.startswith("product.updated") or expected]
        assert told_of == expected
    assert woo.reread("orders", [str(order)]) == {str(order): None}
    assert woo.reread("products", ["17"]) == {"17": None}


def test_10_a_delete_is_read_again_before_it_is_believed(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    for topic in ("product.deleted", "coupon.deleted"):
        hook(shop, receiver, topic)
    replay(shop, "079", p62=17)
    receiver.wait(4)
    assert about(receiver) == [("coupon.deleted", 17), ("product.deleted", 17)]
    assert WooCommerce.webhook(receiver.got[2], SECRETS).heard == ()  # coupons aren't followed
    (heard,) = WooCommerce.webhook(receiver.got[3], SECRETS).heard
    assert woo.understand(heard) == Hint("products", "17", "product.deleted")
    trashed = woo.reread("products", ["17"])["17"]
    assert trashed is not None
    assert trashed.deleted
    # The recorded product.deleted carried a *coupon's* id: no such product, nothing to delete.
    (coupon,) = WooCommerce.webhook(told("product.deleted"), SECRETS).heard
    hint = woo.understand(coupon)
    assert isinstance(hint, Hint)
    assert woo.reread(hint.stream, [hint.external_id]) == {hint.external_id: None}


def test_11_a_refund_is_told_as_an_update_of_its_order(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    sold = shop.control("checkout", {"lines": [{"sku": "woo-tshirt", "qty": 2}]})
    quiet(shop)
    hook(shop, receiver, "order.updated")
    lines = [{"sku": "woo-tshirt", "qty": 1}]
    shop.control("refund", {"order_id": sold["id"], "lines": lines, "restock": True})
    receiver.wait(2)
    assert about(receiver) == [("order.updated", sold["id"])]
    (heard,) = WooCommerce.webhook(receiver.got[1], SECRETS).heard
    hint = woo.understand(heard)
    assert isinstance(hint, Hint)
    record = woo.reread(hint.stream, [hint.external_id])[hint.external_id]
    assert record is not None
    assert len(record.body["_money_back"]) == len(record.body["_goods_back"]) == 1


def test_11_creations_come_in_pairs(shop: Running, receiver: Receiver) -> None:
    for topic in ("customer.created", "customer.updated", "product.published", "product.created"):
        hook(shop, receiver, topic)
    replay(shop, "102")
    ask(shop, "POST", "/products", {"name": "New", "sku": "new"})
    receiver.wait(8)
    assert [t for t, _ in about(receiver)] == [
        "customer.created", "customer.updated", "product.published", "product.created",
    ]  # fmt: skip


def test_12_one_slow_receiver_holds_up_the_others(shop: Running, receiver: Receiver) -> None:
    hook(shop, receiver, "product.updated", "/slow")
    hook(shop, receiver, "product.updated", "/quick")
    arrived: list[tuple[str, float]] = []

    def answer(request: WebhookRequest) -> int:
        arrived.append((request.headers["x-wc-webhook-id"], time.monotonic()))
        time.sleep(0.3 if len(arrived) == 1 else 0)
        return 200

    receiver.answer = answer
    touch(shop)
    receiver.wait(4)
    assert arrived[1][1] - arrived[0][1] >= 0.3


def test_13_webhooks_through_the_api(shop: Running) -> None:
    for number in ("219", "238"):
        replay(shop, number)  # created active, although 238 asked for paused
    assert "secret" not in ask(shop, "GET", "/webhooks/1").json()
    replay(shop, "298", w34=2)
    for number in ("243", "244"):
        replay(shop, number)
    same(recording("239"), ask(shop, "DELETE", "/webhooks/1?force=true"))


def test_13_subscribing_twice_changes_nothing_and_leaves_others_alone(
    shop: Running, receiver: Receiver, woo: WooCommerce
) -> None:
    other = ask(shop, "POST", "/webhooks",
                {"topic": "order.created", "delivery_url": receiver.url + "/other"})  # fmt: skip
    for _ in range(2):
        woo.subscribe(receiver.url + "/in", SECRET)
    ask(shop, "PUT", "/webhooks/2", {"status": "paused"})
    woo.subscribe(receiver.url + "/in", "rotated")
    hooks = ask(shop, "GET", "/webhooks?per_page=100").json()
    assert sorted(h["topic"] for h in hooks if h["id"] != other.json()["id"]) == [
        "order.created", "order.deleted", "order.restored", "order.updated",
    ]  # fmt: skip
    assert {h["status"] for h in hooks} == {"active"}
    receiver.got.clear()
    replay(shop, "128")
    receiver.wait(3)
    mine = [r for r, path in zip(receiver.got, receiver.paths[-3:], strict=True) if path == "/in"]
    rotated = [{"webhook_secret": "rotated"}]
    assert {WooCommerce.webhook(r, rotated).status for r in mine} == {200}


def test_weather_brings_copies_and_disorder_repeatably(shop: Running, receiver: Receiver) -> None:
    hook(shop, receiver, "product.updated")
    orders = []
    for _ in range(2):
        shop.control("webhook-weather", {"duplicate": 0.5, "shuffle": True, "seed": 7})
        receiver.got.clear()
        slow_queue(shop, 0.3)
        time.sleep(0.3)
        batch = {"update": [{"id": i, "name": "x"} for i in (14, 17, 18, 34, 61)]}
        ask(shop, "POST", "/products/batch", batch)
        quiet(shop)
        time.sleep(0.2)
        orders.append([i for _, i in about(receiver)])
    assert orders[0] == orders[1]
    assert set(orders[0]) == {14, 17, 18, 34, 61}
    assert len(orders[0]) > 5
    assert list(dict.fromkeys(orders[0])) != [14, 17, 18, 34, 61]
    sent = shop.control("counts", method="GET")["sent"]
    assert sent["duplicated"] > 0
    assert sent["shuffled"] > 0
