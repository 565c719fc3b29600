"""Connections that a declaration has ended: kept with all they have told, and at rest."""

from __future__ import annotations

from hub.connections import lifecycle
from hub.connections.models import Connection

#: `Connection.paused_code` of a connection that a declaration no longer names.
RETIRED = "retired"


def is_retired(connection: Connection) -> bool:
    return connection.state == Connection.State.PAUSED and connection.paused_code == RETIRED


def retire(connection: Connection, *, actor: str) -> None:
    """Pause it for good; it comes back by being declared again."""
    if connection.state != Connection.State.ACTIVE:
        # Paused for another reason: that reason ends here, or its mending would start it again.
        lifecycle.resume(connection, actor=actor)
    lifecycle.pause(
        connection, reason="The declaration no longer names it.", actor=actor, code=RETIRED
    )


def bring_back(connection: Connection, *, actor: str) -> bool:
    """Resume a retired connection; False if it wasn't retired."""
    if not is_retired(connection):
        return False
    lifecycle.resume(connection, actor=actor)
    return True
