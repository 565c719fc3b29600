"""Business exceptions as the path raises and heals them. What people do to them: `desk.py`.

One row per cause while it is open: the second record with the same cause joins the first.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction

from connectors.sdk.errors import Owner
from hub.sync.identity import new_id
from hub.sync.sql import execute, rows


@dataclass(frozen=True, slots=True)
class Trouble:
    """What to open: ``cause`` is the key that groups; ``title`` says what happened and ``move``
    what to do, both in the words of the reader."""

    environment: uuid.UUID
    code: str
    cause: str
    title: str
    move: str = ""
    owner: str = Owner.PARTNER
    connection: uuid.UUID | None = None
    record: uuid.UUID | None = None
    entity: str = ""


def open_exceptions(troubles: list[Trouble]) -> dict[str, uuid.UUID]:
    """Open or join; returns the exception's id by cause. Set-wise, in the caller's transaction."""
    unique = {t.cause[:300]: t for t in troubles}
    if not unique:
        return {}
    ordered = sorted(unique.items())
    found = rows(
        "INSERT INTO sync_businessexception (id, environment_id, code, cause, title, move, owner,"
        " connection_id, record_id, entity, state)"
        " SELECT d.*, 'open' FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])"
        " AS d (id, environment, code, cause, title, move, owner, connection, record, entity)"
        " ON CONFLICT (environment_id, cause) WHERE state IN ('open', 'snoozed')"
        " DO UPDATE SET changed_at = now() RETURNING cause, id",
        [[new_id() for _ in ordered], [t.environment for _, t in ordered],
         [t.code for _, t in ordered], [c for c, _ in ordered], [t.title for _, t in ordered],
         [t.move for _, t in ordered], [str(t.owner) for _, t in ordered],
         [t.connection for _, t in ordered], [t.record for _, t in ordered],
         [t.entity for _, t in ordered]],
    )  # fmt: skip
    by_cut: dict[str, uuid.UUID] = dict(found)
    return {t.cause: by_cut[cut] for cut, t in unique.items()}


def heal(environment: uuid.UUID, cause: str) -> None:
    """The cause is gone (a connection answers again): close it as healed."""
    execute(
        "UPDATE sync_businessexception SET state = 'resolved', resolution = 'healed',"
        " closed_at = now(), changed_at = now()"
        " WHERE environment_id = %s AND cause = %s AND state IN ('open', 'snoozed')",
        [environment, cause],
    )


#: Nobody joins them while we look: who opens one locks it until what it holds up is committed.
LOOKED_AT = """
SELECT id FROM sync_businessexception WHERE state IN ('open', 'snoozed')
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
LET_IN_AGAIN = """
UPDATE sync_businessexception x SET state = 'resolved', resolution = 'healed',
    closed_at = now(), changed_at = now() FROM connections_connection c
WHERE x.id = ANY(%s) AND x.cause LIKE 'connection|%%|access'
  AND c.id = x.connection_id AND c.state = 'active'
"""
HOLDS_NOTHING_UP = """
UPDATE sync_businessexception x SET state = 'resolved', resolution = 'healed',
    closed_at = now(), changed_at = now()
WHERE x.id = ANY(%s) AND x.state IN ('open', 'snoozed') AND x.cause NOT LIKE 'connection|%%'
  AND NOT EXISTS (SELECT 1 FROM sync_delivery d WHERE d.exception_id = x.id)
  AND NOT EXISTS (SELECT 1 FROM sync_inboxevent e WHERE e.exception_id = x.id
                  AND e.state = 'parked')
  -- A delivery points to one cause and may wait for several.
  AND NOT (x.cause LIKE 'missing|%%' AND EXISTS (
      SELECT 1 FROM sync_need n
      JOIN sync_delivery d ON d.id = n.delivery_id AND d.connection_id = x.connection_id
      WHERE n.record_id = x.record_id AND NOT EXISTS (
          SELECT 1 FROM sync_binding b WHERE b.record_id = n.record_id
          AND b.connection_id = d.connection_id AND b.object = n.object
          AND b.role IN ('primary', 'twin'))))
"""


def heal_settled() -> int:
    """Close what holds up no row any more, and wake what was snoozed until now.

    Exceptions about a connection or a stream hold up no row; they close by `heal`, and refused
    access when somebody has resumed the connection: if it is refused again, it opens anew.

    Locked first, judged by a statement of its own: one that waits for a row's lock judges it by
    what it saw of other tables before, and would close what a worker has just joined.
    """
    with transaction.atomic():
        looked_at = [x for (x,) in rows(LOOKED_AT)]
        execute(LET_IN_AGAIN, [looked_at])
        execute(
            "UPDATE sync_businessexception SET state = 'open', snoozed_until = NULL,"
            " changed_at = now() WHERE id = ANY(%s) AND state = 'snoozed'"
            " AND snoozed_until <= now()",
            [looked_at],
        )
        return execute(HOLDS_NOTHING_UP, [looked_at])
