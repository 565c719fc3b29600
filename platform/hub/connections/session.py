"""A live connector for a connection: its settings, its secrets, the guarded way out."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors.registry import connectors
from connectors.sdk.connector import Connector
from connectors.sdk.errors import AccessRefused, ConnectorError, OutcomeUnknown, Owner, Unavailable
from connectors.sdk.http import Response
from connectors.sdk.records import CheckLine
from hub.connections import lifecycle
from hub.connections.config import with_defaults
from hub.connections.folders import refuse_foreign_folder
from hub.connections.lifecycle import PREVIOUS, WEBHOOK_SECRET
from hub.connections.models import Connection
from hub.connections.tokens import VaultTokens
from kernel.security import vault
from kernel.security.egress import EgressRefused, GuardedClient, MaybeSent, NotSent, client
from tenants.context import current_schema

#: Environment variable: public address of the front door, e.g. https://in.example.com
INGRESS = "CROSSDOCK_INGRESS_URL"


class GuardedHttp:
    """The SDK's `Http` over the guarded client."""

    def __init__(self, guarded: GuardedClient) -> None:
        self._guarded = guarded

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
    ) -> Response:
        """See `connectors.sdk.http.Http`."""
        with _told():
            answer = self._guarded.request(
                method, url, headers=headers, body=body, deadline=deadline
            )
        return Response(answer.status, answer.headers, answer.body)

    def address(self, host: str, port: int) -> str:
        """See `connectors.sdk.http.Http`."""
        with _told():
            return self._guarded.address(host, port)

    def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
        """See `connectors.sdk.http.Http`."""
        with _told():
            return self._guarded.connect(host, port, deadline)


@contextmanager
def _told() -> Iterator[None]:
    """The way out's errors in the SDK's words."""
    try:
        yield
    except EgressRefused as error:
        raise AccessRefused(str(error), code="scope-missing", owner=Owner.PARTNER) from error
    except NotSent as error:
        raise Unavailable(str(error)) from error
    except MaybeSent as error:
        raise OutcomeUnknown(str(error)) from error


def open_connector(connection: Connection) -> Connector:
    """An instance for one thread. Calls nothing yet.

    Raises AccessRefused for a folder the operator doesn't allow.
    """
    kind = connectors()[connection.connector]
    config = with_defaults(kind.manifest, connection.config)
    for field in kind.manifest.fields:
        if field.kind == "folder" and config[field.name]:
            refuse_foreign_folder(config[field.name])
    return kind(
        config=config,
        secrets=secrets_of(connection),
        http=GuardedHttp(client()),
        tokens=VaultTokens(current_schema(), connection.id),
    )


def secrets_of(connection: Connection) -> dict[str, str]:
    """The secrets in force, by field."""
    stored = vault.get_all(connection.id)
    return {field: value for field, value in stored.items() if not field.endswith(PREVIOUS)}


def webhook_secrets(connection: Connection) -> list[dict[str, str]]:
    """What a push may be signed with: the secrets in force, then those before a rotation."""
    stored = vault.get_all(connection.id)
    current = {field: value for field, value in stored.items() if not field.endswith(PREVIOUS)}
    before = {
        field.removesuffix(PREVIOUS): value
        for field, value in stored.items()
        if field.endswith(PREVIOUS)
    }
    return [current, {**current, **before}] if before else [current]


def check(connection: Connection) -> list[CheckLine]:
    """Try the connection; a failure is a line with the move, never an exception.

    When everything is well, the account that answered is remembered.
    """
    try:
        connector = open_connector(connection)
        lines = connector.check()
        if all(line.ok for line in lines):
            lifecycle.mark_account(connection, connector.account())
    except ConnectorError as error:
        return [CheckLine("Connect", ok=False, move=str(error))]
    return lines


def subscribe(connection: Connection, *, actor: str) -> None:
    """Have the source push to our front door; idempotent. Raises the SDK's errors."""
    connector = open_connector(connection)
    secret = connector.secrets.get(WEBHOOK_SECRET, "")
    connector.subscribe(webhook_address(connection), secret)
    lifecycle.mark_subscribed(connection, actor=actor)


def webhook_address(connection: Connection) -> str:
    """The public address this connection's source pushes to.

    Raises Unavailable when the operator hasn't named the front door.
    """
    root = os.environ.get(INGRESS, "").rstrip("/")
    if not root:
        raise Unavailable(
            f"The front door's public address is not set: the operator must set {INGRESS}."
        )
    return f"{root}/hooks/{connection.webhook_token}"
