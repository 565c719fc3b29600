"""This slot must reflect this record: from changed records to deliveries and work.

Runs in the transaction that changed the records, so "a new version is visible" always means
"its deliveries are wanted". Routing only raises what is wanted: it never touches the lease, the
fence or the back-off of work that exists (engine rule 3.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.canonical.entities import ENTITIES, RecordClass
from hub.sync.identity import new_id
from hub.sync.merge import Known
from hub.sync.plan import Plan, Route
from hub.sync.sql import execute, rows

#: Lanes, most urgent first: stock, then documents and money, then prices, then the catalogue.
PRIORITY = {
    "stock_level": 1, "order": 3, "sale": 3, "payment": 3, "refund": 3, "return": 3,
    "fulfilment": 3, "stock_movement": 3, "customer": 2, "price": 5, "tax_rate": 6, "product": 6,
}  # fmt: skip

#: Document states that mean nobody wants it any more.
VOID = {"cancelled"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A delivery as routing left it."""

    id: uuid.UUID
    record: Known
    route: Route
    content: dict[str, Any]


def route(plan: Plan, changed: Sequence[Known]) -> list[Wanted]:
    """Want every changed record at every slot whose flow matches; returns those deliveries."""
    wanted, leaving = [], []
    for record in changed:
        content = record.decoded()
        for flow in plan.routes.get(record.entity, ()):
            if _echoes(flow, record):
                continue
            if matches(flow, record, content):
                wanted.append((record, flow, content))
            elif record.version > 1:
                leaving.append((record, flow))
    wanted = [w for w in wanted if _follows(w[1], w[2])] if wanted else []
    deliveries = _upsert(plan, wanted) if wanted else []
    if leaving:
        _leave(leaving)
    return deliveries


def matches(flow: Route, record: Known, content: dict[str, Any]) -> bool:
    """Does the flow want this record as it is now? Pure."""
    if flow.sources and not (flow.sources & record.speakers()):
        return False
    settings = flow.settings
    if settings.starts_from and not _recent(record.entity, content, settings.starts_from):
        return False
    return flow.matches(content)


def priority_of(record: Known) -> int:
    """The lane. An article nobody has heard of goes before what will point to it: its price, its
    stock and its orders would only find that it isn't there yet."""
    if record.entity == "product" and record.version == 1:
        return 2
    return PRIORITY.get(record.entity, 5)


def is_void(content: dict[str, Any]) -> bool:
    """A document that came to nothing before anybody heard of it."""
    return content.get("order_state") in VOID


def _recent(entity: str, content: dict[str, Any], starts_from: str) -> bool:
    if ENTITIES[entity].record_class is RecordClass.LEVEL:
        return True
    names = ("placed_at", "sold_at", "returned_at", "refunded_at", "paid_at", "shipped_at",
             "occurred_at")  # fmt: skip
    return next((content[n] for n in names if content.get(n)), starts_from) >= starts_from


def _echoes(flow: Route, record: Known) -> bool:
    """Only the target itself has spoken of it: sending it back would be an echo."""
    return record.speakers() == {flow.target}


def _follows(flow: Route, content: dict[str, Any]) -> bool:
    """A flow that follows a reference goes only where that record is bound."""
    if not flow.settings.follows:
        return True
    ref = content.get(flow.settings.follows) or {}
    if not ref.get("record"):
        return False
    return bool(
        rows(
            "SELECT 1 FROM sync_binding WHERE record_id = %s AND connection_id = %s LIMIT 1",
            [ref["record"], flow.target],
        )
    )


UPSERT = """
INSERT INTO sync_delivery
    (id, environment_id, connection_id, resource, record_id, flow_id, wanted)
SELECT id, %s, connection, resource, record, flow, wanted
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::int[])
     AS d (id, connection, resource, record, flow, wanted)
ORDER BY connection, resource, record
ON CONFLICT (connection_id, resource, record_id) DO UPDATE SET
    wanted = greatest(sync_delivery.wanted, excluded.wanted), flow_id = excluded.flow_id
RETURNING id, connection_id, resource, record_id, problem
"""


