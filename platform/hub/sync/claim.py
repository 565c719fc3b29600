"""Take due work under a lease: random fence, attempts counted before the call.

Head of line: a row is not taken while an older one of the same slot and root is owed, whoever
holds it. An expired lease is not "due": the call may have happened, so the row comes back as
*lost* and goes the way of unknown outcomes (engine rules 3.4 to 3.7).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import msgspec

from connectors.sdk.manifest import Resource
from hub.sync.identity import new_fence
from hub.sync.sql import execute, rows

#: Must exceed twice the deadline of the slowest call; renewed while a batch is at work.
LEASE_SECONDS = 60

CLAIM = """
WITH due AS MATERIALIZED (
    SELECT w.delivery_id, w.lease_until IS NOT NULL AS lost FROM sync_work w
    WHERE w.connection_id = %s AND w.next_at <= now()
      AND (w.lease_until IS NULL OR w.lease_until < now())
      AND NOT EXISTS (SELECT 1 FROM sync_work o WHERE o.connection_id = w.connection_id
                      AND o.resource = w.resource AND o.root_id = w.root_id AND o.seq < w.seq)
    ORDER BY w.priority, w.next_at, w.seq LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE sync_work w SET lease_until = now() + %s, fence = %s, attempts = w.attempts + 1,
    alone = w.alone OR due.lost
FROM due WHERE w.delivery_id = due.delivery_id
RETURNING w.delivery_id, w.resource, w.attempts, w.alone, due.lost, w.priority, w.seq, w.since
"""

LOAD = """
SELECT d.id, d.record_id, d.wanted, d.delivered, d.delivered_hash, d.billed, d.sending_version,
       d.sending_key, d.sending_hash, d.sending_op, d.sending_body, d.uncertain, d.verify,
       d.resend, d.generation,
       r.entity, r.state, r.version, r.billable_version, r.content, r.merged_into
FROM sync_delivery d JOIN sync_record r ON r.id = d.record_id WHERE d.id = ANY(%s)
"""


@dataclass(slots=True)
class Task:
    """One claimed delivery with all that is needed to send and settle it."""

    delivery: uuid.UUID
    record: uuid.UUID
    wanted: int
    delivered: int
    delivered_hash: bytes | None
    billed: int
    sending_version: int | None
    sending_key: str | None
    sending_hash: bytes | None
    sending_op: str | None
    sending_body: bytes | None
    uncertain: bool
    verify: bool
    resend: int
    generation: int
    entity: str
    state: str
    version: int
    billable: int
    raw: bytes | None
    merged_into: uuid.UUID | None
    resource: Resource
    attempts: int
    alone: bool
    lost: bool
    priority: int
    seq: int
    since: datetime
    fence: uuid.UUID
    external_id: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    ours_until: float = 0.0

    @property
    def content(self) -> dict[str, Any]:
        return {} if self.raw is None else msgspec.json.decode(self.raw)

    @property
    def repeatable(self) -> bool:
        """Sending it twice is harmless: it sets a value of something that is there already."""
        return self.resource.writes == "set" and bool(self.external_id)

    @property
    def in_doubt(self) -> bool:
        """An earlier send of it may have had its effect."""
        return self.uncertain or self.verify

    @property
    def in_time(self) -> bool:
        """A call begun now ends within the lease, on a clock that goes on while we sleep. Whoever
        calls later than that may call after another has looked and found nothing (rule 3.4)."""
        return monotonic() + min(self.resource.deadline, LEASE_SECONDS / 2) < self.ours_until


def claim(connection_id: uuid.UUID, resources: dict[str, Resource], limit: int) -> list[Task]:
    """Lease up to ``limit`` due rows of a connection, with their records and bindings."""
    fence = new_fence()
    until = monotonic() + LEASE_SECONDS
    leased = {
        row[0]: row[1:]
        for row in rows(CLAIM, [connection_id, limit, timedelta(seconds=LEASE_SECONDS), fence])
    }
    if not leased:
        return []
    tasks = []
    for row in rows(LOAD, [list(leased)]):
        resource, attempts, alone, lost, priority, seq, since = leased[row[0]]
        leased_as = (resources[resource], attempts, alone, lost, priority, seq, since, fence)
        tasks.append(Task(*row, *leased_as, ours_until=until))  # type: ignore[call-arg, misc]
    _remember_doubt(tasks)
    _bindings(connection_id, tasks)
    tasks.sort(key=lambda t: (t.priority, t.seq))
    return tasks


def _remember_doubt(tasks: list[Task]) -> None:
    """A worker vanished with these in hand: kept in the row, in case we give them back unsent."""
    lost = [t for t in tasks if t.lost and t.sending_version is not None and not t.uncertain]
    for task in lost:
        task.uncertain = True
    if lost:
        execute(
            "UPDATE sync_delivery SET uncertain = true WHERE id = ANY(%s)",
            [[t.delivery for t in lost]],
        )


def _bindings(connection_id: uuid.UUID, tasks: list[Task]) -> None:
    by_record: dict[uuid.UUID, list[Task]] = {}
    for task in tasks:
        by_record.setdefault(task.record, []).append(task)
    for record, obj, external_id, role, parts in rows(
        "SELECT record_id, object, external_id, role, parts::text FROM sync_binding"
        " WHERE connection_id = %s AND record_id = ANY(%s) AND role <> 'twin'",
        [connection_id, list(by_record)],
    ):
        for task in by_record[record]:
            if role == "primary" and obj == task.resource.object:
                task.external_id = external_id
                task.parts = msgspec.json.decode(parts)
            elif obj == f"{task.resource.name}/{role}":
                task.steps[role] = external_id


def renew(tasks: list[Task]) -> set[uuid.UUID]:
    """Prolong the lease while a batch is at work; returns those that are still ours."""
    until = monotonic() + LEASE_SECONDS
    ours = {
        d for (d,) in rows(
            "UPDATE sync_work SET lease_until = now() + %s WHERE delivery_id = ANY(%s)"
            " AND fence = %s RETURNING delivery_id",
            [timedelta(seconds=LEASE_SECONDS), [t.delivery for t in tasks], tasks[0].fence],
        )
    }  # fmt: skip
    for task in tasks:
        if task.delivery in ours:
            task.ours_until = until
    return ours


def give_back(tasks: list[Task], *, seconds: float = 0, alone: bool = False) -> None:
    """Return rows that were not sent: the attempt doesn't count."""
    if tasks:
        execute(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, alone = alone OR %s,"
            " attempts = greatest(attempts - 1, 0), next_at = now() + %s"
            " WHERE delivery_id = ANY(%s) AND fence = %s",
            [alone, timedelta(seconds=seconds), [t.delivery for t in tasks], tasks[0].fence],
        )
