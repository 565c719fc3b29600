"""Tills that keep their receipts in a database, and an ERP that takes orders from a table."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from connectors.sql.simulator import legacy
from connectors.sql.staging import Staging
from hub.sync.models import Delivery, Record
from hub.sync.sql import execute
from tests.sql.conftest import Chain

#: As the tills write it: local, without a zone.
NOON = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001


def sales() -> list[str]:
    return sorted(Record.objects.filter(entity="sale").values_list("number", flat=True))


def test_a_till_databases_receipts_arrive_as_sales_once(chain: Chain) -> None:
    for minute in range(3):
        chain.legacy.ring_up(NOON + timedelta(minutes=minute))
    for _ in range(3):
        chain.poll()
        chain.work()
    assert sales() == ["1", "2", "3"], chain.parked() or chain.problem()
    sale = Record.objects.get(number="1")
    content = msgspec.json.decode(sale.content)
    assert content["sold_at"] == "2026-07-01T11:00:00Z", "the tills' own time, in London's summer"
    assert (content["location"], content["totals"]["grand_total"]["amount"]) == ("S01", "6.00")
    assert [line["sku"] for line in content["lines"]] == ["G01"]
    assert sale.version == 1
    assert chain.parked() == []
    assert len(chain.legacy.orders("number")) == 3


def test_a_receipt_committed_late_is_not_missed(chain: Chain) -> None:
    with chain.legacy.owner.connect() as slow_till:
        legacy.ring_up(slow_till, 100, [("G01", 1, "3.00")], at=NOON)
        chain.legacy.ring_up(NOON + timedelta(minutes=5))
        chain.poll()
        chain.work()
        assert sales() == ["1"]
        slow_till.commit()
    chain.poll()
    chain.work()
    assert sales() == ["1", "100"]


def test_a_corrected_receipt_is_a_new_version_of_the_same_sale(chain: Chain) -> None:
    chain.legacy.ring_up(NOON)
    chain.poll()
    chain.work()
    chain.legacy.run(
        "UPDATE till_receipts SET cashier = 'OP09', changed_at = changed_at + interval '1 minute'"
    )
    chain.poll()
    chain.work()
    assert Record.objects.get(entity="sale").version == 2


def test_an_order_is_staged_once_though_the_worker_died_after_the_insert(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is committed, and the worker never learns of it."""
    chain.legacy.ring_up(NOON)
    chain.poll()
    staged = Staging.stage

    class Killed(BaseException):
        """Nothing catches it, as nothing catches a kill."""

    def die_afterwards(self: Staging, items: object) -> object:
        staged(self, items)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(Staging, "stage", die_afterwards)
    with pytest.raises(Killed):
        chain.work()
    monkeypatch.undo()
    assert chain.legacy.orders("number", "status") == [("1", "new")]
    execute("UPDATE sync_work SET lease_until = now() - interval '1 second'", [])
    chain.until(lambda: _waits(chain))
    assert chain.legacy.orders("number", "status") == [("1", "new")]
    assert chain.legacy.run("SELECT count(*) FROM hub_order_lines") == [(1,)]
    with chain.legacy.session() as erp:
        assert legacy.take_over(erp) == 1
    chain.until(lambda: not chain.owed())
    assert Delivery.objects.get().delivered == 1
    assert chain.legacy.orders("number", "status", "erp_number") == [("1", "booked", "SO-1")]


def _waits(chain: Chain) -> bool:
    return any("waits in hub_orders" in str(one[2]) for one in chain.owed())


def test_the_erps_refusal_is_told_in_its_words_and_new_content_goes_again(chain: Chain) -> None:
    chain.legacy.ring_up(NOON)
    chain.poll()
    chain.until(lambda: _waits(chain))
    with chain.legacy.session() as erp:
        legacy.take_over(erp, refuse="store S01 is closed")
    chain.until(lambda: bool(chain.open_exceptions()))
    (title,) = chain.open_exceptions().values()
    assert "store S01 is closed" in title
    chain.legacy.run("UPDATE till_receipts SET store = 'S02', changed_at = changed_at + '1 min'")
    chain.poll()
    chain.until(lambda: chain.legacy.orders("store", "status") == [("S02", "new")])
    with chain.legacy.session() as erp:
        legacy.take_over(erp)
    chain.until(lambda: not chain.owed())
    assert chain.open_exceptions() == {}


def test_a_row_the_erp_took_away_unanswered_is_not_staged_a_second_time(chain: Chain) -> None:
    chain.legacy.ring_up(NOON)
    chain.poll()
    chain.until(lambda: _waits(chain))
    chain.legacy.run("DELETE FROM hub_orders")
    chain.until(lambda: "rejected" in chain.open_exceptions())
    assert chain.legacy.orders("number") == []


def test_what_the_erp_has_taken_is_not_overwritten(chain: Chain) -> None:
    chain.legacy.ring_up(NOON)
    chain.poll()
    chain.until(lambda: _waits(chain))
    with chain.legacy.session() as erp:
        legacy.take_over(erp)
    chain.until(lambda: not chain.owed())
    chain.legacy.run("UPDATE till_receipts SET store = 'S02', changed_at = changed_at + '1 min'")
    chain.poll()
    chain.until(lambda: "record-locked" in chain.open_exceptions())
    assert chain.legacy.orders("store", "status") == [("S01", "booked")]


def test_applying_the_example_again_changes_nothing(chain: Chain) -> None:
    assert "~" not in chain.apply()


def test_a_password_that_is_not_accepted_stops_the_connection_and_is_told_nowhere(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLDB_PASSWORD", "an-old-password")
    chain.apply()
    chain.legacy.ring_up(NOON)
    chain.poll()
    assert chain.connection("tilldb").state == "attention"
    told = str(chain.open_exceptions()) + chain.problem()
    assert "revoked" in told and "doesn't let us in" in told
    assert "an-old-password" not in told and chain.legacy.password not in told
