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

from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.sql import execute, rows

CHUNK = 500

#: Exception code of a missing record, by entity (taxonomy: reference).
CODES = {
    "product": "sku-missing", "customer": "customer-missing", "location": "location-missing",
    "tax_rate": "tax-code-missing",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lack:
    """``delivery`` needs ``record`` to be bound as ``object`` at its connection."""

    delivery: uuid.UUID
    record: uuid.UUID
    object: str


def block(
    environment: uuid.UUID, connection: uuid.UUID, fence: uuid.UUID, lacks: Sequence[Lack]
) -> int:
    """Store all needs of these deliveries at once and set them aside; returns how many wait.

    A need that was met meanwhile is not stored; a delivery without needs left is due again.
    """
    with transaction.atomic():
        needed = sorted({lack.record for lack in lacks})
        states = {
            r: (entity, state)
            for r, entity, state in rows(
                "SELECT id, entity, state FROM sync_record WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE",
                [needed],
            )
        }
        bound = set(
            rows(
                "SELECT record_id, object FROM sync_binding WHERE connection_id = %s"
                " AND record_id = ANY(%s) AND role IN ('primary', 'twin')",
                [connection, needed],
            )
        )
        open_ = [lack for lack in lacks if (lack.record, lack.object) not in bound]
        waiting = {lack.delivery for lack in open_}
        free = {lack.delivery for lack in lacks} - waiting
        _set_aside(environment, connection, fence, open_, states)
        execute(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, next_at = now(),"
            " attempts = greatest(attempts - 1, 0)"
            " WHERE delivery_id = ANY(%s) AND fence = %s",
            [list(free), fence],
        )
    return len(waiting)


def _set_aside(
    environment: uuid.UUID,
    connection: uuid.UUID,
    fence: uuid.UUID,
    open_: Sequence[Lack],
    states: dict[uuid.UUID, tuple[str, str]],
) -> None:
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
    blame = _root_causes(environment, connection, mine, states)
    execute(
        "UPDATE sync_delivery d SET problem = 'blocked', problem_code = b.code,"
        " exception_id = b.exception FROM unnest(%s::uuid[], %s::text[], %s::uuid[])"
        " AS b (id, code, exception) WHERE d.id = b.id",
        [list(owned), [blame.get(d, ("", None))[0] for d in owned],
         [blame.get(d, ("", None))[1] for d in owned]],
    )  # fmt: skip


def _root_causes(
    environment: uuid.UUID,
    connection: uuid.UUID,
    lacks: Sequence[Lack],
    states: dict[uuid.UUID, tuple[str, str]],
) -> dict[uuid.UUID, tuple[str, uuid.UUID]]:
    """Open an exception on each needed record nobody is bringing (rule 6.4).

    A record that is on its way to the same connection needs no exception: it is only waited for.
    """
    coming = {
        r for (r,) in rows(
            "SELECT record_id FROM sync_delivery WHERE connection_id = %s"
            " AND record_id = ANY(%s) AND problem IN ('none', 'blocked')",
            [connection, list(states)],
        )
    }  # fmt: skip
    orphans = [r for r in states if r not in coming]
    names = _names(orphans)
    troubles = {
        r: _missing(environment, connection, r, states[r][0], names.get(r, "")) for r in orphans
    }
    opened = open_exceptions(list(troubles.values()))
    blame: dict[uuid.UUID, tuple[str, uuid.UUID]] = {}
    for lack in lacks:
        trouble = troubles.get(lack.record)
        if trouble is not None:
            blame.setdefault(lack.delivery, (trouble.code, opened[trouble.cause]))
    return blame


def _missing(
    environment: uuid.UUID, connection: uuid.UUID, record: uuid.UUID, entity: str, name: str
) -> Trouble:
    word = entity.replace("_", " ")
    return Trouble(
        environment=environment,
        code=CODES.get(entity, "reference-missing"),
        cause=f"missing|{connection}|{record}",
        title=f"The {word} {name or record} is not known at the target, and nobody is bringing it.",
        move=f"Create {name or 'it'} there, or link it to one that exists. What waits for it then "
        "goes on by itself, in order.",
        owner="merchant" if entity == "product" else "partner",
        connection=connection,
        record=record,
        entity=entity,
    )


def _names(records: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    if not records:
        return {}
    return dict(
        rows(
            "SELECT r.id, coalesce(nullif(r.number, ''), (SELECT k.value FROM sync_recordkey k"
            " WHERE k.record_id = r.id ORDER BY k.kind DESC, k.value LIMIT 1), '')"
            " FROM sync_record r WHERE r.id = ANY(%s)",
            [list(records)],
        )
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
