"""What the front door knows: endpoint token → partner, connection, secrets.

Cached for seconds; an unknown token or a bad signature is checked against a fresh copy once (at
most so often) before it is refused, so a connection made or a secret rotated a moment ago works.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from django.db import close_old_connections

from connectors.registry import connectors
from connectors.sdk.connector import Connector
from connectors.sdk.errors import Unavailable
from connectors.sdk.records import Verdict, WebhookRequest
from hub.connections.config import with_defaults
from hub.connections.models import Connection
from hub.connections.session import webhook_address, webhook_secrets
from tenants.context import partner_context
from tenants.partners.selectors import open_partners

TTL = 10.0
#: Fresh copies on behalf of unknown callers, at most one in so many seconds.
RELOAD_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a push goes. ``secrets``: in force, then those before a rotation. ``address``: as the
    source knows it, "" while the operator hasn't named it. ``config``: defaults filled in."""

    schema: str
    connection: uuid.UUID
    connector: type[Connector]
    secrets: list[dict[str, str]]
    address: str
    config: dict[str, Any]

    def judge(self, request: WebhookRequest) -> Verdict:
        """Whether the push is the source's, and what to keep of it. Pure."""
        known = replace(request, address=self.address, config=self.config)
        return self.connector.webhook(known, self.secrets)


class Endpoints:
    """The cache. `find` runs on a thread: it may ask the database."""

    def __init__(self) -> None:
        self._known: dict[str, Endpoint] = {}
        self._loaded = float("-inf")

    def cached(self, token: str) -> Endpoint | None:
        """Without asking the database; None if unknown or too old."""
        if monotonic() - self._loaded > TTL:
            return None
        return self._known.get(token)

    def find(self, token: str, *, fresh: bool = False) -> Endpoint | None:
        """The endpoint of a token, from a copy at most TTL old, or newer if ``fresh``."""
        age = monotonic() - self._loaded
        if age > TTL or ((fresh or token not in self._known) and age > RELOAD_EVERY):
            self._load()
        return self._known.get(token)

    def _load(self) -> None:
        close_old_connections()
        known: dict[str, Endpoint] = {}
        classes = connectors()
        for partner in open_partners():
            with partner_context(partner):
                for connection in Connection.objects.all():
                    kind = classes[connection.connector]
                    known[connection.webhook_token] = Endpoint(
                        partner.schema_name,
                        connection.id,
                        kind,
                        webhook_secrets(connection),
                        _address(connection),
                        with_defaults(kind.manifest, connection.config),
                    )
        self._known, self._loaded = known, monotonic()


def _address(connection: Connection) -> str:
    try:
        return webhook_address(connection)
    except Unavailable:
        return ""
