"""Normalising as a state machine: messages late, twice, in any order; readings in between.

Whatever the order, the hub ends where the source is; a fact keeps its first words for ever; and a
version is never visible without its wish.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.sync.models import InboxEvent
from hub.sync.receive import receive_hints
from hub.sync.sql import rows
from tests.sync.machines.bench.connector import SYSTEMS
from tests.sync.machines.conftest import brief
from tests.sync.machines.world import World

pytestmark = [pytest.mark.xdist_group("bench-understanding"), pytest.mark.slow]

ORDERS = ("o1", "o2")
UNWISHED = """
SELECT r.entity, r.number FROM sync_record r JOIN sync_delivery d ON d.record_id = r.id
WHERE r.state = 'live' AND d.wanted < r.version
UNION ALL
SELECT r.entity, r.number FROM sync_record r WHERE r.state = 'live'
AND r.entity IN ('order', 'refund', 'location')
AND NOT EXISTS (SELECT 1 FROM sync_delivery d WHERE d.record_id = r.id)
"""


class Understanding(RuleBasedStateMachine):
    """``bag``: messages on their way; each may arrive at any time, and more than once."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.tidy()
        self.stamp = 0
        self.bag: list[tuple[str, dict[str, Any]]] = []
        self.owed: list[int] = []
        self.first_words: dict[str, str] = {}
        self.asked = 0

    @rule(order=st.sampled_from(ORDERS), value=st.sampled_from("ABC"), tick=st.integers(0, 1))
    def order_changes(self, order: str, value: str, tick: int) -> None:
        """``tick`` 0: within the same second, so the source's stamp stays what it was."""
        self.stamp += tick
        body = {"id": order, "value": value, "version": f"{self.stamp:04}", "lines": []}
        SYSTEMS["source"].told["orders", order] = body
        self._send("orders", body)

    @rule(place=st.sampled_from(("CEN", "S01")), value=st.sampled_from("ABC"))
    def place_changes(self, place: str, value: str) -> None:
        self.stamp += 1
        body = {"id": place, "value": value, "version": f"{self.stamp:04}"}
        SYSTEMS["source"].told["locations", place] = body
        self._send("locations", body)

    @rule(order=st.sampled_from(ORDERS), number=st.integers(1, 2), value=st.integers(1, 2))
    def money_goes_back(self, order: str, number: int, value: int) -> None:
        """A source that tells one refund again with another amount contradicts itself."""
        name = f"{order}-r{number}"
        self._send("refunds", {"id": name, "order": order, "value": str(value)})

    def _send(self, stream: str, body: dict[str, Any]) -> None:
        self.bag.append((stream, body))
        self.owed.append(len(self.bag) - 1)

    @precondition(lambda self: self.bag)
    @rule(which=st.integers(0, 1000))
    def message_arrives(self, which: int) -> None:
        which %= len(self.bag)
        self._arrive(which)

    def _arrive(self, which: int) -> None:
        stream, body = self.bag[which]
        if which in self.owed:
            self.owed.remove(which)
        self.world.push(stream, body)

    @rule(order=st.sampled_from(ORDERS))
    def somebody_asks(self, order: str) -> None:
        self.asked += 1
        receive_hints(self.world.source.id, "orders", [order], f"asked {self.asked}")

    @rule()
    def worker_reads(self) -> None:
        self.world.normalise()
        assert rows(UNWISHED) == []
        for number, content in self._contents("refund"):
            amount = str(content["amount"]["amount"])
            assert self.first_words.setdefault(number, amount) == amount, "a fact has changed"

    def _contents(self, entity: str) -> list[tuple[str, dict[str, Any]]]:
        found = rows(
            "SELECT number, content FROM sync_record WHERE entity = %s AND state = 'live'", [entity]
        )
        return [(number, json.loads(bytes(content))) for number, content in found]

    def teardown(self) -> None:
        if not hasattr(self, "bag"):
            return
        for which in reversed(list(self.owed)):
            self._arrive(which)
        for _ in range(20):
            self.worker_reads()
            if not InboxEvent.objects.filter(state="pending").exists():
                break
            self.world.pass_time()
        assert not InboxEvent.objects.filter(state="pending").exists()
        self._check()

    def _check(self) -> None:
        told = SYSTEMS["source"].told
        now = {i: body["value"] for (stream, i), body in told.items() if stream == "orders"}
        assert {n: c["notes"] for n, c in self._contents("order")} == now
        now = {i: body["value"] for (stream, i), body in told.items() if stream == "locations"}
        assert {c["code"]: c["title"] for _, c in self._contents("location")} == now
        parked = InboxEvent.objects.filter(state="parked")
        assert all(e.exception_id and e.stream == "refunds" for e in parked)


def test_any_order_of_messages_ends_where_the_source_is(bench: World) -> None:
    class Here(Understanding):
        world = bench

    run_state_machine_as_test(Here, settings=brief(12, 25))
