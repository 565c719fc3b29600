"""What is rung up at Square's tills, as the hub reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Heard
from connectors.sdk.testing.simulators import Running
from connectors.square import reading
from connectors.square.connector import Square
from connectors.square.tests.conftest import give_back, read_all, sale

Connect = Callable[..., Square]


def test_a_sale_is_read_with_its_tenders_and_articles(seller: Running, connect: Connect) -> None:
    seller.control("receipts", [sale()])
    (record,), _ = read_all(connect(), "orders")
    told = record.body
    assert (told["number"], told["store"], told["register"]) == (
        "S10-2-000001",
        "S10",
        "Register 2",
    )
    # The till's clock was on summer time; the day is the store's own.
    assert (told["at"], told["local"]) == ("2011-08-08T08:15:00.000Z", "2011-08-08T09:15:00")
    assert told["sale"]["total"] == "15.30" and told["sale"]["tax"] == "2.55"
    assert [(t["kind"], t["amount"]) for t in told["sale"]["tenders"]] == [
        ("CASH", "5.30"), ("CARD", "10.00"),
    ]  # fmt: skip
    (line,) = told["sale"]["lines"]
    assert (line["sku"], line["qty"], line["net"]) == ("85123A", "6", "12.75")


def test_goods_come_back_the_way_they_were_paid_or_another(
    seller: Running, connect: Connect
) -> None:
    linked = give_back("S10-2-000001")
    by_gift_card = give_back("S10-2-000001", "S10-2-000003",
                             tenders=[{"kind": "gift", "amount": "5.10"}])  # fmt: skip
    without_receipt = give_back("", "S10-2-000004", tenders=[{"kind": "card", "amount": "5.10"}])
    seller.control("receipts", [sale(), linked, by_gift_card, without_receipt])
    records, _ = read_all(connect(), "orders")
    sold, *backs = sorted(records, key=lambda record: str(record.body["number"]))
    returns = [back for record in backs for back in record.body["returns"]]
    assert [r.get("original") for r in returns] == [sold.external_id, sold.external_id, None]
    assert [t["kind"] for r in returns for t in r["tenders"]] == ["CASH", "OTHER", "CARD"]
    assert {r["total"] for r in returns} == {"5.10"}
    assert returns[0]["lines"][0]["original_line"] == sold.body["sale"]["lines"][0]["id"]
    assert all("sale" not in record.body for record in backs)


def test_a_till_in_japan_knows_no_cents(seller: Running, connect: Connect) -> None:
    seller.control("settings", {"currency": "JPY", "zone": "Asia/Tokyo"})
    line = {"sku": "TEA", "text": "Tea", "qty": 3, "price": "1000", "tax": ""}
    tenders = [{"kind": "cash", "amount": "3000"}]
    seller.control("receipts", [sale(lines=[line], tenders=tenders, at="2011-08-08T00:30:00")])
    (record,), _ = read_all(connect(), "orders")
    assert record.body["sale"]["total"] == "3000"
    assert record.body["sale"]["lines"][0]["unit_price"] == "1000"
    assert (record.body["at"], record.body["business_date"]) == (
        "2011-08-07T15:30:00.000Z", "2011-08-08",
    )  # fmt: skip


def test_a_sale_posted_twice_is_one_sale(seller: Running, connect: Connect) -> None:
    seller.control("receipts", {"receipts": [sale()], "fault": "post_twice"})
    dearer = sale()
    dearer["lines"][0]["qty"] = 7
    seller.control("receipts", [dearer])
    records, _ = read_all(connect(), "orders")
    assert [r.body["sale"]["total"] for r in records] == ["15.30"]
    counts = seller.control("counts", method="GET")
    assert counts["bitten"]["sent_again"] == 2 and counts["kinds"] == {"sale": 1}


def test_what_a_till_sold_offline_is_read_when_it_is_back(
    seller: Running, connect: Connect
) -> None:
    """Its time is that of the sale; it is found by the time at which Square came to know it."""
    square = connect()
    seller.control("receipts", [sale("S10-2-000009", at="2011-08-09T09:15:00")])
    _, cursor = read_all(square, "orders")
    seller.control("receipts", {"receipts": [sale()], "fault": "offline", "seconds": 0})
    until(lambda: seller.control("counts", method="GET")["waiting"] == 0)
    records, _ = read_all(square, "orders", cursor)
    assert "S10-2-000001" in {r.body["number"] for r in records}


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    import time

    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_reading_goes_on_where_it_stopped_and_a_quiet_day_stores_nothing(
    seller: Running, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    seller.control("receipts", [sale(f"S10-2-{n:06d}") for n in range(1, 6)])
    square = connect()
    pages = list(square.read("orders", {}))
    assert [len(page.heard) for page in pages] == [2, 2, 1]
    # Interrupted after the first page: the next reading has the rest, and nothing is skipped.
    rest, cursor = read_all(square, "orders", pages[0].cursor)
    assert len(rest) == 3
    monkeypatch.setattr(reading, "PAGE", 500)
    _, cursor = read_all(square, "orders", cursor)
    assert list(square.read("orders", cursor)) == []


def test_square_forgets_a_page_cursor_and_the_search_begins_anew(
    seller: Running, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller.control("receipts", [sale(f"S10-2-{n:06d}") for n in range(1, 4)])
    square = connect()
    _, cursor = read_all(square, "orders")
    (key,) = cursor
    stale = {key: {"since": "", "newest": "", "at": "bm90IGEgY3Vyc29y"}}
    assert len(read_all(square, "orders", stale)[0]) == 3


def test_a_chain_of_many_stores_is_searched_ten_at_a_time(
    seller: Running, connect: Connect
) -> None:
    seller.control("locations", {"names": [f"S{n:02d}" for n in range(1, 24)]})
    seller.control("receipts", [sale("S01-1-1", "S01"), sale("S12-1-1", "S12"),
                                sale("S23-1-1", "S23")])  # fmt: skip
    square = connect()
    records, cursor = read_all(square, "orders")
    assert {r.body["store"] for r in records} == {"S01", "S12", "S23"}
    assert len(cursor) <= 3
    searched = [path for _, path in square.http.calls if path == "/v2/orders/search"]  # type: ignore[attr-defined]
    assert len(searched) == 3


def test_stores_go_by_the_codes_the_merchant_gave_them(seller: Running, connect: Connect) -> None:
    seller.control("locations", {"names": ["Harbour Street", "Mill Lane", "Depot"]})
    seller.control("receipts", [sale("1", "Harbour Street"), sale("2", "Depot")])
    square = connect(stores={"harbour street": "S10"}, only=["Harbour Street", "Mill Lane"])
    records, _ = read_all(square, "orders")
    assert [r.body["store"] for r in records] == ["S10"]
    assert "2 locations: Mill Lane, S10" in {line.what for line in square.check()}


def test_sales_before_the_first_day_are_left_alone(seller: Running, connect: Connect) -> None:
    seller.control("receipts", [sale()])
    assert read_all(connect(since="2999-01-01"), "orders")[0] == []
    assert len(read_all(connect(since="2011-01-01"), "orders")[0]) == 1


def test_damage_is_a_movement_and_a_sale_is_not(seller: Running, connect: Connect) -> None:
    lost = {"sku": "85123A", "text": "White heart", "qty": -3, "price": "0.00"}
    found = {"sku": "85123A", "text": "White heart", "qty": 1, "price": "0.00"}
    receipts = [sale(), sale("S10-2-7", kind="write_off", lines=[lost, found])]
    seller.control("receipts", receipts)
    records, _ = read_all(connect(), "movements")
    told = {r.body["change"].get("reference_id"): r.body["change"] for r in records}
    assert told["S10-2-7/1"]["to_state"] == "WASTE"
    assert told["S10-2-7/2"]["from_state"] == "NONE"
    assert told[None]["transaction_id"]  # of the sale: its mapping makes nothing of it
    (level,), _ = read_all(connect(), "stock")
    assert (level.body["sku"], level.body["count"]["quantity"]) == ("85123A", "-8")


def test_an_order_of_another_currency_inside_is_set_aside(connect: Connect) -> None:
    order = {"id": "A", "state": "COMPLETED", "created_at": "2026-07-04T10:00:00Z",
             "total_money": {"amount": 100, "currency": "GBP"},
             "total_tax_money": {"amount": 1, "currency": "EUR"},
             "line_items": [{"uid": "1", "quantity": "1",
                             "total_money": {"amount": 100, "currency": "GBP"}}]}  # fmt: skip
    with pytest.raises(Unreadable) as refused:
        connect().understand(_heard({"order": order, "store": "S10"}))
    assert refused.value.code == "currency-mismatch"


def test_an_amount_with_a_fraction_of_a_penny_is_no_amount(connect: Connect) -> None:
    order = {"id": "A", "state": "COMPLETED", "created_at": "2026-07-04T10:00:00Z",
             "total_money": {"amount": 100.5, "currency": "GBP"}, "line_items": [{}]}  # fmt: skip
    with pytest.raises(Unreadable):
        connect().understand(_heard({"order": order, "store": "S10"}))


def _heard(told: Any) -> Heard:
    import msgspec

    return Heard("orders", "x", msgspec.json.encode(told))
