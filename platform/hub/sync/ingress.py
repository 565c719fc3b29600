"""The front door: webhooks in, raw bytes stored, 2xx only after the commit.

A small process of its own outside Django's request stack (granian's native interface), so that a
deploy or an overload of the portal doesn't touch it. Many requests share one commit; a group that
fails falls back per partner, then per row, so that one partner's locked table or one bad row
doesn't cost the others their answer. It is answered even while Redis is down.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import django
import psycopg
import structlog
from psycopg import sql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.config.settings")
django.setup()

from django.conf import settings  # noqa: E402 - models load only after setup

from connectors.sdk.records import Heard, Verdict, WebhookRequest  # noqa: E402
from hub.sync.actors import ring  # noqa: E402
from hub.sync.front_door import Endpoint, Endpoints  # noqa: E402
from hub.sync.receive import INSERT, parameters  # noqa: E402
from kernel.telemetry import metrics  # noqa: E402

log = structlog.get_logger(__name__)

#: Larger than any order or catalogue page we have seen; a file comes by another door.
MAX_BODY = 16 * 2**20
GROUP = 200
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '250ms'"


@dataclass(slots=True)
class Letter:
    """One accepted request waiting for its commit; ``stored`` tells its outcome."""

    schema: str
    connection: uuid.UUID
    heard: tuple[Heard, ...]
    stored: asyncio.Future[bool]


class FrontDoor:
    """The RSGI application."""

    def __init__(self) -> None:
        self.endpoints = Endpoints()
        # One thread: the cache asks the database with one connection, one question at a time.
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="door")
        self.letters: asyncio.Queue[Letter] | None = None
        self.database: psycopg.AsyncConnection[Any] | None = None
        self.clerk: asyncio.Task[None] | None = None

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        metrics.serve_if_asked()
        self.letters = asyncio.Queue(maxsize=10_000)
        self.clerk = loop.create_task(self._file_letters())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            return
        status, headers, text = await self._answer(scope, protocol)
        protocol.response_str(status, [("content-type", "text/plain"), *headers], text)

    async def _answer(self, scope: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], str]:
        if scope.path == "/healthz":
            return 200, [], "ok"
        token = scope.path.removeprefix("/hooks/")
        if token == scope.path or "/" in token:
            return 404, [], "not found"
        body = await self._body(scope, protocol)
        if body is None:
            return 413, [], "too large"
        request = WebhookRequest(
            scope.method, {k.lower(): v for k, v in scope.headers.items()}, scope.query_string, body
        )
        try:
            endpoint, verdict = await self._judge(token, request)
        except Exception as error:
            log.exception("ingress.judge_failed", error=type(error).__name__)
            return 503, [("retry-after", "5")], "try again"
        if endpoint is None:
            return 404, [], "not found"
        if verdict.heard and not await self._store(endpoint, verdict.heard):
            return 503, [("retry-after", "5")], "try again"
        if verdict.status >= 400:
            log.info("ingress.refused", connection=str(endpoint.connection), why=verdict.why)
        return verdict.status, [], verdict.why or "ok"

    async def _body(self, scope: Any, protocol: Any) -> bytes | None:
        """The raw body; None when it is larger than we take, said before it is buffered."""
        length = scope.headers.get("content-length") or "0"
        if not length.isdigit() or int(length) > MAX_BODY:
            return None
        chunks, size = [], 0
        async for chunk in protocol:
            size += len(chunk)
            if size > MAX_BODY:
                return None
            chunks.append(chunk)
        return b"".join(chunks)

    async def _judge(self, token: str, request: WebhookRequest) -> tuple[Endpoint | None, Verdict]:
        loop = asyncio.get_running_loop()
        endpoint = self.endpoints.cached(token)
        if endpoint is None:
            endpoint = await loop.run_in_executor(self.thread, self.endpoints.find, token)
        if endpoint is None:
            return None, Verdict(404)
        verdict = endpoint.judge(request)
        if verdict.status in (401, 403):
            fresh = await loop.run_in_executor(
                self.thread, lambda: self.endpoints.find(token, fresh=True)
            )
            if fresh is not None and fresh.secrets != endpoint.secrets:
                return fresh, fresh.judge(request)
        return endpoint, verdict

    async def _store(self, endpoint: Endpoint, heard: tuple[Heard, ...]) -> bool:
        assert self.letters is not None  # noqa: S101 - set when the loop started
        letter = Letter(
            endpoint.schema, endpoint.connection, heard, asyncio.get_running_loop().create_future()
        )
        try:
            self.letters.put_nowait(letter)
        except asyncio.QueueFull:
            return False
        return await letter.stored

    async def _file_letters(self) -> None:
        """Commit whatever is waiting, as one group; the next group gathers meanwhile."""
        assert self.letters is not None  # noqa: S101
        loop = asyncio.get_running_loop()
        while True:
            group = [await self.letters.get()]
            while len(group) < GROUP and not self.letters.empty():
                group.append(self.letters.get_nowait())
            stored = await self._commit_or_split(group)
            for letter in group:
                if not letter.stored.done():
                    letter.stored.set_result(id(letter) in stored)
            metrics.PROCESSED.labels("receive", "stored").inc(len(stored))
            metrics.PROCESSED.labels("receive", "failed").inc(len(group) - len(stored))
            rung = {(x.schema, x.connection) for x in group if id(x) in stored}
            loop.run_in_executor(None, _ring, rung)

    async def _commit_or_split(self, group: Sequence[Letter]) -> set[int]:
        """Ids of the letters that are stored: all at once, else per partner, else per row."""
        if await self._commit(group):
            return {id(letter) for letter in group}
        if len(group) == 1:
            return set()
        schemas = {letter.schema for letter in group}
        stored: set[int] = set()
        for schema in schemas:
            mine = [letter for letter in group if letter.schema == schema]
            if len(schemas) > 1:
                stored |= await self._commit_or_split(mine)
            else:
                for letter in mine:
                    stored |= await self._commit_or_split([letter])
        return stored

    async def _commit(self, group: Sequence[Letter]) -> bool:
        try:
            database = await self._connected()
            async with database.transaction():
                await database.execute(LOCK_TIMEOUT)
                for (schema, connection), heard in _by_connection(group).items():
                    table = sql.Identifier(schema, "sync_inboxevent")
                    statement = sql.SQL(INSERT).format(table=table)
                    await database.execute(statement, parameters(connection, heard))
        except psycopg.Error as error:
            log.warning("ingress.group_failed", rows=len(group), error=str(error)[:200])
            return False
        return True

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self.database is None or self.database.closed:
            self.database = await psycopg.AsyncConnection.connect(
                settings.DATABASE_URL, autocommit=True, connect_timeout=5
            )
        return self.database


def _by_connection(group: Sequence[Letter]) -> dict[tuple[str, uuid.UUID], list[Heard]]:
    """In one order for everybody, so that two doors never wait for each other in a circle."""
    found: dict[tuple[str, uuid.UUID], list[Heard]] = {}
    for letter in group:
        found.setdefault((letter.schema, letter.connection), []).extend(letter.heard)
    return dict(sorted(found.items()))


def _ring(places: set[tuple[str, uuid.UUID]]) -> None:
    for schema, connection in places:
        ring("inbox", connection, schema=schema)


app = FrontDoor()
