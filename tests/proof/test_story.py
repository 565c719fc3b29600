"""The story played small, against the real simulators, with nobody in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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
class World:
    story: Story
    systems: dict[str, Any]
    tills: Running
    erp: Running

    def found(self) -> counter.Found:
        """What the systems hold, once the weather has cleared."""
        self.erp.control("faults", method="DELETE")
        return counter.look(self.systems, stock=False)


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
        yield World(story, systems, tills, erp)


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
    found = world.found()
    shop = {d.number: [d.total] for d in plan.of("order")}
    assert dict(found.shop_orders) == shop
    kinds = world.tills.control("counts", method="GET")["kinds"]
    assert kinds.get("sale") == len(plan.of("sale"))
    assert kinds.get("return") == len(plan.of("return"))
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


def test_what_is_asked_of_the_shop_is_json_and_adds_up() -> None:
    for order in one_day().of("order"):
        asked = json.loads(json.dumps(asking.checkout(order)))
        lines = sum(line["qty"] * cut.Decimal(line["unit_price"]) for line in asked["lines"])
        extra = sum(cut.Decimal(fee["total"]) for fee in asked["fees"])
        carriage = cut.Decimal(asked.get("shipping", {}).get("total", "0"))
        assert lines + extra + carriage == order.total
        assert asked["placed_at"].endswith("Z")
        assert asked["customer"]["email"].endswith("@example.com")
