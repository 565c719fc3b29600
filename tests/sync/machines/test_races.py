"""Two workers meet at the worst moment, on purpose: threads, two connections, and a barrier.

Each story that rests on a guard is told twice: with the guard, and with the guard taken out, where
it must end in the harm that the guard is there for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connectors.sdk.errors import OutcomeUnknown
from connectors.sdk.records import Heard, WriteItem
from hub.proof.chaos.injection.guards import weakening
from hub.sync import deliver, needs
from hub.sync.models import InboxEvent, Record
from hub.sync.receive import receive
from hub.sync.sql import execute, rows
from tenants.context import current_schema
from tests.sync.machines.weakened import without
from tests.sync.machines.world import Beside, Halts, World, until, waits_for_a_lock

pytestmark = pytest.mark.xdist_group("bench-races")


def drain(world: World) -> Callable[[], object]:
    """What a worker does at the target."""
    return lambda: deliver.drain_deliveries(world.target.id)


def stock(world: World, location: str, value: str, version: str = "1", sku: str = "A1") -> None:
    world.tell("stock", {"id": f"{sku}-{location}", "sku": sku, "location": location,
                         "value": value, "version": version})  # fmt: skip


def stands(thread: Beside) -> None:
    """Until it waits for somebody's lock, or has gone through."""
    until(lambda: waits_for_a_lock() or not thread.is_alive())


# ------------------------------------------------------------------ two workers, one delivery


def test_two_workers_on_one_delivery_and_one_call(world: World, halts: Halts) -> None:
    world.tell("locations", {"id": "L1", "value": "Leeds", "version": "1"})
    world.normalise()
    gate = halts.at("freeze.begun")
    first = world.beside(drain(world))
    gate.wait()
    assert deliver.drain_deliveries(world.target.id) == 0, "it is leased"
    gate.open()
    first.finish()
    world.settle()
    assert [e.value for e in world.shelf.effects] == ["Leeds"]


@pytest.mark.parametrize("point", ["call.begun", "call.writing", "freeze.stored", "claim.leased"])
def test_who_sleeps_before_its_call_does_not_call_after_its_lease(
    world: World, halts: Halts, point: str
) -> None:
    """Rule 3.4 (a): another looked, found nothing and sent; the sleeper wakes up and must not."""
    world.tell("locations", {"id": "L1", "value": "Leeds", "version": "1"})
    world.normalise()
    gate = halts.at(point)
    sleeper = world.beside(drain(world))
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
    sleeper = world.beside(drain(world))
    gate.wait()
    stock(world, "CEN", "7", "3")
    world.settle()
    gate.open()
    sleeper.finish()
    assert [e.value for e in world.shelf.effects] == ["5", "7"]


# ------------------------------------------------------------------ who comes late, what is newer


def _slow_answer(world: World, halts: Halts) -> list[str]:
    """A's call had its effect, its answer dawdles past the lease; B sends what is newer; then the
    source goes back to the first value."""
    world.tell("locations", {"id": "L1", "value": "A", "version": "1"})
    world.settle()
    world.tell("locations", {"id": "L1", "value": "B", "version": "2"})
    world.normalise()
    gate = halts.at("call.answered")
    late = world.beside(drain(world))
    gate.wait()
    world.tell("locations", {"id": "L1", "value": "C", "version": "3"})
    world.settle()
    gate.open()
    late.finish()
    world.tell("locations", {"id": "L1", "value": "B", "version": "4"})
    world.settle()
    return world.shelf.holds("location", world.ref(world.record("location", "L1")))


def test_an_answer_that_comes_after_the_lease_settles_nothing(world: World, halts: Halts) -> None:
    assert _slow_answer(world, halts) == ["B"]


def test_without_the_fence_it_does_and_the_newest_is_never_sent(world: World, halts: Halts) -> None:
    with without("fence"):
        assert _slow_answer(world, halts) == ["C"]


def _newer_meanwhile(world: World, halts: Halts) -> list[str]:
    world.tell("locations", {"id": "L1", "value": "A", "version": "1"})
    world.normalise()
    gate = halts.at("call.answered")
    worker = world.beside(drain(world))
    gate.wait()
    world.tell("locations", {"id": "L1", "value": "B", "version": "2"})
    world.normalise()
    gate.open()
    worker.finish()
    world.settle()
    return world.shelf.holds("location", world.ref(world.record("location", "L1")))


