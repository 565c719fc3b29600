"""A connection that can't go on by itself: paused, with an exception for whoever must act."""

from __future__ import annotations

import uuid

from connectors.sdk.errors import AccessRefused, ConnectorError
from hub.connections.models import Connection
from hub.sync.exceptions import Trouble, heal, open_exceptions
from hub.sync.sql import execute


def access_refused(connection: Connection, error: AccessRefused) -> None:
    """Credentials no longer work: stop calling (no retry storm) and ask for new ones.

    Work stays owed and goes on when the connection is resumed.
    """
    execute(
        "UPDATE connections_connection SET state = 'attention', paused_at = now(),"
        " paused_reason = %s, paused_code = %s, paused_owner = %s"
        " WHERE id = %s AND state = 'active'",
        [str(error), error.code, str(error.owner), connection.id],
    )
    _open(connection, error, "access")


def unwell(connection: Connection, error: ConnectorError) -> None:
    """The target hasn't answered for a while: tell someone; the path keeps trying."""
    _open(connection, error, "unwell")


def well(environment: uuid.UUID, connection: uuid.UUID) -> None:
    """It answers again."""
    for what in ("unwell", "access"):
        heal(environment, _cause(connection, what))


def _open(connection: Connection, error: ConnectorError, what: str) -> None:
    open_exceptions([
        Trouble(
            environment=connection.environment_id,
            code=error.code,
            cause=_cause(connection.id, what),
            title=f"{connection.title}: {error}",
            owner=str(error.owner),
            connection=connection.id,
        )
    ])  # fmt: skip


def _cause(connection: uuid.UUID, what: str) -> str:
    return f"connection|{connection}|{what}"
