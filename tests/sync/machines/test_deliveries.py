"""Claiming and settling as a state machine: two workers, one target, and whatever can go wrong.

One worker at a time goes on until its next call is about to have its effect; the machine decides
whether it has it, whether the answer arrives, and what happens meanwhile: newer versions, other
workers, leases that run out. Calls end before their lease does (lease ≥ 2 x deadline), so when time
passes a call that had no effect will never have one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from connectors.sdk.errors import OutcomeUnknown, Unavailable
from connectors.sdk.records import WriteItem
from hub.sync import deliver
from hub.sync.models import Delivery
from hub.sync.sql import rows
from tests.sync.machines.conftest import brief
from tests.sync.machines.world import PATIENCE, Beside, World, until

pytestmark = [pytest.mark.xdist_group("bench-deliveries"), pytest.mark.slow]

ORDERS = ("o1", "o2")
PLACES = ("CEN", "S01")
RESOURCES = ("keyed", "found", "blind")


class Call:
    """A worker's call on its way to the target."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.had_effect = False
        self.fate = "answered"


@dataclass
class Worker:
    """A drain on a thread of its own. ``call``: the one that waits for the machine's word."""

    thread: Beside | None = None
    call: Call | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def idle(self) -> bool:
        return self.thread is None


class Deliveries(RuleBasedStateMachine):
    """See the module."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.tidy()
        self.versions: dict[str, int] = {}
        self.newest: dict[str, str] = {}
        self.workers = [Worker(), Worker()]
        self.running: Worker | None = None
        self.wild = True
        self.world.shelf.before = self._about_to
        self.world.shelf.after = self._had_effect

    # ---- what sources do

    @rule(order=st.sampled_from(ORDERS), value=st.integers(1, 3))
    def order_changes(self, order: str, value: int) -> None:
        version = self.versions[order] = self.versions.get(order, 0) + 1
        self.world.order(order, str(value), str(version))
        self.newest[order] = str(value)
        self.world.normalise()

    @rule(place=st.sampled_from(PLACES), value=st.integers(1, 3))
    def place_changes(self, place: str, value: int) -> None:
        version = self.versions[place] = self.versions.get(place, 0) + 1
        self.world.tell("locations", {"id": place, "value": str(value), "version": str(version)})
        self.newest[place] = str(value)
        self.world.normalise()

    # ---- what workers do

    @rule(number=st.integers(0, 1))
    def worker_begins(self, number: int) -> None:
        worker = self.workers[number]
        if worker.idle:
            self.running = worker
            target = self.world.target.id
            worker.thread = self.world.beside(lambda: deliver.drain_deliveries(target))
            self._until_it_stands(worker)

    @precondition(lambda self: any(w.call for w in self.workers))
    @rule(
        number=st.integers(0, 1),
        fate=st.sampled_from(["answered", "answered", "unanswered", "unheard", "away"]),
    )
    def call_goes_on(self, number: int, fate: str) -> None:
        worker = self.workers[number]
        if worker.call is not None:
            worker.call.fate = fate
            self._let_go(worker)

    @precondition(lambda self: any(w.call for w in self.workers))
    @rule(number=st.integers(0, 1))
    def call_has_its_effect_and_the_answer_dawdles(self, number: int) -> None:
        call = self.workers[number].call
        if call is not None and not call.had_effect:
            call.fate = "slow"
            self._let_go(self.workers[number])

    @rule()
    def a_minute_passes(self) -> None:
        for worker in self.workers:
            if worker.call is not None and not worker.call.had_effect:
                worker.call.fate = "unheard"  # and it never will be
        self.world.pass_time()
        self.wild = True

    # ---- the threads

    def _about_to(self, resource: str, item: WriteItem) -> None:
        call = self._wait_for_word(Call())
        if call.fate == "away":
            raise Unavailable("The bench is away.")
        if call.fate == "unheard":
            raise OutcomeUnknown("No answer came, and nothing was done.")
        self.last = call

    def _had_effect(self, resource: str, item: WriteItem) -> None:
        call = self.last
        if call.fate == "slow":
            again = Call()
            again.had_effect = True
            call = self._wait_for_word(again)
            if call.fate == "unheard":
                call.fate = "unanswered"
        if call.fate in ("unanswered", "away"):
            raise OutcomeUnknown("No answer came.")

    def _wait_for_word(self, call: Call) -> Call:
        worker = self.running
        if worker is None:
            return call  # the end: everything is answered
        worker.call = call
        worker.arrived.set()
        assert call.go.wait(PATIENCE), "the machine forgot a call"
        return call

    def _let_go(self, worker: Worker) -> None:
        call, worker.call = worker.call, None
        worker.arrived.clear()
        self.running = worker
        assert call is not None
        call.go.set()
        self._until_it_stands(worker)

    def _until_it_stands(self, worker: Worker) -> None:
        """Until its next call waits, or it has nothing more to do."""
        thread = worker.thread
        assert thread is not None
        until(lambda: worker.arrived.is_set() or not thread.is_alive())
        if not worker.arrived.is_set():
            thread.finish()
            worker.thread = None

    # ---- what must hold

    def teardown(self) -> None:
        if not hasattr(self, "workers"):
            return
        for worker in self.workers:
            while not worker.idle:
                self._let_go(worker)
        self.running = None
        self.world.settle()
        self._check()

    def _check(self) -> None:
        shelf = self.world.shelf
        for name, value in self.newest.items():
            if name in PLACES:
                record = self.world.record("location", name)
                ref = self.world.ref(record)
                assert shelf.holds("location", ref) == [value], "a level is not at its newest"
                assert shelf.made("location", ref) == 1, "a place was made twice"
                continue
            record = self.world.record("order", name)
            for resource in RESOURCES:
                self._check_document(resource, record.id, self.world.ref(record), value)
        assert self.world.without_owner() == []
        billed = rows("SELECT key, count(*) FROM billing_usageevent GROUP BY key")
        assert all(n == 1 for _, n in billed)

    def _check_document(self, resource: str, record: object, ref: str, value: str) -> None:
        shelf = self.world.shelf
        delivery = Delivery.objects.get(resource=resource, record_id=record)
        assert shelf.made(resource, ref) <= 1, f"{resource}: two effects"
        if delivery.problem == "unknown":
            assert resource == "blind", "what can be proved is not for a person to find out"
            return
        assert delivery.problem == "none", delivery.problem_code
        assert delivery.delivered == delivery.wanted
        assert shelf.holds(resource, ref) == [value], f"{resource} is not at its newest"


def test_whatever_happens_between_claim_and_settle(bench: World) -> None:
    class Here(Deliveries):
        world = bench

    run_state_machine_as_test(Here, settings=brief(12, 25))
