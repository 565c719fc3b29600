"""How MySQL is spoken to, by its handshake: a stand-in on loopback that greets as a server does.

Nothing here shows that queries work there: no MySQL runs in these tests.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql  # type: ignore[import-untyped]
import pytest

from connectors.sdk.errors import AccessRefused, ConnectorError, Unavailable
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sql.connector import Sql
from connectors.sql.dialects import DIALECTS, Link

SECRET = "a-password-nobody-sees"
#: Capabilities (protocol documentation, "Capabilities Flags").
LOCAL_FILES, PROTOCOL_41, TLS, SECURE, PLUGIN_AUTH, MULTI_STATEMENTS = (
    0x80, 0x200, 0x800, 0x8000, 0x80000, 0x10000,
)  # fmt: skip
Talk = Callable[[socket.socket], None]


def packet(sequence: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([sequence]) + body


def greeting(capabilities: int) -> bytes:
    low, high = struct.pack("<H", capabilities & 0xFFFF), struct.pack("<H", capabilities >> 16)
    version = b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0"
    state = low + b"\xff\x02\0" + high + b"\x15" + b"\0" * 10
    return packet(0, version + state + b"123456789012\0mysql_native_password\0")


def received(peer: socket.socket) -> bytes:
    """One packet's body."""
    head = peer.recv(4, socket.MSG_WAITALL)
    return peer.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL)


@contextmanager
def server(talk: Talk) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(60)
            talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(60)


def check(port: int, **config: object) -> str:
    given = {"dialect": "mysql", "host": "127.0.0.1", "port": port, "database": "tills",
             "user": "hub", "tls": "off", "deadline": 5, **config}  # fmt: skip
    connector = Sql(config=given, secrets={"password": SECRET}, http=PlainHttp())
    (line,) = connector.check()
    assert not line.ok and SECRET not in line.move
    return line.move


def test_it_signs_in_without_files_and_without_several_statements() -> None:
    heard: list[bytes] = []

    def refuse(peer: socket.socket) -> None:
        peer.sendall(greeting(PROTOCOL_41 | SECURE | PLUGIN_AUTH | LOCAL_FILES | MULTI_STATEMENTS))
        heard.append(received(peer))
        peer.sendall(packet(2, b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"))

    with server(refuse) as port:
        assert "doesn't let us in" in check(port)
    (flags,) = struct.unpack("<I", heard[0][:4])
    assert not flags & (LOCAL_FILES | MULTI_STATEMENTS | TLS)
    assert b"hub\0" in heard[0] and SECRET.encode() not in heard[0]


def test_a_server_without_tls_is_not_told_who_we_are() -> None:
    heard: list[bytes] = []

    def plain(peer: socket.socket) -> None:
        peer.sendall(greeting(PROTOCOL_41 | SECURE | PLUGIN_AUTH))
        heard.append(peer.recv(100))

    with server(plain) as port:
        assert "TLS" in check(port, tls="require")
    assert heard == [b""]


def test_the_password_is_not_given_in_clear_text_because_a_server_asks() -> None:
    heard: list[bytes] = []

    def switch(peer: socket.socket) -> None:
        peer.sendall(greeting(PROTOCOL_41 | SECURE | PLUGIN_AUTH))
        received(peer)
        peer.sendall(packet(2, b"\xfemysql_clear_password\0"))
        heard.append(peer.recv(100))

    with server(switch) as port:
        assert "clear text" in check(port)
    assert heard == [b""]


def test_a_server_that_hangs_up_or_is_not_there_is_tried_again() -> None:
    link = Link("127.0.0.1", 9, "tills", "hub", SECRET, tls="off")
    with pytest.raises(Unavailable):
        DIALECTS["mysql"].open(pymysql, {}, link, PlainHttp())
    with server(lambda peer: None) as port:
        assert "can't be used now" in check(port)


def test_an_address_we_must_not_call_is_never_connected_to() -> None:
    class Closed(PlainHttp):
        def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
            raise AccessRefused("not allowed", code="scope-missing")

    with pytest.raises(ConnectorError, match="not allowed"):
        DIALECTS["mariadb"].open(
            pymysql, {}, Link("127.0.0.1", 9, "t", "u", SECRET, tls="off"), Closed()
        )


def test_sessions_are_limited_and_read_only() -> None:
    reads, writes = (" ; ".join(DIALECTS["mysql"].limits(20, r)) for r in (True, False))
    assert "START TRANSACTION READ ONLY" in reads and "START TRANSACTION READ WRITE" in writes
    for limit in ("max_execution_time = 20000", "max_statement_time = 20", "lock_wait_timeout = 5"):
        assert limit in reads and limit in writes