def test_what_is_wanted_while_a_send_is_on_its_way_is_sent_after_it(
    world: World, halts: Halts
) -> None:
    assert _newer_meanwhile(world, halts) == ["B"]


def test_without_comparing_what_is_wanted_it_never_is(world: World, halts: Halts) -> None:
    with without("settle-compares-wanted"):
        assert _newer_meanwhile(world, halts) == ["A"]


def _unanswered(world: World, resource: str) -> tuple[int, list[str]]:
    """The create had its effect, its answer was lost, and the order changes."""
    lost: list[str] = []

    def after(told: str, item: WriteItem) -> None:
        if told == resource and not lost:
            lost.append(told)
            raise OutcomeUnknown("No answer came.")

    world.shelf.after = after
    world.order("o1", "1", "1")
    world.normalise()
    drain(world)()
    world.order("o1", "2", "2")
    world.settle()
    ref = world.ref(world.record("order", "o1"))
    return world.shelf.made(resource, ref), world.shelf.holds(resource, ref)


@pytest.mark.parametrize("resource", ["keyed", "found"])
def test_what_is_in_doubt_is_settled_first_and_the_newest_follows(
    world: World, resource: str
) -> None:
    assert _unanswered(world, resource) == (1, ["2"])


def test_without_frozen_bytes_the_newer_words_are_lost_behind_the_older_key(world: World) -> None:
    with without("frozen-bytes"):
        assert _unanswered(world, "keyed") == (1, ["1"])


def test_without_a_look_it_is_made_twice(world: World) -> None:
    with without("look-up-before-resend"):
        assert _unanswered(world, "found")[0] == 2


# ------------------------------------------------------------------ two copies of one webhook


def test_two_copies_of_one_webhook_at_once_are_one_event(world: World) -> None:
    told = [Heard("locations", "m1", b'{"id": "L1", "value": "Leeds", "version": "1"}')]
    copies = [world.beside(lambda: receive(world.source.id, told)) for _ in range(2)]
    for copy in copies:
        copy.finish()
    event = InboxEvent.objects.get()
    assert event.copies == 1


@pytest.mark.parametrize("point", ["normalise.claimed", "normalise.merged", "normalise.marked"])
def test_a_copy_that_comes_while_the_first_is_being_worked_changes_nothing(
    world: World, halts: Halts, point: str
) -> None:
    body = {"id": "L1", "value": "Leeds", "version": "1"}
    world.tell("locations", body)
    gate = halts.at(point)
    first = world.beside(lambda: world.normalise("source"))
    gate.wait()
    copy = world.beside(lambda: world.push("locations", body))
    stands(copy)
    gate.open()
    first.finish()
    copy.finish()
    world.settle()
    assert world.record("location", "L1").version == 1
    assert [e.value for e in world.shelf.effects] == ["Leeds"]


def _two_sources_at_once(world: World, halts: Halts) -> None:
    gate = halts.at("normalise.marked")
    world.customer("c1", email="ada@example.com")
    world.customer("k9", by="other", email="ADA@example.com")
    first = world.beside(lambda: world.normalise("source"))
    gate.wait()
    second = world.beside(lambda: world.normalise("other"))
    stands(second)
    gate.open()
    first.finish()
    second.finish()
    world.settle()


def test_one_person_told_by_two_systems_at_once_is_one_record(world: World, halts: Halts) -> None:
    _two_sources_at_once(world, halts)
    assert Record.objects.filter(entity="customer").count() == 1
    assert [e.op for e in world.shelf.effects] == ["create"]


def test_without_the_unique_key_the_person_is_made_twice(world: World, halts: Halts) -> None:
    with unguarded_schema():
        _two_sources_at_once(world, halts)
        assert [e.op for e in world.shelf.effects] == ["create", "create"]
        world.tidy()


@contextmanager
def unguarded_schema() -> Iterator[None]:
    """The schema without the unique key, as the harness leaves it."""
    for statement in weakening(["unique-record-key"], [current_schema()]):
        execute(statement)
    try:
        yield
    finally:
        execute("ALTER TABLE sync_recordkey ADD CONSTRAINT record_key_value"
                " UNIQUE (environment_id, entity, kind, value)")  # fmt: skip
        plain = "sync_recordkey_environment_id_entity_kind_value_idx"
        execute(f"DROP INDEX {plain}")


# ------------------------------------------------------------------ blocker and binder


