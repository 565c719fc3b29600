"""The network as a connector sees it: one request, one answer, or one of the SDK's errors.

The hub passes in its guarded client (address checked at connect time, total deadline, size cap,
pooled keep-alive connections). A connector imports no network library.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from connectors.sdk.errors import Unreadable


@dataclass(frozen=True, slots=True)
class Response:
    """``headers``: names in lower case. ``body``: raw bytes, decoded from transfer encodings."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body.

        Raises Unreadable (code ``page-anomaly``) when a system that promised JSON sent HTML.
        """
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            start = self.body[:120].decode("utf-8", "replace")
            raise Unreadable(
                "The system answered with something that is not JSON "
                f"(it begins with {start!r}): check the address and any login page before it.",
                code="page-anomaly",
            ) from error


class Http(Protocol):
    """Raises Unavailable when surely nothing was sent, OutcomeUnknown when something may have
    been done (request sent, no whole answer before the deadline), AccessRefused when the address
    is one we must not call. Answers of any status are returned, not raised.
    """

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
    ) -> Response: ...

    def address(self, host: str, port: int) -> str:
        """The numeric address to connect to, looked up and judged, for a protocol other than HTTP.
        A library that is handed this address, and no name, can't be led elsewhere.

        Raises Unavailable when the name leads nowhere, AccessRefused when we must not call it.
        """

    def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
        """A TCP connection to a judged address; ``deadline`` is also the socket's time-out.

        Raises as `address`, and Unavailable when nobody answers.
        """
