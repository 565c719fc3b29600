"""Run a simulator inside the test process: its own thread and event loop, a port of its own."""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from connectors.sdk.http import Response
from connectors.sdk.simulation.store import Store
from connectors.sdk.testing.plain_http import PlainHttp

Build = Callable[[Store, argparse.Namespace], web.Application]


class Running:
    """A simulator that is up. ``url``: its address without a trailing slash."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = PlainHttp()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """A request as a person or a script would make it; ``body`` is sent as JSON."""
        data = None if body is None else msgspec.json.encode(body)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        return self._http.request(method, self.url + path, headers=headers, body=data)

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        """Use a control route ``/_sim/<name>``. Raises AssertionError unless it answers 2xx."""
        answer = self.call(method, f"/_sim/{name}", body)
        assert answer.status < 300, (name, answer.status, answer.body[:500])  # noqa: S101
        return answer.json()


@contextmanager
def running(
    build: Build, *, state: Path | None = None, folder: Path | None = None
) -> Iterator[Running]:
    """Start ``build(store, args)`` on a free loopback port; stop it at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()

    async def start() -> tuple[web.AppRunner, Store, int]:
        # The store's SQLite connection belongs to the thread that opens it.
        store = Store(state)
        args = argparse.Namespace(port=0, state=state, folder=folder)
        runner = web.AppRunner(build(store, args), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, store, int(runner.addresses[0][1])

    async def stop(runner: web.AppRunner, store: Store) -> None:
        await runner.cleanup()
        store.close()

    try:
        runner, store, port = asyncio.run_coroutine_threadsafe(start(), loop).result(15)
        try:
            yield Running(f"http://127.0.0.1:{port}")
        finally:
            asyncio.run_coroutine_threadsafe(stop(runner, store), loop).result(15)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(15)
        loop.close()
