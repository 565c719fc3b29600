"""Connector instances, kept per connection so that their keep-alive connections and look-up
caches serve the next batch. An instance is used by one thread at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from queue import Empty, LifoQueue

from connectors.sdk.connector import Connector
from hub.connections.models import Connection
from hub.connections.session import open_connector

_idle: dict[uuid.UUID, tuple[datetime, LifoQueue[Connector]]] = {}


@contextmanager
def connector_for(connection: Connection) -> Iterator[Connector]:
    """Borrow an instance; a changed connection (new secret, new address) gets fresh ones."""
    changed_at, idle = _idle.setdefault(connection.id, (connection.changed_at, LifoQueue()))
    if changed_at != connection.changed_at:
        idle = LifoQueue()
        _idle[connection.id] = (connection.changed_at, idle)
    try:
        connector = idle.get_nowait()
    except Empty:
        connector = open_connector(connection)
    yield connector
    # Not after an error: an instance whose call went wrong may hold a stale cache.
    idle.put(connector)
