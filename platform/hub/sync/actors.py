"""Dramatiq's part: carry the doorbell's ring to a worker and run a bounded turn of work there.

No retries here: the schedule is in the rows, and a lost message costs the time until the sweep.
A turn that leaves work behind rings for itself at the end of the queue; that is the fairness
between partners.
"""

from __future__ import annotations

import uuid
from time import monotonic

import dramatiq
import redis
import structlog
from django.conf import settings
from dramatiq.errors import BrokerError

from hub.sync import causes, deliver, doorbell, exceptions, listening, needs, normalize, poll
from hub.sync.broker import broker
from hub.sync.doorbell import Bell
from hub.sync.sql import rows
from tenants.context import current_schema

log = structlog.get_logger(__name__)

#: Seconds of work in one turn before the next in the queue gets its turn.
TURN = 2.0


def ring(bell: Bell, subject: uuid.UUID | str, *, schema: str | None = None) -> None:
    """Say that there is work. Call after the commit; never fails the caller: without Redis the
    sweep finds the row."""
    if not settings.REDIS_URL:
        return
    schema = schema or current_schema()
    try:
        if doorbell.set_bell(schema, bell, subject):
            ACTORS[bell].send_with_options(args=(str(subject),), schema=schema)
    except (redis.RedisError, BrokerError) as error:
        log.warning("doorbell.unreachable", bell=bell, error=type(error).__name__)


@dramatiq.actor(broker=broker, queue_name="realtime", time_limit=600_000)
def drain_inbox(subject: str) -> None:
    """Normalise a turn's worth of a connection's events; then ring for what became due."""
    connection = uuid.UUID(subject)
    _begin("inbox", subject)
    started = monotonic()
    while normalize.drain_inbox(connection):
        _ring_due()
        if monotonic() - started > TURN:
            ring("inbox", subject)
            break
    ring("housekeeping", "needs")


@dramatiq.actor(broker=broker, queue_name="realtime", time_limit=600_000)
def drain_deliveries(subject: str) -> None:
    """Deliver a turn's worth of what is due at a connection."""
    connection = uuid.UUID(subject)
    _begin("deliveries", subject)
    started = monotonic()
    worked = 0
    while claimed := deliver.drain_deliveries(connection):
        worked += claimed
        if monotonic() - started > TURN:
            ring("deliveries", subject)
            break
    if worked:
        ring("housekeeping", "needs")
        _ring_inbox(connection)


@dramatiq.actor(broker=broker, queue_name="batch", time_limit=600_000)
def poll_connection(subject: str) -> None:
    """Poll what is due of a connection, and ring for what came."""
    _begin("poll", subject)
    if poll.poll(uuid.UUID(subject)):
        ring("inbox", subject)


@dramatiq.actor(broker=broker, queue_name="batch", time_limit=600_000)
def listen_to(subject: str) -> None:
    """See that a source still pushes to us; where it didn't, ask it at once for what is new."""
    _begin("listen", subject)
    if listening.listen(uuid.UUID(subject)):
        ring("poll", subject)


@dramatiq.actor(broker=broker, queue_name="housekeeping", time_limit=600_000)
def housekeeping(subject: str) -> None:
    """Free what waited for a binding that is there now, close exceptions that hold nothing up,
    and see that every source a flow wants is polled."""
    _begin("housekeeping", subject)
    while freed := needs.free():
        for connection in set(freed):
            ring("deliveries", connection)
    causes.tell()
    exceptions.heal_settled()
    poll.keep_schedules()


ACTORS: dict[Bell, dramatiq.Actor] = {
    "inbox": drain_inbox,
    "deliveries": drain_deliveries,
    "poll": poll_connection,
    "listen": listen_to,
    "housekeeping": housekeeping,
}


def _begin(bell: Bell, subject: str) -> None:
    """Clear the bell before reading: a ring from now on brings another turn (rule 7.2)."""
    doorbell.clear(current_schema(), bell, subject)


def _ring_due() -> None:
    """Ring for every connection that has something due now."""
    for (connection,) in rows(
        "SELECT DISTINCT connection_id FROM sync_work WHERE next_at <= now()"
        " AND lease_until IS NULL"
    ):
        ring("deliveries", connection)


def _ring_inbox(connection: uuid.UUID) -> None:
    """A settle may have asked to read stock again."""
    if rows(
        "SELECT 1 FROM sync_inboxevent WHERE connection_id = %s AND state = 'pending'"
        " AND next_at <= now() LIMIT 1",
        [connection],
    ):
        ring("inbox", connection)