@pytest.mark.parametrize("point", ["needs.begun", "needs.before_commit", "needs.after_commit"])
def test_blocker_and_binder_meet_and_nobody_waits_for_what_is_there(
    world: World, halts: Halts, point: str
) -> None:
    """Rule 6.1, E2: the order finds its customer missing while the customer is being made."""
    world.order("o1", customer="c1")
    world.normalise()
    gate = halts.at(point)
    blocker = world.beside(drain(world))
    gate.wait()
    world.customer("c1")
    binder = world.beside(lambda: (world.normalise(), drain(world)()))
    stands(binder)
    gate.open()
    blocker.finish()
    binder.finish()
    world.settle()
    _arrived_once(world)


def _placeholder_merged_away(world: World, halts: Halts, point: str) -> None:
    """The order waits for somebody named by an id; it turns out to be a person we know."""
    world.customer("k9", by="other", email="ada@example.com")
    world.settle()
    world.order("o1", customer="c1")
    world.normalise()
    gate = halts.at(point)
    blocker = world.beside(drain(world))
    gate.wait()
    world.customer("c1", email="ada@example.com")
    merger = world.beside(lambda: world.normalise("source"))
    stands(merger)
    gate.open()
    blocker.finish()
    merger.finish()
    world.settle()
    assert Record.objects.filter(entity="customer", state="live").count() == 1


@pytest.mark.parametrize("point", ["needs.begun", "needs.before_commit", "needs.after_commit"])
def test_what_an_order_waits_for_may_turn_out_to_be_somebody_known(
    world: World, halts: Halts, point: str
) -> None:
    _placeholder_merged_away(world, halts, point)
    _arrived_once(world)


def test_without_the_need_lock_it_waits_for_ever_for_who_was_merged_away(
    world: World, halts: Halts
) -> None:
    with without("need-lock"):
        _placeholder_merged_away(world, halts, "needs.before_commit")
    assert world.shelf.effects[-1].resource == "customer", "the order never came"
    assert rows("SELECT 1 FROM sync_delivery WHERE problem = 'blocked'")


def _arrived_once(world: World) -> None:
    ref = world.ref(world.record("order", "o1"))
    made = [world.shelf.made(r, ref) for r in ("keyed", "found", "blind")]
    assert made == [1, 1, 1], world.owed()
    assert needs.free() == [] and world.owed() == []


# ------------------------------------------------------------------ order within a root


def _two_refunds_at_once(world: World, halts: Halts) -> list[str]:
    world.order("o1")
    world.settle()
    world.refund("r1", "o1", "1")
    gate = halts.at("normalise.marked")
    first = world.beside(lambda: world.normalise("source"))
    gate.wait()
    world.refund("r2", "o1", "2")
    second = world.beside(lambda: world.normalise("source"))
    stands(second)
    if not second.is_alive():
        deliver.drain_deliveries(world.target.id)
    gate.open()
    first.finish()
    second.finish()
    world.settle()
    return [e.value for e in world.shelf.effects if e.resource == "refund"]


def test_two_facts_of_one_order_keep_the_order_in_which_they_were_understood(
    world: World, halts: Halts
) -> None:
    assert _two_refunds_at_once(world, halts) == ["1", "2"]


def test_without_the_root_lock_the_second_refund_goes_first(world: World, halts: Halts) -> None:
    with without("root-lock"):
        assert _two_refunds_at_once(world, halts) == ["2", "1"]


# ------------------------------------------------------------------ derived figures


def _two_places_at_once(world: World, halts: Halts) -> str:
    stock(world, "CEN", "5")
    stock(world, "S01", "5")
    world.settle()
    stock(world, "CEN", "6", "2")
    gate = halts.at("normalise.marked")
    first = world.beside(lambda: world.normalise("source"))
    gate.wait()
    stock(world, "S01", "6", "2")
    second = world.beside(lambda: world.normalise("source"))
    stands(second)
    gate.open()
    first.finish()
    second.finish()
    world.settle()
    return world.shelf.effects[-1].value


def test_stock_that_changes_at_two_places_at_once_adds_up(world: World, halts: Halts) -> None:
    assert _two_places_at_once(world, halts) == "12"


def test_without_the_lock_on_the_figure_one_place_is_forgotten(world: World, halts: Halts) -> None:
    with without("derived-record-lock"):
        assert _two_places_at_once(world, halts) == "11"
