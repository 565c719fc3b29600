"""Does a source still push to us? Shops stop by themselves: WooCommerce disables a webhook after
seven failures in a row, people delete one or edit its address.

Looked at every few minutes. What is wrong is mended first and the streams are polled afterwards, so
that nothing falls between: the cursor moves by polls only, so it stands before whatever went
unsaid. Somebody is told only where it can't be mended; until then polling carries on alone.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog

from connectors.sdk.errors import ConnectorError, OutcomeUnknown, Owner, Unavailable
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.connections.session import subscribe, webhook_address
from hub.sync.exceptions import Trouble, heal, open_exceptions
from hub.sync.ready import ready
from hub.sync.sessions import connector_for
from hub.sync.sql import execute

log = structlog.get_logger(__name__)

#: Between two looks. A shop needs seven failed deliveries to give up, so this is soon enough.
EVERY = timedelta(minutes=5)
ACTOR = "system:listening"


def listen(connection_id: uuid.UUID) -> bool:
    """Look, if it is time (the update is the election), and mend. True when something was wrong
    and its streams are now due to be polled."""
    mine = execute(
        "UPDATE connections_connection SET listen_at = now() + %s WHERE id = %s"
        " AND state = 'active' AND coalesce(listen_at, subscribed_at + %s) <= now()",
        [EVERY, connection_id, EVERY],
    )
    if not mine:
        return False
    with ready(connection_id) as connection:
        return connection is not None and _looked(connection)


def _looked(connection: Connection) -> bool:
    try:
        address = webhook_address(connection)
        broken = _broken(connection, address)
        if broken:
            subscribe(connection, actor=ACTOR)
            left = _broken(connection, address)
            log.warning("listening.mended", broken=broken, left=left)
    except (Unavailable, OutcomeUnknown) as away:
        # Polling meets the same outage and tells of it if it lasts.
        log.info("listening.away", code=away.code)
        return False
    except ConnectorError as error:
        _tell(connection, error.code, str(error), error.owner)
        return _poll_now(connection)
    if not broken:
        heal(connection.environment_id, _cause(connection))
        return False
    if left:
        why = f"{', '.join(left)} again, right after we set it up: look for a plugin that does so."
        _tell(connection, "drift", why, Owner.MERCHANT)
    else:
        heal(connection.environment_id, _cause(connection))
    return _poll_now(connection)


def _broken(connection: Connection, address: str) -> list[str]:
    with connector_for(connection) as connector:
        return connector.unsubscribed(address)


def _poll_now(connection: Connection) -> bool:
    """What it would have pushed is asked for at once. A poll that runs already does no harm: the
    cursor moves by compare-and-set."""
    pushed = [stream.name for stream in manifest_of(connection).streams if stream.push]
    execute(
        "UPDATE sync_checkpoint SET next_at = now()"
        " WHERE connection_id = %s AND stream = ANY(%s) AND next_at > now()",
        [connection.id, pushed],
    )
    return True


def _tell(connection: Connection, code: str, why: str, owner: str) -> None:
    trouble = Trouble(
        environment=connection.environment_id,
        code=code,
        cause=_cause(connection),
        title=f"{connection.title} no longer tells us by itself: {why}",
        move="Mend it there. Until then it is asked at intervals: nothing is lost, it comes later.",
        owner=str(owner),
        connection=connection.id,
    )
    open_exceptions([trouble])


def _cause(connection: Connection) -> str:
    return f"connection|{connection.id}|listening"
