"""The bell and the reader: a ring that falls at the worst moment still wakes somebody."""

from __future__ import annotations

import pytest

from hub.sync import actors, doorbell
from hub.sync.models import InboxEvent
from tenants.context import current_schema
from tests.sync.machines.weakened import without
from tests.sync.machines.world import Halts, World

pytestmark = pytest.mark.xdist_group("bench-doorbell")


def _rung_at_the_worst_moment(world: World, halts: Halts) -> tuple[int, bool]:
    """A worker is about to delete the bell when something more is heard and rung for; what is
    pending when the worker is done, and whether anybody is rung for it."""
    source = world.source.id
    schema = current_schema()
    doorbell.clear(schema, "inbox", source)
    world.tell("locations", {"id": "L1", "value": "Leeds", "version": "1"})
    actors.ring("inbox", source)
    gate = halts.at("bell.taken")
    worker = world.beside(lambda: actors.drain_inbox.fn(str(source)))
    gate.wait()
    world.tell("locations", {"id": "L2", "value": "Hull", "version": "1"})
    actors.ring("inbox", source)
    gate.open()
    worker.finish()
    pending = InboxEvent.objects.filter(state="pending").count()
    return pending, not doorbell.set_bell(schema, "inbox", source)


def test_nothing_is_left_that_nobody_is_rung_for(world: World, halts: Halts) -> None:
    pending, rung = _rung_at_the_worst_moment(world, halts)
    assert not pending or rung


def test_were_the_bell_deleted_after_reading_it_would_lie_there(world: World, halts: Halts) -> None:
    with without("bell-deleted-before-reading"):
        assert _rung_at_the_worst_moment(world, halts) == (1, False)
