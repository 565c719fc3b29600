"""A circuit breaker per target: an outage costs a few calls, not every row's patience.

State lies in the row `Lane`, so that all workers share it. While it is open nothing is claimed;
then one row goes alone (half-open) and decides.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from connectors.sdk.errors import ConnectorError
from hub.connections.models import Connection
from hub.sync.attention import unwell, well
from hub.sync.retry import breaker_wait
from hub.sync.sql import execute, rows

#: An outage is told to a person only after this; short ones heal by themselves.
TELL_AFTER = timedelta(seconds=90)


def allowance(connection: uuid.UUID, batch: int) -> int:
    """How many rows may be claimed now: none while open, one at half-open, else ``batch``."""
    found = rows(
        "SELECT open_until > now() FROM sync_lane WHERE connection_id = %s AND failures > 0",
        [connection],
    )
    if not found:
        return batch
    return 0 if found[0][0] else 1


def tripped(connection: Connection, error: ConnectorError) -> None:
    """The target is unwell: stay away for a while, longer each time in a row."""
    (failures, ill_for) = rows(
        "INSERT INTO sync_lane AS l (connection_id, failures, open_until, failed_at, problem)"
        " VALUES (%s, 1, now() + %s, now(), %s) ON CONFLICT (connection_id) DO UPDATE SET"
        " failures = CASE WHEN l.open_until > now() THEN l.failures ELSE l.failures + 1 END,"
        " failed_at = CASE WHEN l.failures = 0 THEN now() ELSE l.failed_at END,"
        " problem = excluded.problem RETURNING failures, now() - failed_at",
        [connection.id, breaker_wait(1, error), f"{error.code}: {error}"[:500]],
    )[0]
    execute(
        "UPDATE sync_lane SET open_until = greatest(open_until, now() + %s)"
        " WHERE connection_id = %s",
        [breaker_wait(failures, error), connection.id],
    )
    if ill_for > TELL_AFTER:
        unwell(connection, error)


def answered(connection: Connection) -> None:
    """It answered: close the breaker. Costs nothing while it is closed."""
    closed = execute(
        "UPDATE sync_lane SET failures = 0, open_until = NULL, problem = ''"
        " WHERE connection_id = %s AND failures > 0",
        [connection.id],
    )
    if closed:
        well(connection.environment_id, connection.id)
