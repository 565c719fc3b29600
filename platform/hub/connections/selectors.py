"""Reads about connections. Call it inside the partner's context."""

from __future__ import annotations

from connectors.registry import connectors
from connectors.sdk.manifest import Manifest
from hub.connections.models import Connection
from tenants.merchants.models import Environment


def manifest_of(connection: Connection) -> Manifest:
    """What the connector says about itself."""
    return connectors()[connection.connector].manifest


def connection_by_slug(environment: Environment, slug: str) -> Connection | None:
    return Connection.objects.filter(environment=environment, slug=slug).first()


def takes_pushes(connection: Connection) -> bool:
    """Whether the source can push to us at all."""
    return any(stream.push for stream in manifest_of(connection).streams)
