"""The SDK's `Http` over the standard library, for tests on loopback only.

It keeps the promises of the hub's guarded client that a connector relies on (which error means
"surely nothing was sent"), and none of the others: no address check, no pool, no size cap.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.sdk.errors import OutcomeUnknown, Unavailable
from connectors.sdk.http import Response


class PlainHttp:
    """One connection per request. ``calls`` keeps (method, path with query) of every request."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
    ) -> Response:
        """Raises Unavailable if no connection was made, OutcomeUnknown if it broke afterwards."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.calls.append((method, target))
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 80, timeout=deadline
        )
        try:
            try:
                connection.connect()
            except OSError as error:
                raise Unavailable(f"{parts.netloc} can't be reached: {error}.") from error
            try:
                connection.request(method, target, body=body, headers=dict(headers or {}))
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                raise OutcomeUnknown(
                    f"{parts.netloc} took the request and gave no whole answer: {error}."
                ) from error
        finally:
            connection.close()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)

    def address(self, host: str, port: int) -> str:
        """Judges nothing: tests stay on loopback."""
        return socket.gethostbyname(host)

    def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
        """Raises Unavailable when nobody answers."""
        try:
            return socket.create_connection((host, port), timeout=deadline)
        except OSError as error:
            raise Unavailable(f"{host} can't be reached: {error}.") from error
