"""A server on loopback that does to a client what a bad network does."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Behaviour = Callable[[socket.socket, bytes, int], bool]
"""(connection, the request's bytes, number of the request) → keep the connection open?"""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: a\r\nx-seen: b\r\n\r\nok"


class Listener:
    """``connections``: how many were accepted. ``requests``: the bytes of each request read."""

    def __init__(self, behaviour: Behaviour, family: int = socket.AF_INET) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.requests: list[bytes] = []
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.socket.listen(50)
        self.port = int(self.socket.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while request := _read_request(connection):
                self.requests.append(request)
                if not self.behaviour(connection, request, len(self.requests)):
                    break
        except OSError:
            pass
        finally:
            connection.close()


@contextmanager
def listening(behaviour: Behaviour, family: int = socket.AF_INET) -> Iterator[Listener]:
    listener = Listener(behaviour, family)
    try:
        yield listener
    finally:
        listener.close()


def answer_ok(connection: socket.socket, request: bytes, number: int) -> bool:
    connection.sendall(OK)
    return True


def answering(raw: bytes) -> Behaviour:
    def behave(connection: socket.socket, request: bytes, number: int) -> bool:
        connection.sendall(raw)
        return True

    return behave


def reset(connection: socket.socket) -> None:
    """Close with RST, as a crashed machine's network does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def dripping(connection: socket.socket, request: bytes, number: int) -> bool:
    """A byte now and then, for ever: no single read is ever slow."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b".")
        time.sleep(0.05)
    return False


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
