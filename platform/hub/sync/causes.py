"""Whose move is it when deliveries wait? An exception on the root cause, dependants under it.

A need is given a moment first: what one file points to often comes with the next. Then: nobody is
bringing the record → an exception on the record; its provider is dead, held or uncertain → the
provider's own exception; a circle of needs → an exception that says so (engine rule 6.4).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.sql import execute, rows

#: A record named by its key may be on its way; told only when it isn't after this.
GRACE = timedelta(seconds=10)
#: A source that names a record of its own by id will tell it too: its other file may be half
#: written, its other page not read yet.
OWN_GRACE = timedelta(seconds=90)
#: Two records that wait for each other longer than this wait for ever.
CIRCLE_AFTER = timedelta(seconds=60)
CHUNK = 500

#: Exception code of a missing record, by entity (taxonomy: reference).
CODES = {
    "product": "sku-missing", "customer": "customer-missing", "location": "location-missing",
    "tax_rate": "tax-code-missing",
}  # fmt: skip

UNTOLD = """
SELECT d.id, d.environment_id, d.connection_id, n.record_id, r.entity, p.problem_code,
       p.exception_id
FROM sync_need n
JOIN sync_delivery d ON d.id = n.delivery_id
JOIN sync_record r ON r.id = n.record_id
LEFT JOIN LATERAL (
    SELECT problem, problem_code, exception_id FROM sync_delivery
    WHERE record_id = n.record_id AND connection_id = d.connection_id AND problem <> 'retired'
    ORDER BY problem IN ('none', 'blocked') DESC LIMIT 1) p ON true
WHERE d.problem = 'blocked' AND d.exception_id IS NULL
  AND n.created_at < now() - CASE WHEN r.state = 'expected' AND EXISTS (
      SELECT 1 FROM sync_binding b WHERE b.record_id = r.id) THEN %s ELSE %s END
  AND (p.problem IS NULL OR p.problem NOT IN ('none', 'blocked'))
  AND NOT EXISTS (SELECT 1 FROM sync_binding b WHERE b.record_id = n.record_id
                  AND b.connection_id = d.connection_id AND b.object = n.object
                  AND b.role IN ('primary', 'twin'))
ORDER BY n.id LIMIT %s
"""

CIRCLES = """
WITH RECURSIVE walk (delivery, start, record, connection, depth) AS (
    SELECT d.id, d.record_id, n.record_id, d.connection_id, 1
    FROM sync_need n JOIN sync_delivery d ON d.id = n.delivery_id
    WHERE d.problem = 'blocked' AND d.exception_id IS NULL AND n.created_at < now() - %s
    UNION ALL
    SELECT w.delivery, w.start, n.record_id, w.connection, w.depth + 1
    FROM walk w
    JOIN sync_delivery d ON d.record_id = w.record AND d.connection_id = w.connection
         AND d.problem = 'blocked'
    JOIN sync_need n ON n.delivery_id = d.id
    WHERE w.depth < 10 AND w.record <> w.start)
SELECT DISTINCT w.delivery, d.environment_id, w.connection, w.start, r.entity
FROM walk w JOIN sync_delivery d ON d.id = w.delivery JOIN sync_record r ON r.id = w.start
WHERE w.record = w.start LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: uuid.UUID
    environment: uuid.UUID
    connection: uuid.UUID
    record: uuid.UUID
    entity: str
    provider_code: str = ""
    provider_exception: uuid.UUID | None = None


def tell() -> int:
    """Point blocked deliveries that nothing will free by itself to an exception; how many."""
    with transaction.atomic():
        waiting = [_Waiting(*row) for row in rows(UNTOLD, [OWN_GRACE, GRACE, CHUNK])]
        circles = [_Waiting(*row) for row in rows(CIRCLES, [CIRCLE_AFTER])]
        orphans = [w for w in waiting if w.provider_exception is None]
        names = _names([w.record for w in orphans])
        troubles = [(w.delivery, _missing(w, names.get(w.record, ""))) for w in orphans]
        troubles += [(w.delivery, _circle(w)) for w in circles]
        opened = open_exceptions([t for _, t in troubles])
        blame = {d: (t.code, opened[t.cause]) for d, t in reversed(troubles)}
        blame |= {
            w.delivery: (w.provider_code, w.provider_exception)
            for w in waiting
            if w.provider_exception is not None
        }
        if blame:
            execute(
                "UPDATE sync_delivery d SET problem_code = b.code, exception_id = b.exception"
                " FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS b (id, code, exception)"
                " WHERE d.id = b.id AND d.problem = 'blocked'",
                [list(blame), [b[0] for b in blame.values()], [b[1] for b in blame.values()]],
            )
    return len(blame)


def _missing(waiting: _Waiting, name: str) -> Trouble:
    word = waiting.entity.replace("_", " ")
    return Trouble(
        environment=waiting.environment,
        code=CODES.get(waiting.entity, "reference-missing"),
        cause=f"missing|{waiting.connection}|{waiting.record}",
        title=f"The {word} {name or waiting.record} is not known at the target, and nobody is "
        "bringing it.",
        move=f"Create {name or 'it'} there, or link it to one that exists. What waits for it then "
        "goes on by itself, in order.",
        owner="merchant" if waiting.entity == "product" else "partner",
        connection=waiting.connection,
        record=waiting.record,
        entity=waiting.entity,
    )


def _circle(waiting: _Waiting) -> Trouble:
    return Trouble(
        environment=waiting.environment,
        code="dependency-cycle",
        cause=f"cycle|{waiting.connection}|{waiting.record}",
        title=f"This {waiting.entity.replace('_', ' ')} waits for records that wait for it.",
        move="Create one of them at the target by hand; the others then go on by themselves.",
        connection=waiting.connection,
        record=waiting.record,
        entity=waiting.entity,
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
