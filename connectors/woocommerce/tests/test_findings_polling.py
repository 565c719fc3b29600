"""Findings 14 to 18: dates, and reading what changed without losing any of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connectors.sdk.errors import Unreadable
from connectors.sdk.records import SourceRecord
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce import reading
from connectors.woocommerce.api import Api
from connectors.woocommerce.connector import WooCommerce
from connectors.woocommerce.simulator import dates
from connectors.woocommerce.tests.replay import ask, recording, replay

ZONES = ("America/New_York", "Europe/Berlin", "UTC")
#: Form of the filter → whether a change one second after it is found, per zone (recorded).
FORMS = {
    "naive local": (True, True, True),
    "naive gmt + flag": (True, True, True),
    "Z": (True, True, True),
    "Z + flag": (True, False, True),
    "naive gmt": (False, True, True),
}


def asked(form: str, epoch: int, zone: str) -> str:
    gmt, local = dates.gmt(epoch), dates.local(epoch, zone)
    text = {"naive local": local, "Z": f"{gmt}Z", "Z + flag": f"{gmt}Z"}.get(form, gmt)
    return f"modified_after={text}" + ("&dates_are_gmt=true" if "flag" in form else "")


def newest(shop: Running) -> int:
    stamps = [p["date_modified_gmt"] for p in ask(shop, "GET", "/products?per_page=100").json()]
    return dates.instant(max(stamps))


def read(woo: WooCommerce, stream: str, cursor: dict[str, Any]) -> list[SourceRecord]:
    records = [woo.understand(h) for page in woo.read(stream, cursor) for h in page.heard]
    assert all(isinstance(r, SourceRecord) for r in records)
    return records  # type: ignore[return-value]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("form", list(FORMS))
def test_15_which_forms_of_a_date_find_the_change(shop: Running, zone: str, form: str) -> None:
    shop.control("seed", {"settings": {"zone": zone}})
    found = ask(shop, "GET", f"/products?{asked(form, newest(shop) - 1, zone)}").json()
    assert bool(found) is FORMS[form][ZONES.index(zone)]


@pytest.mark.parametrize("zone", ZONES)
def test_15_our_reading_is_right_in_every_zone(shop: Running, woo: WooCommerce, zone: str) -> None:
    shop.control("seed", {"settings": {"zone": zone}})
    everything = read(woo, "products", {})
    cursor = {"modified": max(r.version for r in everything)}
    time.sleep(1.05)
    ask(shop, "PUT", "/products/61", {"stock_quantity": 3})
    changed = read(woo, "products", cursor)
    assert "61" in {r.external_id for r in changed}
    later = {"modified": dates.gmt(dates.instant(cursor["modified"]) + 3600)}
    assert read(woo, "products", later) == []


def test_14_a_filter_at_a_records_own_stamp_misses_it_and_we_overlap(
    shop: Running, woo: WooCommerce
) -> None:
    at = newest(shop)
    path = f"/products?{asked('naive gmt + flag', at, 'UTC')}"
    assert ask(shop, "GET", path).json() == []
    cursor = {"modified": dates.gmt(at)}
    ask(shop, "PUT", "/products/61", {"name": "again within the second"})
    names = {r.body["name"] for r in read(woo, "products", cursor)}
    assert "again within the second" in names


@pytest.mark.parametrize("number", ["086", "087", "088", "089", "090", "091", "092"])
def test_15_recorded_answers(shop: Running, number: str) -> None:
    replay(shop, number)


def test_16_customers_ignore_the_filter_so_there_is_no_such_stream(
    shop: Running, woo: WooCommerce
) -> None:
    assert len(replay(shop, "101")) == 2
    assert len(ask(shop, "GET", "/customers?modified_after=2099-01-01T00:00:00").json()) == 2
    assert [s.name for s in woo.manifest.streams] == ["orders", "products"]


def test_17_variations_and_orders_move_the_stamps_of_their_products(
    shop: Running, woo: WooCommerce
) -> None:
    cursor = {"modified": dates.gmt(newest(shop) + 31)}
    assert read(woo, "products", cursor) == []
    before = newest(shop)
    while dates.instant(dates.gmt(int(time.time())) or "") <= before:
        time.sleep(0.05)
    ask(shop, "PUT", "/products/11/variations/27", {"stock_quantity": 9})
    shop.control("checkout", {"lines": [{"sku": "woo-tshirt", "qty": 1}]})
    path = f"/products?per_page=100&{asked('naive gmt + flag', before, 'UTC')}"
    assert {p["id"] for p in ask(shop, "GET", path).json()} == {11, 14}
    (parent,) = [r for r in read(woo, "products", {}) if r.external_id == "11"]
    assert sorted(parent.body["_skus"]) == ["woo-vneck-tee-blue", "woo-vneck-tee-red"]


def test_18_any_leaves_out_trash_and_drafts_and_we_find_the_trashed_by_id(
    shop: Running, woo: WooCommerce
) -> None:
    kept, trashed = (int(replay(shop, "128")["id"]) for _ in range(2))
    replay(shop, "178", o79=trashed)
    statuses = {o["status"] for o in ask(shop, "GET", "/orders?status=any").json()}
    assert statuses == {"pending"}
    assert [r.external_id for r in read(woo, "orders", {})] == [str(kept)]
    both = woo.reread("orders", [str(kept), str(trashed), "999999", "x"])
    assert {i: r and r.deleted for i, r in both.items()} == {
        str(kept): False, str(trashed): True, "999999": None, "x": None,
    }  # fmt: skip


@pytest.mark.parametrize("number", ["146", "138"])
def test_lists_of_orders_as_recorded(shop: Running, number: str) -> None:
    order = replay(shop, "111")["id"]
    replay(shop, number, o72=order)


def test_hundreds_of_one_second_are_all_read(shop: Running, woo: WooCommerce) -> None:
    """More than a page carries one stamp: a cursor by time alone would stop or loop here."""
    many = [{"name": f"P{i}", "sku": f"P{i}", "regular_price": "1"} for i in range(350)]
    shop.control("seed", {"products": many})
    stamps = {p["date_modified_gmt"] for n in (1, 2, 3, 4)
              for p in ask(shop, "GET", f"/products?per_page=100&page={n}").json()}  # fmt: skip
    assert len(stamps) <= 2
    assert len({r.external_id for r in read(woo, "products", {})}) == 356


class _Stuck(Api):
    """A shop whose ``page`` does nothing (failure stories 13 and 15)."""

    def __init__(self) -> None:
        self.row = {"date_modified_gmt": "2026-01-01T00:00:00", "status": "publish"}

    def get(self, path: str, **params: Any) -> Any:
        return [{**self.row, "id": i, "sku": str(i)} for i in range(100)]


def test_a_shop_that_repeats_its_page_is_an_alarm_not_a_loop() -> None:
    with pytest.raises(Unreadable) as repeated:
        list(reading.changed(_Stuck(), "products", {}))
    assert repeated.value.code == "page-anomaly"


def test_the_recorded_orders_list_is_understood(woo: WooCommerce) -> None:
    row = recording("171")["answer"]
    record = reading.record("orders", {**row, "_refunds": recording("169")["answer"]}, None)
    assert record.version == "2026-11-23T18:58:33"
    assert {t["_code"] for line in record.body["line_items"] for t in line["taxes"]} == {"VAT"}
