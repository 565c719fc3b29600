"""Read a source on a schedule. From `receive.py` on it is the same path as a push.

A firing is one conditional update (the one who moved ``next_at`` polls), and the cursor moves by
compare-and-set in the transaction that stores the page, so two pollers can't leave a gap.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from django.db import transaction

from connectors.sdk.errors import AccessRefused, ConnectorError
from connectors.sdk.records import Heard
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.flows.models import Availability, Flow
from hub.sync import attention
from hub.sync.ready import ready
from hub.sync.receive import receive
from hub.sync.sessions import connector_for
from hub.sync.sql import clock, execute, rows

log = structlog.get_logger(__name__)

#: Pages read in one turn; more wait for the next, so that one backfill doesn't hold a worker.
PAGES = 20
#: Nobody else polls the stream while a poll shows life: held anew with each page. A poller killed
#: with -9 costs this much; two pollers at once cost only calls, since the cursor moves once.
HOLD = timedelta(seconds=30)


def due_streams(connection_id: uuid.UUID) -> list[str]:
    """Take the streams of a connection that are due; the update itself is the election."""
    return [
        stream for (stream,) in rows(
            "UPDATE sync_checkpoint SET next_at = now() + %s, polled_at = now()"
            " WHERE connection_id = %s AND next_at <= now() RETURNING stream",
            [HOLD, connection_id],
        )
    ]  # fmt: skip


def poll(connection_id: uuid.UUID) -> int:
    """Poll what is due of a connection; returns how many new events were stored."""
    with ready(connection_id) as connection:
        if connection is None:
            return 0
        return sum(_poll(connection, stream) for stream in due_streams(connection_id))


def keep_schedules() -> None:
    """Begin polling what the active partner's flows want from its sources, and nothing else."""
    told = {
        (entity, source)
        for entity, sources in Flow.objects.filter(active=True).values_list("entity", "sources")
        for source in sources or [""]
    }
    stock = {str(s) for s in Availability.objects.values_list("source_id", flat=True)}
    for connection in Connection.objects.filter(state="active"):
        me = str(connection.id)
        wanted = [
            stream.name
            for stream in manifest_of(connection).streams
            if stream.poll_every
            and (
                any({(e, me), (e, "")} & told for e in stream.produces)
                or (me in stock and "stock_level" in stream.produces)
            )
        ]
        schedule(connection, wanted)


def schedule(connection: Connection, streams: list[str]) -> None:
    """Begin polling these streams of a connection; those polled already keep their cursor."""
    execute(
        "INSERT INTO sync_checkpoint (connection_id, stream, cursor, next_at)"
        " SELECT %s, s, '{}', now() FROM unnest(%s::text[]) AS t (s) ON CONFLICT DO NOTHING",
        [connection.id, streams],
    )


def _poll(connection: Connection, stream: str) -> int:
    every = timedelta(seconds=_interval(connection, stream))
    stored, more = 0, False
    _hold(connection, stream)
    try:
        stored, more = _pages(connection, stream)
    except ConnectorError as error:
        _failed(connection, stream, error, every)
        return stored
    execute(
        "UPDATE sync_checkpoint SET next_at = now() + %s, failures = 0, problem = ''"
        " WHERE connection_id = %s AND stream = %s",
        [timedelta(0) if more else every, connection.id, stream],
    )
    return stored


def _pages(connection: Connection, stream: str) -> tuple[int, bool]:
    stored = 0
    with connector_for(connection) as connector:
        ahead = clock() - datetime.now(UTC)
        before = _cursor(connection, stream)
        pages = connector.read(stream, msgspec.json.decode(before))
        for number, page in enumerate(pages, start=1):
            with transaction.atomic():
                after = msgspec.json.encode(page.cursor).decode()
                moved = execute(
                    "UPDATE sync_checkpoint SET cursor = %s::jsonb, moved_at = now(),"
                    " heard = heard + %s, next_at = now() + %s"
                    " WHERE connection_id = %s AND stream = %s AND cursor = %s::jsonb",
                    [after, len(page.heard), HOLD, connection.id, stream, before],
                )
                if not moved:
                    log.warning("poll.overtaken", stream=stream)
                    return stored, False
                stored += receive(connection.id, [_by_our_clock(h, ahead) for h in page.heard])
            before = after
            if page.files:
                connector.archive(page.files)
            if number >= PAGES:
                return stored, True
    return stored, False


def _hold(connection: Connection, stream: str) -> None:
    """The streams of a connection are taken together and polled one after the other."""
    execute(
        "UPDATE sync_checkpoint SET next_at = now() + %s WHERE connection_id = %s AND stream = %s",
        [HOLD, connection.id, stream],
    )


def _by_our_clock(heard: Heard, ahead: timedelta) -> Heard:
    """When a reading began, on the database's clock: this process's own may be wrong, and its
    readings would lose against others', or win for as long as it is ahead."""
    if heard.read_started_at is None:
        return heard
    return replace(heard, read_started_at=heard.read_started_at + ahead)


def _cursor(connection: Connection, stream: str) -> str:
    found = rows(
        "SELECT cursor::text FROM sync_checkpoint WHERE connection_id = %s AND stream = %s",
        [connection.id, stream],
    )
    return str(found[0][0])


def _interval(connection: Connection, stream: str) -> float:
    """Seconds between polls: the connection's own setting, else the manifest's."""
    own = connection.config.get("poll_every") or {}
    if isinstance(own, dict) and stream in own:
        return float(own[stream])
    return manifest_of(connection).stream(stream).poll_every or 60.0


def _failed(connection: Connection, stream: str, error: ConnectorError, every: timedelta) -> None:
    """The source is unwell or refuses us; nothing is lost, the cursor stays where it was."""
    if isinstance(error, AccessRefused):
        attention.access_refused(connection, error)
    execute(
        "UPDATE sync_checkpoint SET failures = failures + 1, problem = %s, next_at = now() +"
        " greatest(%s, least(%s * power(2, least(failures, 6)), interval '5 minutes'))"
        " WHERE connection_id = %s AND stream = %s",
        [f"{error.code}: {error}"[:500], timedelta(seconds=error.retry_after or 1), every,
         connection.id, stream],
    )  # fmt: skip
    log.info("poll.failed", stream=stream, code=error.code)
