"""A message of which whoever reads it dies is set aside; its neighbours are not blamed for it."""

from __future__ import annotations

import pytest

from connectors.sdk.records import Heard, SourceRecord
from hub.sync.models import InboxEvent, Record
from tests.sync.machines.bench.connector import Bench
from tests.sync.machines.weakened import without
from tests.sync.machines.world import WorkerDied, World

pytestmark = pytest.mark.xdist_group("bench-poison")

DEADLY = "L7"
DEATHS = 12


def test_one_poisonous_message_does_not_take_its_neighbours_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand = Bench.understand

    def dying(connector: Bench, heard: Heard) -> SourceRecord:
        record = understand(connector, heard)
        if record.external_id == DEADLY:
            raise WorkerDied
        return record

    monkeypatch.setattr(Bench, "understand", dying)
    for number in range(14):
        world.tell("locations", {"id": f"L{number}", "value": f"Place {number}", "version": "1"})
    deaths = 0
    for _ in range(DEATHS):
        try:
            world.normalise("source")
        except WorkerDied:
            deaths += 1
        world.pass_time()
    parked = InboxEvent.objects.filter(state="parked")
    assert [bytes(e.body).count(DEADLY.encode()) for e in parked] == [1], "it, and nothing else"
    assert Record.objects.filter(entity="location", state="live").count() == 13
    assert deaths <= 5, "after a few deaths it is not read again"
    assert world.open_codes() == ["poison"]


def test_were_attempts_not_counted_before_it_would_kill_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(connector: Bench, heard: Heard) -> SourceRecord:
        raise WorkerDied

    monkeypatch.setattr(Bench, "understand", dying)
    world.tell("locations", {"id": DEADLY, "value": "Deadly", "version": "1"})
    with without("attempts-before-the-call"):
        for _ in range(DEATHS):
            with pytest.raises(WorkerDied):
                world.normalise("source")
            world.pass_time()
    event = InboxEvent.objects.get()
    assert (event.state, event.attempts, world.open_codes()) == ("pending", 0, [])
