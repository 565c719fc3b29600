"""What is still owed to a partner that leaves is delivered, as far as it can be."""

from __future__ import annotations

import time

from hub.connections.models import Connection
from hub.sync import causes, deliver, exceptions, needs, normalize
from hub.sync.sql import rows

#: Between two looks when everything waits for a moment to come.
PAUSE = 0.2

SOON = """
SELECT (SELECT count(*) FROM sync_work w JOIN connections_connection c ON c.id = w.connection_id
        WHERE c.state = 'active' AND (w.next_at < 'infinity' OR w.lease_until > now()))
     + (SELECT count(*) FROM sync_inboxevent e
        JOIN connections_connection c ON c.id = e.connection_id
        WHERE c.state = 'active' AND e.state = 'pending')
"""

LEASED = """
SELECT (SELECT count(*) FROM sync_work WHERE lease_until > now())
     + (SELECT count(*) FROM sync_inboxevent WHERE lease_until > now())
"""

LEFT = """
SELECT 'deliveries ' || CASE WHEN d.problem = 'none' THEN 'due' ELSE d.problem END AS words,
       count(*)
FROM sync_work w JOIN sync_delivery d ON d.id = w.delivery_id GROUP BY 1
UNION ALL
SELECT 'messages ' || state, count(*) FROM sync_inboxevent
WHERE state IN ('pending', 'parked') GROUP BY 1
ORDER BY 1
"""


def drain(seconds: float) -> dict[str, int]:
    """Work for up to ``seconds`` at what can still be done; returns what is left, in words.

    Inside the partner's context. Nothing is polled, paused connections stay paused. With 0 seconds
    what is due now gets its one try.
    """
    end = time.monotonic() + seconds
    while True:
        worked = _turn()
        if worked and (seconds == 0 or time.monotonic() < end):
            continue
        if time.monotonic() >= end or not rows(SOON)[0][0]:
            return left()
        time.sleep(PAUSE)


def under_way() -> int:
    """How many rows a worker still holds: it may be sending them right now."""
    return int(rows(LEASED)[0][0])


def left() -> dict[str, int]:
    """{"deliveries dead": 2, "messages parked": 1}: what nobody will deliver any more."""
    return {str(words): int(count) for words, count in rows(LEFT)}


def _turn() -> int:
    worked = 0
    connections = [connection.id for connection in Connection.objects.all()]
    for connection in connections:
        worked += normalize.drain_inbox(connection)
    for connection in connections:
        worked += deliver.drain_deliveries(connection)
    worked += len(needs.free())
    causes.tell()
    exceptions.heal_settled()
    return worked
