"""Reads about connections. Call it inside the partner's context."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from connectors.registry import connectors
from connectors.sdk.manifest import Manifest
from hub.connections.config import with_defaults
from hub.connections.models import Connection
from tenants.merchants.models import Environment

#: More manifests than this are not kept; then all are forgotten and made again.
MOST_KEPT = 5_000

_kept: dict[UUID, tuple[datetime, Manifest]] = {}


def manifest_of(connection: Connection) -> Manifest:
    """What the connection offers: its connector's own manifest, or the one its settings declare.

    Made again when the connection has changed. Raises KeyError for a connector that is gone.
    """
    kind = connectors()[connection.connector]
    kept = _kept.get(connection.id)
    if kept is None or kept[0] != connection.changed_at:
        made = kind.manifest_for(with_defaults(kind.manifest, connection.config))
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        kept = _kept[connection.id] = (connection.changed_at, made)
    return kept[1]


def connection_by_slug(environment: Environment, slug: str) -> Connection | None:
    return Connection.objects.filter(environment=environment, slug=slug).first()


def takes_pushes(connection: Connection) -> bool:
    """Whether the source can push to us at all."""
    return any(stream.push for stream in manifest_of(connection).streams)
