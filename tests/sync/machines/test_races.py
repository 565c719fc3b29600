"""Two workers meet at the worst moment, on purpose: threads, two connections, and a barrier."""

from __future__ import annotations

import pytest

from hub.sync import deliver
from tests.sync.machines.world import Halts, World

pytestmark = pytest.mark.xdist_group("bench-races")


@pytest.mark.parametrize("point", ["call.begun", "call.writing", "freeze.stored", "claim.leased"])
def test_who_sleeps_before_its_call_does_not_call_after_its_lease(
    world: World, halts: Halts, point: str
) -> None:
    """Rule 3.4 (a): another looked, found nothing and sent; the sleeper wakes up and must not."""
    world.tell("locations", {"id": "L1", "value": "Leeds", "version": "1"})
    world.normalise()
    gate = halts.at(point)
    sleeper = world.beside(lambda: deliver.drain_deliveries(world.target.id))
    gate.wait()
    world.settle()
    gate.open()
    sleeper.finish()
    world.settle()
    ref = world.ref(world.record("location", "L1"))
    assert world.shelf.made("location", ref) == 1


@pytest.mark.parametrize("point", ["batch.begun", "freeze.stored"])
def test_a_batch_whose_sender_slept_is_not_sent_over_a_newer_value(
    world: World, halts: Halts, point: str
) -> None:
    """The same for what is sent in batches: the older figure must not land last."""
    stock(world, "CEN", "5")
    world.settle()
    stock(world, "CEN", "6", "2")
    world.normalise()
    gate = halts.at(point)
    sleeper = world.beside(lambda: deliver.drain_deliveries(world.target.id))
    gate.wait()
    stock(world, "CEN", "7", "3")
    world.settle()
    gate.open()
    sleeper.finish()
    assert [e.value for e in world.shelf.effects] == ["5", "7"]


def stock(world: World, location: str, value: str, version: str = "1", sku: str = "A1") -> None:
    world.tell("stock", {"id": f"{sku}-{location}", "sku": sku, "location": location,
                         "value": value, "version": version})  # fmt: skip
