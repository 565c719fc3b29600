"""A shop stops telling us by itself; it is set right, and what it left unsaid is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from connectors.sdk.testing.receiver import Receiver, receiving
from connectors.woocommerce.connector import WooCommerce
from hub.connections import session
from hub.sync import listening, poll
from hub.sync.models import BusinessException, Record
from hub.sync.sql import execute, rows
from hub.sync.sweep import due
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-listening")

#: Failures in a row after which the shop gives up.
SEVEN = 7


@pytest.fixture
def door(retail: Retail, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The public side of our front door; the shop is asked to push to it."""
    retail.shop.control("seed", {"settings": {"tick": 0.02}})
    with receiving() as receiver:
        monkeypatch.setenv("CROSSDOCK_INGRESS_URL", receiver.url)
        session.subscribe(retail.connection("shop"), actor="system:tests")
        execute("UPDATE sync_checkpoint SET next_at = now() + interval '1 day'")
        yield receiver
    retail.shop.control("faults", method="DELETE")
    for hook in retail.woo("webhooks"):
        retail.woo(f"webhooks/{hook['id']}?force=true", "DELETE")
    execute("UPDATE connections_connection SET subscribed_at = NULL, listen_at = NULL")


def look(retail: Retail) -> bool:
    """What the worker does when the sweep says that it is time."""
    execute("UPDATE connections_connection SET listen_at = now() WHERE subscribed_at IS NOT NULL")
    return listening.listen(retail.connection("shop").id)


def status(retail: Retail, topic: str = "order.updated") -> str:
    return str(retail.shop.control("counts", method="GET")["webhooks"].get(topic, "deleted"))


def given_up(retail: Retail) -> list[int]:
    """Sell until the shop has failed to tell us often enough; the orders' numbers."""
    sku = retail.article()
    numbers = [retail.order(sku) for _ in range(SEVEN)]
    end = time.monotonic() + 60
    while status(retail) != "disabled":
        assert time.monotonic() < end, retail.shop.control("counts", method="GET")
        time.sleep(0.02)
    return numbers


def open_ones() -> list[BusinessException]:
    return list(BusinessException.objects.filter(cause__endswith="|listening", state="open"))


def test_disabled_while_our_front_door_was_away(retail: Retail, door: Receiver) -> None:
    """Seven failures and the shop gives up; what it never said arrives all the same."""
    door.answer = lambda request: 503
    numbers = given_up(retail)
    assert not Record.objects.filter(entity="order", number__in=map(str, numbers)).exists()

    door.answer = lambda request: 200
    assert look(retail)
    assert (status(retail, "order.created"), status(retail)) == ("active", "active")
    assert poll.poll(retail.connection("shop").id) >= len(numbers)
    retail.work()
    for number in numbers:
        assert len(retail.orders_of(number)) == 1
    assert not open_ones()

    heard = len(door.got)
    retail.order(retail.article())
    assert len(door.wait(heard + 1, 60)) == heard + 1
    assert not look(retail), "all is well: nothing to mend, nothing to hurry"


def test_a_deleted_webhook_is_made_again_and_a_moved_one_comes_home(
    retail: Retail, door: Receiver
) -> None:
    ours = {hook["topic"]: hook for hook in retail.woo("webhooks")}
    retail.woo(f"webhooks/{ours['order.created']['id']}?force=true", "DELETE")
    path = ours["order.updated"]["delivery_url"].removeprefix(door.url)
    old = {"delivery_url": f"http://127.0.0.1:9{path}"}
    retail.woo(f"webhooks/{ours['order.updated']['id']}", "PUT", old)
    assert look(retail)
    now = {hook["topic"]: hook for hook in retail.woo("webhooks")}
    assert now["order.created"]["id"] != ours["order.created"]["id"]
    assert now["order.updated"]["id"] == ours["order.updated"]["id"], "not a second one beside it"
    assert {hook["delivery_url"] for hook in now.values()} == {door.url + path}


def test_somebody_changed_the_secret(retail: Retail, door: Receiver) -> None:
    """It can't be seen; we refuse what it signs, so the shop gives up, and that can be seen."""
    shop = retail.connection("shop")
    hooks = {hook["topic"]: hook["id"] for hook in retail.woo("webhooks")}
    retail.woo(f"webhooks/{hooks['order.updated']}", "PUT", {"secret": "guess"})
    judge, secrets = WooCommerce.webhook, session.webhook_secrets(shop)
    door.answer = lambda request: judge(request, secrets).status
    given_up(retail)
    assert look(retail)
    heard = len(door.got)
    retail.order(retail.article())
    told = [r for r in door.wait(heard + 2, 60) if "x-wc-webhook-topic" in r.headers][-2:]
    assert {judge(request, secrets).status for request in told} == {200}


def test_what_cannot_be_mended_is_told_once_and_heals(retail: Retail, door: Receiver) -> None:
    """Somebody made the key a read-only one: orders still come by asking."""
    hook = next(h for h in retail.woo("webhooks") if h["topic"] == "order.updated")
    retail.woo(f"webhooks/{hook['id']}", "PUT", {"status": "paused"})
    retail.shop.control("faults", {"kind": "unauthorised", "match": "/webhooks/", "method": "PUT"})
    number = retail.order(retail.article())
    assert look(retail)
    assert look(retail)
    (told,) = open_ones()
    assert "no longer tells us by itself" in told.title
    assert retail.connection("shop").state == "active", "asking goes on"
    retail.hear("shop")
    assert len(retail.orders_of(number)) == 1

    retail.shop.control("faults", method="DELETE")
    assert look(retail)
    assert not open_ones()


def test_a_shop_that_is_away_is_no_trouble_of_its_own(retail: Retail, door: Receiver) -> None:
    retail.shop.control("faults", {"kind": "down", "match": "/webhooks"})
    assert not look(retail)
    assert not open_ones()


def test_the_sweep_rings_when_it_is_time_and_one_worker_looks(
    retail: Retail, door: Receiver
) -> None:
    shop, schema = retail.connection("shop"), retail.partner.schema_name

    def rung() -> bool:
        return any(one.bell == "listen" and one.subject == shop.id for one in due([schema]))

    assert not rung(), "asked to push a moment ago"
    execute("UPDATE connections_connection SET subscribed_at = now() - %s", [2 * listening.EVERY])
    assert rung()
    for hook in retail.woo("webhooks"):
        retail.woo(f"webhooks/{hook['id']}", "PUT", {"status": "paused"})
    found: list[bool] = []
    retail.together(*[lambda: found.append(listening.listen(shop.id))] * 3)
    assert sorted(found) == [False, False, True]
    assert not rung()
    assert rows("SELECT 1 FROM sync_checkpoint WHERE connection_id = %s AND stream = 'orders'"
                " AND next_at <= now()", [shop.id])  # fmt: skip
