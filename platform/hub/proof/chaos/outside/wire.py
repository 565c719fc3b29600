"""HTTP for the outside systems: a server and a client of a page each, on loopback, over asyncio.

Nothing of ours is in it on purpose: what stands outside must not share a fault with what is tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

HOST = "127.0.0.1"
LONGEST_HEAD = 64 * 1024
# fmt: off
WORDS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request",
         401: "Unauthorized", 404: "Not Found", 409: "Conflict", 422: "Unprocessable Entity",
         429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
# fmt: on


@dataclass(frozen=True, slots=True)
class Request:
    """``headers``: names in lower case. ``query``: the last of a repeated name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True, slots=True)
class Response:
    """``body``: bytes as they are, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


async def serve(port: int, handler: Handler) -> None:
    """Answer requests on a loopback port until cancelled."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while (request := await _request(reader)) is not None:
                writer.write(_rendered(await _answer(handler, request)))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, HOST, port, limit=LONGEST_HEAD, backlog=512)
    async with server:
        await server.serve_forever()


async def call(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Response:
    """One request on a connection of its own. Raises OSError or TimeoutError when no whole answer
    comes; ``body`` is bytes."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            given = {"host": f"{HOST}:{port}", "connection": "close", **(headers or {}),
                     "content-length": str(len(body))}  # fmt: skip
            lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            status, length = await _status(reader)
            raw = await (reader.read() if length is None else reader.readexactly(length))
            return Response(status, raw)
        except (asyncio.IncompleteReadError, ValueError, IndexError) as error:
            raise ConnectionResetError("The answer broke off.") from error
        finally:
            writer.close()


async def _status(reader: asyncio.StreamReader) -> tuple[int, int | None]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    found = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
    length = found.get("content-length", "").strip()
    return int(head[0].split(" ")[1]), int(length) if length else None


async def _request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length") or 0))
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except (KeyError, TypeError, ValueError) as error:
        return Response(400, {"error": f"{type(error).__name__}: {error}"})


def _rendered(response: Response) -> bytes:
    raw = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
    word = WORDS.get(response.status, "Answer")
    lines = [
        f"HTTP/1.1 {response.status} {word}",
        "content-type: application/json",
        f"content-length: {len(raw)}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + raw