def _upsert(plan: Plan, wanted: list[tuple[Known, Route, dict[str, Any]]]) -> list[Wanted]:
    places = {(f.target, f.resource.name, r.id): (r, f, c) for r, f, c in wanted}
    stored = rows(
        UPSERT,
        [plan.environment, [new_id() for _ in places], [p[0] for p in places],
         [p[1] for p in places], [p[2] for p in places],
         [f.flow_id for _, f, _ in places.values()], [r.version for r, _, _ in places.values()]],
    )  # fmt: skip
    deliveries = [(Wanted(row[0], *places[row[1], row[2], row[3]]), row[4]) for row in stored]
    owe([w for w, _ in deliveries])
    stuck = [w.id for w, problem in deliveries if problem in ("blocked", "held", "dead", "retired")]
    if stuck:
        revive(stuck)
    return [w for w, _ in deliveries]


def owe(deliveries: Sequence[Wanted]) -> None:
    """A row of work for each delivery that has none. ``seq`` continues its root's order; the
    caller holds the root records' locks, so commit order is sequence order (rule 3.7)."""
    roots = {w.id: w.record.root or w.record.id for w in deliveries}
    last: dict[uuid.UUID, int] = dict(
        rows(
            "SELECT root_id, max(seq) FROM sync_work WHERE root_id = ANY(%s) GROUP BY root_id",
            [list(set(roots.values()))],
        )
    )
    numbered = []
    for w in deliveries:
        root = roots[w.id]
        last[root] = last.get(root, 0) + 1
        numbered.append((w.id, w.route.target, w.route.resource.name, root, last[root],
                         priority_of(w.record)))  # fmt: skip
    execute(
        "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq, priority)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::bigint[],"
        " %s::smallint[]) ON CONFLICT (delivery_id) DO NOTHING",
        [list(column) for column in zip(*numbered, strict=True)],
    )


def revive(deliveries: Sequence[uuid.UUID]) -> None:
    """New content changes the question: what was dead, held or blocked is asked again."""
    execute(
        "UPDATE sync_delivery SET problem = 'none', problem_code = '', exception_id = NULL"
        " WHERE id = ANY(%s)",
        [list(deliveries)],
    )
    execute("DELETE FROM sync_need WHERE delivery_id = ANY(%s)", [list(deliveries)])
    execute(
        "UPDATE sync_work SET next_at = now(), attempts = 0 WHERE delivery_id = ANY(%s)"
        " AND lease_until IS NULL",
        [list(deliveries)],
    )


def _leave(leaving: list[tuple[Known, Route]]) -> None:
    """Records that no longer match (rule 1.5): never delivered → retired; else as the flow says.

    What is in flight finishes; its settle sees that nothing newer is wanted.
    """
    places = [(f.target, f.resource.name, r.id, f.settings.on_leave, r.version)
              for r, f in leaving]  # fmt: skip
    columns = [list(column) for column in zip(*places, strict=True)]
    retired = rows(
        "UPDATE sync_delivery d SET problem = 'retired', exception_id = NULL"
        " FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::int[])"
        " AS l (connection, resource, record, on_leave, version)"
        " WHERE d.connection_id = l.connection AND d.resource = l.resource"
        " AND d.record_id = l.record AND d.delivered = 0 AND d.sending_version IS NULL"
        " RETURNING d.id",
        columns,
    )
    if retired:
        execute(
            "DELETE FROM sync_work WHERE delivery_id = ANY(%s) AND lease_until IS NULL",
            [[r for (r,) in retired]],
        )
    execute(
        "UPDATE sync_delivery d SET wanted = l.version"
        " FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::int[])"
        " AS l (connection, resource, record, on_leave, version)"
        " WHERE d.connection_id = l.connection AND d.resource = l.resource"
        " AND d.record_id = l.record AND d.delivered > 0 AND l.on_leave <> 'keep'",
        columns,
    )
    _owe_left(leaving)


def _owe_left(leaving: list[tuple[Known, Route]]) -> None:
    """Delivered records that left and must be cancelled or deleted at the target are owed."""
    going = {(f.target, f.resource.name, r.id): (r, f) for r, f in leaving
             if f.settings.on_leave != "keep"}  # fmt: skip
    if not going:
        return
    found = rows(
        "SELECT d.id, d.connection_id, d.resource, d.record_id FROM sync_delivery d"
        " JOIN unnest(%s::uuid[], %s::text[], %s::uuid[]) AS l (c, r, x)"
        " ON d.connection_id = l.c AND d.resource = l.r AND d.record_id = l.x"
        " WHERE d.delivered > 0",
        [[g[0] for g in going], [g[1] for g in going], [g[2] for g in going]],
    )
    if found:
        owe([Wanted(row[0], *going[row[1], row[2], row[3]], {}) for row in found])
