"""Faults on demand, each counted when it bites, so that a test can show that it did."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KINDS = {
    "down": "refuses at once, nothing is done (503)",
    "unplugged": "closes the connection before reading, nothing is done",
    "drop_after_effect": "does it, then closes the connection without an answer",
    "error": "answers 500, nothing is done",
    "error_after_effect": "does it, then answers 500",
    "rate_limit": "answers 429 with Retry-After: 1, nothing is done",
    "slow": "answers after `delay` seconds",
    "unauthorised": "answers 401, nothing is done",
    "html": "answers a maintenance page in HTML with status 200, nothing is done",
}


@dataclass
class Fault:
    """``count``: bites left (None: any number). ``until``: end on the monotonic clock. ``after``:
    sleeps until a request with this in its path has passed."""

    kind: str
    match: str = ""
    method: str = ""
    count: int | None = None
    until: float | None = None
    delay: float = 1.0
    after: str = ""

    def bites(self, request: web.Request) -> bool:
        if self.after:
            if self.after in request.path_qs:
                self.after = ""
            return False
        if self.count == 0 or (self.until is not None and time.monotonic() > self.until):
            return False
        return self.match in request.path_qs and self.method in ("", request.method)


@dataclass
class Faults:
    armed: list[Fault] = field(default_factory=list)
    bitten: Counter[str] = field(default_factory=Counter)

    def arm(
        self,
        kind: str,
        *,
        match: str = "",
        method: str = "",
        count: int | None = None,
        seconds: float | None = None,
        delay: float = 1.0,
        after: str = "",
    ) -> None:
        """Raises KeyError for an unknown kind."""
        if kind not in KINDS:
            raise KeyError(kind)
        until = None if seconds is None else time.monotonic() + seconds
        self.armed.append(Fault(kind, match, method, count, until, delay, after))

    def take(self, request: web.Request) -> Fault | None:
        for fault in self.armed:
            if fault.bites(request):
                if fault.count is not None:
                    fault.count -= 1
                self.bitten[fault.kind] += 1
                return fault
        return None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Outside of ``/_sim``, let an armed fault have its way."""
        fault = None if request.path.startswith("/_sim") else self.take(request)
        if fault is None:
            return await handler(request)
        return await _suffer(fault, request, handler)


async def _suffer(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.kind in ("drop_after_effect", "error_after_effect"):
        await handler(request)
    if fault.kind in ("drop_after_effect", "unplugged"):
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError
    if fault.kind == "slow":
        await asyncio.sleep(fault.delay)
        return await handler(request)
    if fault.kind == "html":
        return web.Response(text="<html><h1>Maintenance</h1></html>", content_type="text/html")
    status = {"down": 503, "rate_limit": 429, "unauthorised": 401}.get(fault.kind, 500)
    headers = {"Retry-After": "1"} if fault.kind == "rate_limit" else {}
    return web.Response(status=status, headers=headers, text=KINDS[fault.kind])
