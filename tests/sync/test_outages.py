"""A target that is away costs a few calls and some patience, and nothing else."""

from __future__ import annotations

import time

import pytest

from hub.connections import lifecycle
from hub.sync import deliver
from hub.sync.models import Attempt, BusinessException, Lane, Work
from hub.sync.sql import execute, rows
from tests.sync.retail import Retail

pytestmark = pytest.mark.xdist_group("retail-outages")


@pytest.mark.slow
def test_an_erp_that_is_down_for_seconds_is_asked_a_few_times_and_then_gets_everything(
    retail: Retail,
) -> None:
    retail.order(retail.article())
    retail.hear("shop")
    numbers = [retail.order(retail.article()) for _ in range(12)]
    retail.poll("shop")
    retail.work_inbox()
    retail.fault(retail.erp, "down", "/json/", seconds=6)
    before = retail.erp.control("faults", method="GET")["bitten"].get("down", 0)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        retail.turn()
        time.sleep(0.05)
    calls = retail.mend(retail.erp)["down"] - before
    assert 1 <= calls <= 12, "with twelve orders waiting"
    assert Lane.objects.get(connection_id=retail.connection("erp").id).failures > 0
    retail.settle(40)
    assert [len(retail.orders_of(number)) for number in numbers] == [1] * 12
    assert retail.problems() == []
    assert retail.open_exceptions() == {}
    assert Lane.objects.get(connection_id=retail.connection("erp").id).failures == 0


def test_while_the_breaker_is_open_nothing_is_claimed_and_then_one_goes_alone(
    retail: Retail,
) -> None:
    retail.order(retail.article())
    retail.hear("shop")
    for _ in range(4):
        retail.order(retail.article())
    retail.poll("shop")
    retail.work_inbox()
    erp = retail.connection("erp")
    retail.fault(retail.erp, "down", "/json/")
    deliver.drain_deliveries(erp.id)
    assert deliver.drain_deliveries(erp.id) == 0
    execute("UPDATE sync_lane SET open_until = now() - interval '1 second'")
    execute("UPDATE sync_work SET next_at = now() WHERE next_at < 'infinity'")
    assert deliver.drain_deliveries(erp.id) == 1
    assert deliver.drain_deliveries(erp.id) == 0, "it failed: open again"


def test_the_time_a_target_asks_for_is_given(retail: Retail) -> None:
    sku = retail.article()
    retail.erp.control("price", {"sku": sku, "price": "4.00"})
    retail.fault(retail.shop, "rate_limit", "/products", count=1)
    retail.poll("erp")
    retail.turn()
    shop = retail.connection("shop")
    (waits,) = rows(
        "SELECT extract(epoch FROM open_until - failed_at) FROM sync_lane"
        " WHERE connection_id = %s", [shop.id],
    )[0]  # fmt: skip
    assert float(waits) >= 0.99, "Retry-After: 1"
    attempt = Attempt.objects.filter(connection_id=shop.id, outcome="retry").latest("id")
    assert attempt.code == "rate-limited"
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "4.00"


def test_refused_credentials_stop_the_calls_and_a_new_key_lets_everything_go_on(
    retail: Retail,
) -> None:
    retail.order(retail.article())
    retail.hear("shop")
    numbers = [retail.order(retail.article()) for _ in range(5)]
    retail.poll("shop")
    retail.work_inbox()
    retail.fault(retail.erp, "unauthorised", "/json/")
    before = retail.erp.control("faults", method="GET")["bitten"].get("unauthorised", 0)
    for _ in range(5):
        retail.turn()
        retail.poll("erp")
    calls = retail.mend(retail.erp)["unauthorised"] - before
    erp = retail.connection("erp")
    assert erp.state == "attention"
    assert (erp.paused_code, erp.paused_owner) == ("revoked", "merchant")
    assert retail.open_exceptions() == {"revoked": 1}
    limit = 4  # those that were on their way at once; see the connector's concurrency
    assert calls <= limit
    assert Work.objects.filter(connection_id=erp.id, attempts__gt=1).count() == 0

    lifecycle.store_secret(erp, "api_key", "demo-key", actor="system:tests")
    lifecycle.resume(erp, actor="system:tests")
    retail.settle()
    assert [len(retail.orders_of(number)) for number in numbers] == [1] * 5
    assert retail.open_exceptions() == {}, "it answers again: the exception closes by itself"
    assert BusinessException.objects.filter(code="revoked").latest("opened_at").resolution


def test_a_source_that_is_away_loses_nothing(retail: Retail) -> None:
    number = retail.order(retail.article())
    retail.fault(retail.shop, "down", "/wp-json/")
    retail.hear("shop")
    assert retail.open_exceptions() == {}
    retail.mend(retail.shop)
    retail.hear("shop")
    retail.settle()
    assert len(retail.orders_of(number)) == 1


@pytest.mark.slow
def test_a_page_of_html_with_a_200_is_no_success(retail: Retail) -> None:
    sku = retail.article()
    retail.erp.control("price", {"sku": sku, "price": "4.50"})
    retail.fault(retail.shop, "html", "/products", count=1)
    retail.hear("erp")
    retail.settle()
    assert retail.on_shelf(sku)["regular_price"] == "4.50"
