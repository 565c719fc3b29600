"""Files of old tills: half written, damaged, dropped twice, and each receipt booked once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.sync import poll
from hub.sync.models import Delivery
from hub.sync.sql import execute
from tests.sync.retail import PRICE, Retail

pytestmark = pytest.mark.xdist_group("retail-tills")


def ring_up(retail: Retail, number: str, sku: str, qty: int = 1, **more: Any) -> None:
    receipt: dict[str, Any] = {"kind": "sale", "store": "S01", "till": 1, "number": number}
    receipt["at"] = "2026-11-20T10:00:00"
    receipt["lines"] = [{"sku": sku, "text": sku, "qty": qty, "price": PRICE}]
    told = {key: more.pop(key) for key in ("fault", "seconds") if key in more}
    retail.tills.control("receipts", {"receipts": [receipt | more], **told})


def booked(retail: Retail, number: str) -> list[float]:
    """Amounts of the ERP's receipts of that number."""
    found = retail.odoo("pos.order", "search_read", fields=["amount_total"],
                        domain=[["general_customer_note", "=", number]])  # fmt: skip
    return [row["amount_total"] for row in found]


def on_hand(retail: Retail, sku: str, house: str = "S01") -> float:
    (location,) = retail.odoo("stock.warehouse", "search_read", domain=[["code", "=", house]],
                              fields=["lot_stock_id"])  # fmt: skip
    quants = retail.odoo("stock.quant", "search_read", fields=["quantity"],
                         domain=[["product_id.default_code", "=", sku],
                                 ["location_id", "=", location["lot_stock_id"][0]]])  # fmt: skip
    return float(sum(q["quantity"] for q in quants))


def test_a_half_written_file_is_not_read_before_its_end_is_there(
    retail: Retail, till_folder: Path
) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5001", sku, fault="half_written", seconds=30)
    retail.hear("tills")
    assert booked(retail, "S01-1-5001") == []
    assert retail.parked() == []
    ring_up(retail, "S01-1-5002", sku)
    retail.hear("tills")
    assert booked(retail, "S01-1-5002") == [3.0], "the others don't wait for it"
    (half,) = [f for f in till_folder.glob("*.csv") if b"S01-1-5001" in f.read_bytes()]
    whole = next(iter(till_folder.parent.rglob("*.csv")))
    assert whole.exists()
    start = half.read_bytes()
    ring_up(retail, "S01-1-5003", sku)
    retail.hear("tills")
    assert half.read_bytes() == start, "it lies where it was"


def test_a_bad_line_is_an_exception_of_that_receipt_and_of_no_other(retail: Retail) -> None:
    sku = retail.article()
    receipts = [
        {"kind": "sale", "store": "S01", "till": 1, "at": "2026-11-20T10:00:00",
         "number": f"S01-1-506{n}", "lines": [{"sku": sku, "text": sku, "qty": 1, "price": PRICE}]}
        for n in (1, 2, 3)
    ]  # fmt: skip
    retail.tills.control("receipts", {"receipts": receipts, "fault": "bad_line"})
    retail.hear("tills")
    assert [booked(retail, f"S01-1-506{n}") for n in (1, 2, 3)] == [[], [3.0], [3.0]]
    assert sum(retail.open_exceptions().values()) == 1
    (why,) = retail.parked()
    assert "S01-1-5061" in why or "line" in why.lower()


@pytest.mark.slow
def test_a_file_dropped_twice_counts_once(retail: Retail) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5010", sku, qty=2, fault="drop_twice", seconds=1)
    for _ in range(4):
        retail.until_quiet()
    assert booked(retail, "S01-1-5010") == [6.0]
    assert on_hand(retail, sku) == 8


def test_the_same_receipt_with_other_content_is_a_conflict_and_changes_nothing(
    retail: Retail,
) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5020", sku)
    retail.hear("tills")
    ring_up(retail, "S01-1-5020", sku, qty=3)
    retail.hear("tills")
    assert booked(retail, "S01-1-5020") == [3.0], retail.parked() or retail.owed()
    assert retail.open_exceptions() == {"replay-conflict": 1}


def test_a_return_is_linked_to_its_receipt_and_puts_the_goods_back(retail: Retail) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5030", sku, qty=3)
    retail.hear("tills")
    assert on_hand(retail, sku) == 7
    ring_up(retail, "S01-1-5031", sku, qty=2, kind="return", original="S01-1-5030")
    retail.hear("tills")
    assert booked(retail, "S01-1-5031") == [-6.0]
    assert on_hand(retail, sku) == 9
    lines = retail.odoo("pos.order.line", "search_read", fields=["refunded_qty"],
                        domain=[["order_id.general_customer_note", "=", "S01-1-5030"]])  # fmt: skip
    assert [line["refunded_qty"] for line in lines] == [2]


def test_a_return_without_its_receipt_is_booked_all_the_same(retail: Retail) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5040", sku, qty=1, kind="return")
    retail.hear("tills")
    assert booked(retail, "S01-1-5040") == [-3.0]
    assert on_hand(retail, sku) == 11


def test_a_write_off_moves_stock_and_no_money(retail: Retail) -> None:
    sku = retail.article()
    ring_up(retail, "S01-1-5050", sku, qty=-4, kind="write_off", reason="DAMAGE")
    retail.hear("tills")
    assert booked(retail, "S01-1-5050") == []
    assert on_hand(retail, sku) == 6
    assert Delivery.objects.filter(resource="stock_movement", delivered=1).exists()


def test_a_poller_killed_while_it_reads_holds_its_stream_for_half_a_minute_at_most(
    retail: Retail,
) -> None:
    """It was elected, and died: what the tills drop meanwhile is read by the next one."""
    sku = retail.article()
    tills = retail.connection("tills")
    execute("UPDATE sync_checkpoint SET next_at = now() WHERE connection_id = %s", [tills.id])
    assert poll.due_streams(tills.id) == ["journal"]
    ring_up(retail, "S01-1-5200", sku)
    assert poll.poll(tills.id) == 0, "it may still be reading"
    execute(
        "UPDATE sync_checkpoint SET next_at = next_at - interval '30 seconds'"
        " WHERE connection_id = %s",
        [tills.id],
    )
    assert poll.poll(tills.id) > 0
    retail.work()
    assert booked(retail, "S01-1-5200") == [3.0]
