"""Bad lines: TCP between us and each outside system, with faults that count only when they bite.

    python -m hub.proof.chaos.proxy --control PORT --line NAME=PORT:PORT …

A line listens on its first port and leads to its second. A fault bites one request (or, ``down``,
one connection):

    latency       the request arrives ``delay`` seconds late
    reset_before  the line is reset, nothing has arrived
    status        answered ``code`` (with ``retry_after``) by the line itself, nothing has arrived
    black_hole    swallowed; nothing comes back until the caller gives up
    down          the connection is reset as soon as it stands
    reset_after   it arrives and has its effect; reset instead of the answer
    status_after  it arrives and has its effect; the answer becomes ``code``
    half_close    it arrives; the line ends without a byte
    truncate      it arrives; half of the answer comes, then the end
    drip          it arrives; the answer comes byte by byte, ``delay`` seconds each

    POST /arm {line, kind, count?, seconds?, methods?, delay?, code?, retry_after?} → {id}
    POST /disarm {id}          GET /bites?after=N → {bites: [{n, arm, line, kind, method, at}]}
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from hub.proof.chaos.outside.wire import HOST, WORDS, Request, Response, serve

BEFORE = ("latency", "reset_before", "status", "black_hole")
AFTER = ("reset_after", "status_after", "half_close", "truncate", "drip")
KINDS = (*BEFORE, *AFTER, "down")
METHODS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"HEAD ")
CHUNK = 64 * 1024
#: A swallowed request is let go when nobody waits for it any more.
PATIENCE = 120.0


@dataclass
class Arm:
    """An armed fault. ``until``: on the monotonic clock; ``count``: bites left; None: no limit."""

    id: int
    line: str
    kind: str
    count: int | None = None
    until: float | None = None
    methods: tuple[str, ...] = ()
    delay: float = 1.0
    code: int = 503
    retry_after: int = 0

    def bites(self, line: str, method: str) -> bool:
        if self.line != line or self.count == 0:
            return False
        if self.until is not None and time.monotonic() > self.until:
            return False
        return not self.methods or method in self.methods


@dataclass
class Lines:
    """All lines of one proxy."""

    arms: list[Arm] = field(default_factory=list)
    bites: list[dict[str, Any]] = field(default_factory=list)
    armed: int = 0

    def arm(self, asked: dict[str, Any]) -> int:
        """Raises KeyError for an unknown kind."""
        if asked["kind"] not in KINDS:
            raise KeyError(asked["kind"])
        self.armed += 1
        seconds = asked.pop("seconds", None)
        until = None if seconds is None else time.monotonic() + seconds
        methods = tuple(asked.pop("methods", ()))
        self.arms = [a for a in self.arms if a.count != 0 and not _over(a)]
        self.arms.append(Arm(id=self.armed, until=until, methods=methods, **asked))
        return self.armed

    def take(self, line: str, method: str, *, connecting: bool = False) -> Arm | None:
        """The first fault that wants this request; it is counted as having bitten."""
        for arm in self.arms:
            if (arm.kind == "down") == connecting and arm.bites(line, method):
                if arm.count is not None:
                    arm.count -= 1
                bite = {"arm": arm.id, "line": line, "kind": arm.kind, "method": method}
                self.bites.append(bite | {"n": len(self.bites) + 1, "at": time.time()})
                return arm
        return None


def _over(arm: Arm) -> bool:
    return arm.until is not None and time.monotonic() > arm.until


@dataclass
class Talk:
    """One connection through a line. ``fault``: what the answer under way will suffer."""

    lines: Lines
    line: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    far_reader: asyncio.StreamReader
    far_writer: asyncio.StreamWriter
    fault: Arm | None = None

    async def run(self) -> None:
        pumps = [asyncio.create_task(self._out()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.writer.close()
            self.far_writer.close()

    async def _out(self) -> None:
        while chunk := await self.reader.read(CHUNK):
            if chunk.startswith(METHODS):
                method = chunk.split(b" ", 1)[0].decode()
                arm = self.lines.take(self.line, method)
                if arm is not None and arm.kind in AFTER:
                    self.fault = arm
                elif arm is not None and not await self._spoil(arm):
                    return
            self.far_writer.write(chunk)
            await self.far_writer.drain()

    async def _spoil(self, arm: Arm) -> bool:
        """Before the request has left; True if it may still go."""
        if arm.kind == "latency":
            await asyncio.sleep(arm.delay)
            return True
        if arm.kind == "reset_before":
            reset(self.writer)
        elif arm.kind == "status":
            await self._say(arm)
        else:
            await self._wait_for_end(PATIENCE)
        return False

    async def _back(self) -> None:
        while chunk := await self.far_reader.read(CHUNK):
            arm, self.fault = self.fault, None
            if arm is None:
                self.writer.write(chunk)
                await self.writer.drain()
            elif arm.kind == "drip":
                await self._drip(chunk, arm.delay)
            else:
                await self._break(arm, chunk)
                return

    async def _break(self, arm: Arm, chunk: bytes) -> None:
        if arm.kind == "reset_after":
            reset(self.writer)
        elif arm.kind == "status_after":
            await self._say(arm)
        else:
            if arm.kind == "truncate":
                self.writer.write(chunk[: len(chunk) // 2])
                await self.writer.drain()
            self.writer.write_eof()
            await self._wait_for_end(5.0)

    async def _drip(self, chunk: bytes, delay: float) -> None:
        for byte in chunk:
            self.writer.write(bytes([byte]))
            await self.writer.drain()
            await asyncio.sleep(delay)

    async def _say(self, arm: Arm) -> None:
        hint = f"retry-after: {arm.retry_after}\r\n" if arm.retry_after else ""
        body = b'{"error": "the line says so"}'
        head = (
            f"HTTP/1.1 {arm.code} {WORDS.get(arm.code, 'Answer')}\r\n{hint}"
            "connection: close\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        await self.writer.drain()
        # What is still coming must be taken in, or the kernel would reset the answer away.
        await self._wait_for_end(2.0)

    async def _wait_for_end(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(seconds):
                while await self.reader.read(CHUNK):
                    pass


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def listen(lines: Lines, name: str, near: int, far: int) -> None:
    """One line, until cancelled."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if lines.take(name, "", connecting=True) is not None:
            reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, far)
        except OSError:
            reset(writer)
            return
        with contextlib.suppress(OSError):
            await Talk(lines, name, reader, writer, far_reader, far_writer).run()

    server = await asyncio.start_server(talk, HOST, near, backlog=512)
    async with server:
        await server.serve_forever()


async def answer(lines: Lines, request: Request) -> Response:
    match (request.method, request.path):
        case ("POST", "/arm"):
            return Response(200, {"id": lines.arm(request.json())})
        case ("POST", "/disarm"):
            id_ = request.json()["id"]
            lines.arms = [a for a in lines.arms if a.id != id_]
            return Response(200, {})
        case ("GET", "/bites"):
            return Response(200, {"bites": lines.bites[int(request.query.get("after", "0")) :]})
    return Response(200, {"armed": len(lines.arms), "bites": len(lines.bites)})


async def run(control: int, wanted: list[tuple[str, int, int]]) -> None:
    lines = Lines()

    async def handler(request: Request) -> Response:
        return await answer(lines, request)

    await asyncio.gather(serve(control, handler), *(listen(lines, *one) for one in wanted))


def _line(text: str) -> tuple[str, int, int]:
    name, _, ports = text.partition("=")
    near, _, far = ports.partition(":")
    return name, int(near), int(far)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bad lines.")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--line", type=_line, action="append", default=[])
    asked = parser.parse_args()
    asyncio.run(run(asked.control, asked.line))


if __name__ == "__main__":
    main()
