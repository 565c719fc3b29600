"""A worker may die at any named point between hearing and settling; afterwards all is as it should.

The same points at which the chaos harness kills processes, here one after the other: the thread's
transaction is gone, nothing after the point runs, its leases stay.
"""

from __future__ import annotations

import pytest

from connectors.sdk.errors import OutcomeUnknown, Unavailable
from connectors.sdk.records import WriteItem
from hub.proof.chaos.injection.failpoints import NAMES
from hub.sync import deliver
from hub.sync.sql import rows
from tests.sync.machines.weakened import without
from tests.sync.machines.world import Halts, WorkerDied, World

pytestmark = [pytest.mark.xdist_group("bench-deaths"), pytest.mark.slow]

#: Points of other processes, of sources that are polled, of writes of several calls, of milestones.
NOT_HERE = ("door.", "bell.", "poll.", "sweep.", "step.", "normalise.milestones")
POINTS = [name for name in NAMES if not name.startswith(NOT_HERE)]


def trade(world: World) -> None:
    """An order of somebody not told yet, its refund, stock at two places."""
    world.order("o1", customer="c1")
    for place in ("CEN", "S01"):
        world.tell("stock", {"id": place, "sku": "A1", "location": place, "value": "5",
                             "version": "1"})  # fmt: skip
    world.normalise()
    deliver.drain_deliveries(world.target.id)
    world.customer("c1")
    world.refund("r1", "o1")
    world.order("o1", "2", "2", customer="c1")
    world.order("o1", "3", "2", customer="c1")  # the same stamp, other words: read again
    world.normalise()
    world.settle()


def be_difficult(world: World) -> None:
    """The target is away once, and loses an answer of each kind."""
    had: list[str] = []

    def once(what: str) -> bool:
        had.append(what)
        return had.count(what) == 1

    def before(resource: str, item: WriteItem) -> None:
        if resource == "blind" and once("away"):
            raise Unavailable("The bench is away.")

    def after(resource: str, item: WriteItem) -> None:
        if resource in ("found", "stock") and once(resource):
            raise OutcomeUnknown("No answer came.")

    world.shelf.before, world.shelf.after = before, after


def with_a_death(world: World, halts: Halts, point: str) -> bool:
    """Trade; whether somebody died. What the dead had in hand is taken up by others."""
    be_difficult(world)
    halts.die_at(point)
    deaths = 0
    while True:
        worker = world.beside(lambda: trade(world))
        try:
            worker.finish()
        except WorkerDied:
            deaths += 1
            world.pass_time()
        else:
            return bool(deaths)


def check(world: World) -> None:
    record = world.record("order", "o1")
    ref = world.ref(record)
    for resource in ("keyed", "found"):
        assert world.shelf.made(resource, ref) == 1, resource
        assert world.shelf.holds(resource, ref) == ["3"], resource
    assert world.shelf.made("blind", ref) <= 1
    assert [e.value for e in world.shelf.effects if e.resource == "refund"] == ["3"]
    assert [e.value for e in world.shelf.effects if e.resource == "stock"][-1] == "10"
    for level in ("customer", "stock"):
        assert len({e.external_id for e in world.shelf.effects if e.resource == level}) == 1
    assert rows("SELECT resource FROM sync_delivery WHERE delivered > 0 AND billed = 0"
                " AND resource IN ('customer', 'stock')") == []  # fmt: skip
    assert world.without_owner() == []
    billed = dict(rows("SELECT key, units FROM billing_usageevent WHERE meter = 'document'"))
    told = [d.problem for d in world.deliveries(record)]
    assert set(told) <= {"none", "unknown"}
    assert billed.get(f"doc:{record.id}", 0) == (0 if "unknown" in told else 1)


@pytest.mark.parametrize("point", POINTS)
def test_whoever_dies_there_costs_nobody_anything(world: World, halts: Halts, point: str) -> None:
    assert with_a_death(world, halts, point), "nobody came by"
    check(world)


def test_without_one_transaction_a_death_leaves_something_unbilled(
    world: World, halts: Halts
) -> None:
    with without("one-transaction-settle"):
        assert with_a_death(world, halts, "settle.delivered")
    with pytest.raises(AssertionError):
        check(world)


def _killed_after_its_call(world: World, halts: Halts) -> int:
    world.order("o1")
    world.normalise()
    halts.die_at("call.answered")
    with pytest.raises(WorkerDied):
        world.beside(lambda: deliver.drain_deliveries(world.target.id)).finish()
    world.settle()
    ref = world.ref(world.record("order", "o1"))
    return max(world.shelf.made(r, ref) for r in ("keyed", "found", "blind"))


def test_what_a_killed_worker_had_sent_is_not_sent_again(world: World, halts: Halts) -> None:
    assert _killed_after_its_call(world, halts) == 1
    assert world.open_codes() == ["timeout-ambiguous"], "at a target that can prove nothing"


def test_were_its_lease_simply_due_it_would_be(world: World, halts: Halts) -> None:
    with without("lease-is-unknown"):
        assert _killed_after_its_call(world, halts) == 2
