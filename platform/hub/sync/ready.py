"""May this connection work now? And whose work is it, for every line that is logged."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from hub.connections.models import Connection
from kernel.telemetry import logs


@contextmanager
def ready(connection_id: uuid.UUID) -> Iterator[Connection | None]:
    """The connection, or None while it is paused, asks for attention, or its environment is
    paused: receipt goes on, work waits. Log lines inside carry the merchant and the connection."""
    found = (
        Connection.objects.select_related("environment__merchant").filter(id=connection_id).first()
    )
    if found is None:
        yield None
        return
    with logs.bound(merchant=found.environment.merchant.slug, connection=found.slug):
        yield found if found.state == "active" and not found.environment.paused else None
