"""Count what was done, in the transaction that did it. The unique key makes double counting
impossible; what "once" means is in the key, and who counts knows it (engine rules 5.2, 5.3)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class Usage:
    """``meter``: *document* or *change*. ``key``: unique for what is counted once."""

    meter: str
    key: str
    entity: str
    record: uuid.UUID
    delivery: uuid.UUID
    units: int = 1


def count(environment: uuid.UUID, used: Sequence[Usage]) -> None:
    """Store usage set-wise, in the caller's transaction; what is counted already stays."""
    if not used:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_usageevent (environment_id, meter, key, entity, record_id,"
            " delivery_id, units) SELECT %s, u.* FROM unnest(%s::text[], %s::text[], %s::text[],"
            " %s::uuid[], %s::uuid[], %s::int[]) AS u (meter, key, entity, record, delivery, units)"
            " ON CONFLICT (key) DO NOTHING",
            [environment, [u.meter for u in used], [u.key for u in used],
             [u.entity for u in used], [u.record for u in used], [u.delivery for u in used],
             [u.units for u in used]],
        )  # fmt: skip
