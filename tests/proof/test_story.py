"""The story played small, against the real simulators, with nobody in between."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from connectors.csvtill.simulator import printing
from connectors.csvtill.simulator.app import build as build_tills
from connectors.odoo.simulator.app import build as build_erp
from connectors.sdk.testing.simulators import Running, running
from connectors.woocommerce.simulator.routes import build as build_shop
from hub.proof import asking, counter, cut
from hub.proof.outside import Outside
from hub.proof.stage import ERP_KEY, EXTRACT, SHOP_KEY, SHOP_SECRET
from hub.proof.story import TILL_KINDS, Story, Timing

DAY = "2011-08-16"


@dataclass
class Nobody:
    """Hands that only note what they were asked to break."""

    broken: list[str] = field(default_factory=list)

    def kill_worker(self) -> dict[str, Any]:
        self.broken.append("worker")
        return {"pid": 1, "next_pid": 2}

    def flush_redis(self) -> dict[str, Any]:
        self.broken.append("redis")
        return {"flushed": True}


@dataclass
class Window:
    """A simulator, and its window with forms to press."""

    running: Running

    def press(self, act: str, **fields: str) -> None:
        """Press a form as a browser does. Raises AssertionError when it is refused."""
        body = urlencode(fields).encode()
        asked = Request(f"{self.running.url}/_sim/{act}", data=body)
        with urlopen(asked, timeout=30) as answer:
            page = answer.read().decode()
        assert "refused" not in page, page[:2000]


@dataclass
class World:
    story: Story
    systems: dict[str, Any]
    tills: Window
    erp: Window
    shop: Window

    def found(self, *, stock: bool = False) -> counter.Found:
        """What the systems hold, once the weather has cleared."""
        self.erp.running.control("faults", method="DELETE")
        return counter.look(self.systems, stock=stock)

    def price_at_tills(self, sku: str, price: str) -> None:
        """What the hub would have brought to the tills of S04."""
        raw = printing.encoded(
            ["H;PRICES;S04", f"P;{sku};{sku};VAT20;U", f"C;{sku};{price.replace('.', ',')};U"]
        )
        (Path(self.systems["tills"]) / "S04" / "in" / "0001.csv").write_bytes(raw)
        time.sleep(1)


def one_day() -> cut.Plan:
    """The orders, receipts and cancellations of one day that stand on their own."""
    rows = [r for r in cut.read(EXTRACT) if r.at.startswith(DAY)]
    return cut.plan(rows)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    folder = tmp_path / "tills"
    folder.mkdir()
    with (
        running(build_shop, state=tmp_path / "shop.db") as shop,
        running(build_erp, state=tmp_path / "erp.db") as erp,
        running(build_tills, state=tmp_path / "tills.db", folder=folder) as tills,
    ):
        from hub.proof.stage import basic

        story = Story(
            one_day(),
            Outside(shop.url, "shop", basic()),
            Outside(erp.url, "ERP"),
            Outside(tills.url, "tills"),
            Nobody(),
            lambda line: None,
            Timing(play_seconds=10),
        )
        systems = {
            "extract": str(EXTRACT),
            "shop": {"url": shop.url, "key": SHOP_KEY, "secret": SHOP_SECRET},
            "erp": {"url": erp.url, "key": ERP_KEY},
            "tills": str(folder),
        }
        yield World(story, systems, Window(tills), Window(erp), Window(shop))


def stock_the_shop(story: Story) -> None:
    """What the hub would have brought there."""
    products = [
        {
            "name": p.title, "sku": p.sku, "regular_price": str(p.price), "manage_stock": True,
            "stock_quantity": 100_000, "tax_class": "zero-rate" if p.tax == "VAT0" else "",
        }
        for p in story.plan.products.values()
        if p.kind == "goods"
    ]  # fmt: skip
    story.shop.post("/_sim/seed", {"products": products})


@pytest.mark.slow
def test_the_outside_world_ends_as_the_plan_says(world: World) -> None:
    story, plan = world.story, world.story.plan
    story.seed()
    stock_the_shop(story)
    story.play()
    story.send_again()
    found = world.found()
    shop = {d.number: [d.total] for d in plan.of("order")}
    assert dict(found.shop_orders) == shop
    kinds = world.tills.running.control("counts", method="GET")["kinds"]
    assert kinds.get("sale") == len(plan.of("sale"))
    assert kinds.get("return") == len(plan.of("return"))
    again = asking.sent_again(plan)
    assert again is not None
    first = next(d for d in plan.documents if d.number == again["number"])
    assert found.journal_sales[first.number] == [first.total]
    assert asking.receipt(first)["lines"] != again["lines"]
    assert story.evidence()["receipts_sent_again"] == 1
    assert story.hands.broken == ["worker", "redis"]  # type: ignore[attr-defined]
    assert story.evidence()["files_half_written"] >= 1


@pytest.mark.slow
def test_a_story_that_was_broken_off_goes_on_where_it_was(world: World) -> None:
    story, plan = world.story, world.story.plan
    story.seed()
    stock_the_shop(story)
    half = plan.documents[: len(plan.documents) // 2]
    story._at_the_shop(half)
    story._at_the_tills([d for d in half if d.kind in TILL_KINDS], "")
    again = Story(plan, story.shop, story.erp, story.tills, Nobody(), lambda line: None, Timing(2))
    assert not again.recall()
    assert again.done == {d.number for d in half}
    again.play()
    found = world.found()
    assert {n: len(amounts) for n, amounts in found.shop_orders.items()} == {
        d.number: 1 for d in plan.of("order")
    }
    assert again.recall() or story.recall()


@pytest.mark.slow
def test_nothing_in_the_erp_is_counted_as_lost_and_sabotage_is_seen(world: World) -> None:
    story = world.story
    story.seed()
    stock_the_shop(story)
    order = story.plan.of("order")[0]
    story._at_the_shop([order])
    found = world.found()
    report = counter.compare(counter.from_systems(found), found)
    assert report.lost == [f"erp orders {order.number}", f"erp invoices {order.number}"]
    before = counter.look(world.systems).stock
    story.erp.post("/_sim/sabotage", {"kind": "stock"})
    after = counter.look(world.systems).stock
    assert sum(n for n, _ in before.values()) - sum(n for n, _ in after.values()) == 1


def test_what_people_do_in_the_windows_is_expected_of_the_erp_too(world: World) -> None:
    """Sold, taken back, damaged, priced and created by hand: on top of the extract, not against."""
    story, plan = world.story, world.story.plan
    story.seed()
    stock_the_shop(story)
    sku = next(sku for sku, product in plan.products.items() if product.kind == "goods")
    world.shop.press("act/sell", sku=sku)
    world.shop.press("act/sell", sku=sku)
    world.shop.press("act/refund")
    world.erp.press("price", sku=sku, price="77.70")
    world.erp.press("product", sku="NEW-1", title="A new one", price="3.00", stock="CEN 25, S04 12")
    world.price_at_tills(sku, "4.00")
    world.tills.press("sell", sku=sku, store="S04")
    world.tills.press("sell", sku=sku, store="S04", fault="bad_line")
    found = world.found(stock=True)
    hand = found.by_hand
    assert hand.shown() == {
        "orders": 2, "refunds": 1, "sales": 1, "prices": 1, "products": 1, "damaged": 1
    }  # fmt: skip
    assert hand.moves == {(sku, "CEN"): -1, (sku, "S04"): -1}
    expected = counter.from_extract(EXTRACT, hand)
    untouched = counter.from_extract(EXTRACT)
    assert expected.prices and expected.prices[sku] == Decimal("77.70")
    assert expected.stock and untouched.stock
    assert expected.stock["NEW-1", "S04"] == 12
    assert expected.stock[sku, "CEN"] == untouched.stock[sku, "CEN"] - 1
    report = counter.compare(counter.from_systems(found), found).shown()
    assert report["doubled"] == 0 and report["cents_off"] == 0
    assert len(expected.orders) == len(untouched.orders) + 2


def test_what_is_asked_of_the_shop_is_json_and_adds_up() -> None:
    for order in one_day().of("order"):
        asked = json.loads(json.dumps(asking.checkout(order)))
        lines = sum(line["qty"] * Decimal(line["unit_price"]) for line in asked["lines"])
        extra = sum(Decimal(fee["total"]) for fee in asked["fees"])
        carriage = Decimal(asked.get("shipping", {}).get("total", "0"))
        assert lines + extra + carriage == order.total
        assert asked["placed_at"].endswith("Z")
        assert asked["customer"]["email"].endswith("@example.com")
