"""The outside world's telephone: small JSON calls to the simulators, on loopback only.

People and scripts outside the hub use it (customers, cashiers, the warehouse); nothing of the
hub's own path does.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit


class OutsideError(RuntimeError):
    """A simulator refused what the story asked of it; the message is its own."""


class Outside:
    """One system. ``url``: without a trailing slash. ``authorization``: header for its own API."""

    def __init__(self, url: str, title: str, authorization: str = "") -> None:
        self.url = url
        self.title = title
        self._headers = {"Content-Type": "application/json"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._netloc = urlsplit(url).netloc

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        """Raises OutsideError for an answer of 400 or more, OSError when nobody answers."""
        line = http.client.HTTPConnection(self._netloc, timeout=60)
        try:
            data = None if body is None else json.dumps(body).encode()
            line.request(method, path, data, self._headers)
            answer = line.getresponse()
            raw = answer.read()
        finally:
            line.close()
        if answer.status >= 400:
            raise OutsideError(f"{self.title} {method} {path}: {answer.status} {raw[:300]!r}")
        return json.loads(raw) if raw else None


def until(true: Callable[[], bool], seconds: float, pause: float = 0.5) -> bool:
    """Ask again and again; False when the time is up."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
