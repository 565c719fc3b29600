"""Dependencies wait, they don't fail: a delivery that lacks something at its target is blocked
until that something is bound there, and one fix frees all that wait, in order.

Blocker and binder both lock the needed record before they look (engine rule 6.1, E2): otherwise
each could look before the other wrote, and the delivery would sleep for ever.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from hub.sync.sql import execute, rows

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Lack:
    """``delivery`` needs ``record`` to be bound as ``object`` at its connection."""

    delivery: uuid.UUID
    record: uuid.UUID
    object: str


def block(connection: uuid.UUID, fence: uuid.UUID, lacks: Sequence[Lack]) -> int:
    """Store all needs of these deliveries at once and set them aside; returns how many wait.

    A need that was met meanwhile is not stored, nor one for a placeholder that was merged away
    meanwhile: nothing will ever be bound to it. A delivery without needs left is due again.
    """
    with transaction.atomic():
        needed = sorted({lack.record for lack in lacks})
        locked = rows(
            "SELECT id, state FROM sync_record WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [needed],
        )
        merged = {record for record, state in locked if state == "merged"}
        bound = set(
            rows(
                "SELECT record_id, object FROM sync_binding WHERE connection_id = %s"
                " AND record_id = ANY(%s) AND role IN ('primary', 'twin')",
                [connection, needed],
            )
        )
        open_ = [
            lack for lack in lacks
            if (lack.record, lack.object) not in bound and lack.record not in merged
        ]  # fmt: skip
        waiting = {lack.delivery for lack in open_}
        free = {lack.delivery for lack in lacks} - waiting
        _set_aside(fence, open_)
        execute(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, next_at = now(),"
            " attempts = greatest(attempts - 1, 0)"
            " WHERE delivery_id = ANY(%s) AND fence = %s",
            [list(free), fence],
        )
    return len(waiting)


def _set_aside(fence: uuid.UUID, open_: Sequence[Lack]) -> None:
    if not open_:
        return
    owned = {
        d for (d,) in rows(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, next_at = 'infinity',"
            " attempts = greatest(attempts - 1, 0)"
            " WHERE delivery_id = ANY(%s) AND fence = %s RETURNING delivery_id",
            [list({lack.delivery for lack in open_}), fence],
        )
    }  # fmt: skip
    mine = [lack for lack in open_ if lack.delivery in owned]
    execute(
        "INSERT INTO sync_need (delivery_id, record_id, object)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) ON CONFLICT DO NOTHING",
        [[lack.delivery for lack in mine], [lack.record for lack in mine],
         [lack.object for lack in mine]],
    )  # fmt: skip
    execute(
        "UPDATE sync_delivery SET problem = 'blocked', problem_code = '', exception_id = NULL"
        " WHERE id = ANY(%s)",
        [list(owned)],
    )


FREED = """
SELECT d.id FROM sync_delivery d JOIN sync_work w ON w.delivery_id = d.id
WHERE d.problem = 'blocked' AND NOT EXISTS (
    SELECT 1 FROM sync_need n WHERE n.delivery_id = d.id AND NOT EXISTS (
        SELECT 1 FROM sync_binding b WHERE b.record_id = n.record_id
        AND b.connection_id = d.connection_id AND b.object = n.object
        AND b.role IN ('primary', 'twin')))
ORDER BY w.seq LIMIT %s FOR UPDATE OF d SKIP LOCKED
"""


def free(limit: int = CHUNK) -> list[uuid.UUID]:
    """Make blocked deliveries due whose needs are all met, in order; returns their connections.

    Called by housekeeping after bindings were made, in chunks, and by the sweep as a net.
    """
    with transaction.atomic():
        freed = [d for (d,) in rows(FREED, [limit])]
        if not freed:
            return []
        execute("DELETE FROM sync_need WHERE delivery_id = ANY(%s)", [freed])
        execute(
            "UPDATE sync_delivery SET problem = 'none', problem_code = '', exception_id = NULL"
            " WHERE id = ANY(%s)",
            [freed],
        )
        return [
            c for (c,) in rows(
                "UPDATE sync_work SET next_at = now() WHERE delivery_id = ANY(%s)"
                " AND lease_until IS NULL RETURNING connection_id",
                [freed],
            )
        ]  # fmt: skip
