"""The engine between systems in the test's own memory: real rows, real PostgreSQL, real threads.

Nothing of the engine is replaced. Time passes when a story says so: leases, back-offs and settling
times are moved in the rows, and the monotonic clock that workers carry is moved along.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database

from connectors.registry import connectors
from connectors.sdk.records import Heard
from hub.connections.models import Connection
from hub.proof.chaos.injection.failpoints import NAMES, Board
from hub.sync import causes, claim, deliver, needs, normalize
from hub.sync.identity import digest, reference
from hub.sync.models import BusinessException, Delivery, Record
from hub.sync.receive import receive
from hub.sync.sql import execute, rows
from tenants.context import partner_context
from tenants.partners import selectors
from tenants.partners.models import Partner
from tests.sync.machines.bench.connector import SYSTEMS, Bench, System

DECLARATION = Path(__file__).parent / "bench" / "bench.toml"
TABLES = (
    "sync_need", "sync_commitment", "sync_attempt", "sync_work", "billing_usageevent",
    "sync_delivery", "sync_recordkey", "sync_binding", "sync_recordversion", "sync_record",
    "sync_inboxevent", "sync_businessexception", "sync_lane",
)  # fmt: skip
PATIENCE = 60.0
FOREVER = 40


@dataclass
class World:
    """What stories and machines drive."""

    partner: Partner
    source: Connection
    other: Connection
    target: Connection
    ahead: float = 0.0

    def tidy(self) -> None:
        """As if nothing had ever been told."""
        execute(";".join(f"DELETE FROM {table}" for table in TABLES))
        SYSTEMS.clear()
        SYSTEMS.update({name: System() for name in ("source", "other", "target")})

    @property
    def shelf(self) -> System:
        """The target."""
        return SYSTEMS["target"]

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def tell(self, stream: str, body: dict[str, Any], by: str = "source", **heard: Any) -> None:
        """A system changes a record and pushes it."""
        SYSTEMS[by].told[stream, body["id"]] = body
        self.push(stream, body, by, **heard)

    def push(self, stream: str, body: dict[str, Any], by: str = "source", **heard: Any) -> None:
        """A message arrives, whatever the system holds by now."""
        raw = json.dumps(body, sort_keys=True).encode()
        identity = digest(stream, raw).hex()
        receive(getattr(self, by).id, [Heard(stream, identity, raw, **heard)])

    def order(self, number: str, value: str = "1", version: str = "1", **more: Any) -> None:
        self.tell("orders", {"id": number, "value": value, "version": version, "lines": []} | more)

    def customer(self, number: str, by: str = "source", **more: Any) -> None:
        body = {"id": number, "value": f"Person {number}", "version": "1",
                "emails": [], "email": f"{number}@example.com"}  # fmt: skip
        self.tell("customers", body | more, by)

    def refund(self, number: str, order: str, value: str = "3") -> None:
        self.tell("refunds", {"id": number, "order": order, "value": value})

    def normalise(self, *slugs: str) -> None:
        for slug in slugs or ("source", "other"):
            while normalize.drain_inbox(getattr(self, slug).id):
                pass

    def pass_time(self) -> None:
        """A minute and more goes by: leases run out, back-offs end, and every worker knows."""
        self.ahead += claim.LEASE_SECONDS + 1
        execute(
            "UPDATE sync_work SET lease_until = now() - interval '1 second'"
            " WHERE lease_until IS NOT NULL"
        )
        execute("UPDATE sync_inboxevent SET lease_until = now() - interval '1 second'"
                " WHERE lease_until IS NOT NULL")  # fmt: skip
        execute("UPDATE sync_work SET next_at = now() WHERE next_at < now() + interval '1 day'")
        execute("UPDATE sync_inboxevent SET next_at = now() WHERE state = 'pending'")
        execute("UPDATE sync_lane SET open_until = now()")

    def settle(self) -> None:
        """Everything is worked off, however long it takes; fails if it never ends."""
        for _ in range(FOREVER):
            self.pass_time()
            self.normalise()
            worked = 0
            while claimed := deliver.drain_deliveries(self.target.id):
                worked += claimed
            worked += len(needs.free())
            if not worked and not self.owed_soon():
                return
        raise AssertionError(f"it never ends: {self.owed()}")

    def owed_soon(self) -> bool:
        return bool(
            rows("SELECT 1 FROM sync_work WHERE next_at < 'infinity' UNION ALL"
                 " SELECT 1 FROM sync_inboxevent WHERE state = 'pending'")
        )  # fmt: skip

    def owed(self) -> list[Any]:
        return rows(
            "SELECT d.resource, d.problem, d.wanted, d.delivered, w.attempts,"
            " w.next_at::text"
            " FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id"
        )

    def tell_causes(self) -> None:
        """The patience with what is missing has run out."""
        execute("UPDATE sync_need SET created_at = now() - interval '1 hour'")
        causes.tell()

    def record(self, entity: str, number: str) -> Record:
        return Record.objects.get(entity=entity, number=number, state="live")

    def ref(self, record: Record) -> str:
        return reference(record.environment_id, record.id)

    def delivery(self, resource: str, record: Record) -> Delivery:
        return Delivery.objects.get(resource=resource, record=record)

    def deliveries(self, record: Record) -> list[Delivery]:
        return list(Delivery.objects.filter(record=record))

    def without_owner(self) -> list[Any]:
        """What is owed, goes on by itself no more, and nobody was told of."""
        return rows(
            "SELECT d.resource, d.problem FROM sync_work w JOIN sync_delivery d"
            " ON d.id = w.delivery_id LEFT JOIN sync_businessexception x ON x.id = d.exception_id"
            " AND x.state = 'open' AND x.owner <> '' WHERE w.next_at = 'infinity' AND x.id IS NULL"
        )

    def open_codes(self) -> list[str]:
        return sorted(BusinessException.objects.filter(state="open").values_list("code", flat=True))

    def beside(self, act: Callable[[], object]) -> Beside:
        """Run an act on a thread and a database connection of its own."""
        return Beside(self.partner, act)


class Beside(threading.Thread):
    """An act beside the test's own thread; `finish` waits for it and raises what it raised."""

    def __init__(self, partner: Partner, act: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._partner = partner
        self._act = act
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            with partner_context(self._partner):
                self._act()
        except BaseException as error:  # noqa: BLE001 - raised again by `finish`
            self._error = error
        finally:
            database.close()

    def finish(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error


class Gate:
    """Where a thread waits until a story lets it go. ``reached``: somebody waits."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *_: object) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE), "nobody opened"

    def wait(self) -> None:
        assert self.reached.wait(PATIENCE), "nobody came"

    def open(self) -> None:
        self.opened.set()


class WorkerDied(BaseException):
    """Nothing of the worker runs after it: its transaction is gone, what it leased stays leased."""


class Halts(Board):
    """The engine's named points in this process: a story halts the first thread that comes by, or
    lets it die there. ``passed_by``: every point that anybody passed."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}
        self._deadly: set[str] = set()
        self.passed_by: set[str] = set()

    def at(self, name: str) -> Gate:
        """Halt whoever passes this point next."""
        assert name in NAMES
        self._gates[name] = Gate()
        return self._gates[name]

    def die_at(self, name: str) -> None:
        """Whoever passes this point next dies there."""
        assert name in NAMES
        self._deadly.add(name)

    def clear(self) -> None:
        self._gates.clear()
        self._deadly.clear()

    def passed(self, name: str) -> None:
        self.passed_by.add(name)
        if name in self._deadly:
            self._deadly.discard(name)
            raise WorkerDied(name)
        gate = self._gates.pop(name, None)
        if gate is not None:
            gate()


def waits_for_a_lock() -> bool:
    """Some session of this database waits for another's lock."""
    return bool(
        rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
             " AND wait_event_type = 'Lock'")
    )  # fmt: skip


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, however slow the machine."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


@contextmanager
def bench_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Declare the merchant and enter the partner's schema; the connector exists meanwhile."""
    monkeypatch.setitem(connectors(), "bench", Bench)
    call_command("apply", str(DECLARATION), stdout=io.StringIO())
    partner = selectors.partner_by_slug("benchworks")
    assert partner is not None
    with partner_context(partner):
        known = {c.slug: c for c in Connection.objects.all()}
        world = World(partner, known["source"], known["other"], known["target"])
        for module in (deliver, claim):
            if hasattr(module, "monotonic"):
                monkeypatch.setattr(module, "monotonic", world.monotonic)
        world.tidy()
        yield world
