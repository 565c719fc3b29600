"""Milestones: facts derived from an order's newest state, for actions that must happen once.

A transition may never be seen (a shop tells the state at delivery, not at the event), so nothing
waits for one: what the newest state implies has been reached, in the chart's order, each once. The
key is the order and the milestone, so deriving again from the same state makes nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.canonical.validate import encode
from hub.sync.identity import new_id
from hub.sync.merge import Known, load
from hub.sync.plan import Plan
from hub.sync.sql import execute, rows
from hub.sync.store import write_records

#: The order's chart: what follows what, and which states imply that it was reached.
CHART: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("confirmed", "order_state", frozenset({"confirmed", "completed"})),
    ("paid", "payment_state", frozenset({"paid", "partially_refunded", "refunded"})),
    (
        "fulfilled",
        "fulfilment_state",
        frozenset({"fulfilled", "delivered", "partially_returned", "returned"}),
    ),
    ("cancelled", "order_state", frozenset({"cancelled"})),
)


def reached(content: dict[str, Any]) -> list[str]:
    """What an order has reached, in the chart's order. Pure.

    Paid or fulfilled implies confirmed, whatever the order's own state says by now.
    """
    found = [name for name, axis, states in CHART if content.get(axis) in states]
    if {"paid", "fulfilled"} & set(found) and "confirmed" not in found:
        found.insert(0, "confirmed")
    return found


def derive(plan: Plan, changed: Sequence[Known]) -> list[Known]:
    """Make the milestones that changed orders newly reached; only if a flow wants milestones.

    The orders are locked by the caller, so two workers can't derive the same one.
    """
    if "milestone" not in plan.routes:
        return []
    orders = {r.id: r for r in changed if r.entity == "order" and r.state == "live"}
    wanted = {
        f"{order.id}|{name}": (order, name)
        for order in orders.values()
        for name in reached(order.decoded())
    }
    known = rows(
        "SELECT value FROM sync_recordkey WHERE environment_id = %s AND entity = 'milestone'"
        " AND kind = 'reached' AND value = ANY(%s)",
        [plan.environment, list(wanted)],
    )
    missing = {k: v for k, v in wanted.items() if (k,) not in set(known)}
    return _make(plan, missing) if missing else []


def _make(plan: Plan, missing: dict[str, tuple[Known, str]]) -> list[Known]:
    ids = {new_id(): (value, order, name) for value, (order, name) in missing.items()}
    execute(
        "INSERT INTO sync_record (id, environment_id, entity, state, version, billable_version,"
        " root_id) SELECT i, %s, 'milestone', 'expected', 0, 0, o"
        " FROM unnest(%s::uuid[], %s::uuid[]) AS m (i, o)",
        [plan.environment, list(ids), [order.id for _, order, _ in ids.values()]],
    )
    execute(
        "INSERT INTO sync_recordkey (environment_id, entity, kind, value, record_id)"
        " SELECT %s, 'milestone', 'reached', v, i FROM unnest(%s::text[], %s::uuid[]) AS m (v, i)",
        [plan.environment, [value for value, _, _ in ids.values()], list(ids)],
    )
    made = load(set(ids))
    for record, (_, order, name) in ids.items():
        _fill(made[record], order, name)
    # In the chart's order: the seq of work is taken in the order of this list.
    milestones = [made[record] for record in ids]
    write_records(plan, milestones)
    return milestones


def _fill(record: Known, order: Known, name: str) -> None:
    number = str(order.decoded().get("number", ""))
    ref = {"entity": "order", "record": str(order.id)}
    record.content = encode("milestone", {"order": ref, "reached": name, "number": number})
    record.state, record.version, record.changed = "live", 1, True
    record.origin, record.root = order.origin, order.id
