"""The one way out: where it won't go, and what it says when a call goes wrong."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from ipaddress import ip_address

import pytest

from kernel.security.addresses import BadAllowance, Policy, is_public
from kernel.security.egress import EgressRefused, GuardedClient, MaybeSent, NotSent
from tests.kernel.listener import answer_ok, answering, dripping, listening, reset

LOOPBACK = Policy.of(["127.0.0.0/8"])

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "127.00.00.01",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0x0.1",
    "0",
    "0.0.0.0",
    "00.00.00.00",
    "0.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fec0::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "127.0.0.1.",
    "127%2e0%2e0%2e1",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com:80@127.0.0.1",
    "127.0.0.1%00.example.com",
    "127.0.0.1\\@example.com",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_loopback_is_called(host) -> None:
    with listening(answer_ok) as target:
        client = GuardedClient(Policy())
        with pytest.raises((EgressRefused, NotSent)):
            client.request("GET", f"http://{host}:{target.port}/", deadline=3)
        assert target.connections == 0


def test_the_listener_of_these_tests_can_be_hit() -> None:
    with listening(answer_ok) as target:
        assert GuardedClient(LOOPBACK).request("GET", target.url).status == 200
        assert target.connections == 1


def test_a_refused_address_says_who_can_do_what() -> None:
    with listening(answer_ok) as target, pytest.raises(EgressRefused, match="operator allow it"):
        GuardedClient(Policy()).request("GET", target.url)


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "dict", "unix", "javascript", ""])
def test_only_http_and_https_leave(scheme) -> None:
    with listening(answer_ok) as target:
        with pytest.raises(EgressRefused):
            GuardedClient(LOOPBACK).request("GET", f"{scheme}://127.0.0.1:{target.port}/")
        assert target.connections == 0


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with listening(answer_ok) as inside:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n"
        with listening(answering(moved.encode())) as outside:
            policy = Policy.of([f"127.0.0.1:{outside.port}"])
            answer = GuardedClient(policy).request("GET", outside.url)
            assert (answer.status, answer.headers["location"]) == (302, inside.url)
        assert inside.connections == 0


def test_a_proxy_of_the_environment_is_ignored(monkeypatch) -> None:
    with listening(answer_ok) as proxy, listening(answer_ok) as target:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        GuardedClient(LOOPBACK).request("GET", target.url)
        assert (proxy.connections, target.connections) == (0, 1)


@pytest.mark.parametrize(
    ("entry", "spelled", "allowed"),
    [
        ("127.0.0.1:{port}", "127.0.0.1", True),
        ("127.0.0.1:1", "127.0.0.1", False),
        ("localhost:{port}", "localhost", True),
        ("localhost:{port}", "127.0.0.1", False),
        ("127.0.0.0/8", "localhost", True),
        ("10.0.0.0/8", "127.0.0.1", False),
    ],
)
def test_the_operator_allows_exactly_what_is_named(entry, spelled, allowed) -> None:
    with listening(answer_ok) as target:
        client = GuardedClient(Policy.of([entry.format(port=target.port)]))
        url = f"http://{spelled}:{target.port}/"
        if allowed:
            assert client.request("GET", url).status == 200
        else:
            with pytest.raises(EgressRefused):
                client.request("GET", url)
        assert target.connections == int(allowed)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "erp.internal", "host:port", ":80", "a:99999"])
def test_an_allowance_that_cannot_be_read_is_refused(entry) -> None:
    with pytest.raises(BadAllowance):
        Policy.of([entry])


@pytest.mark.parametrize(
    ("numeric", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("100.64.0.1", False),
        ("100.128.0.1", True),
        ("169.254.169.254", False),
        ("172.31.255.255", False),
        ("172.32.0.1", True),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::808:808", False),
        ("2002:808:808::1", False),
        ("2001:0:1::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("3fff::1", False),
    ],
)
def test_what_is_public(numeric, public) -> None:
    assert is_public(ip_address(numeric)) is public


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "b\r\nHost: evil"}, {"X-A\r\nB": "c"}, {"X-A": "b\nc"}, {"X A": "b"}, {"X-A": "\x00"}],
)
def test_a_header_cannot_smuggle_another(headers) -> None:
    with listening(answer_ok) as target:
        with pytest.raises(EgressRefused):
            GuardedClient(LOOPBACK).request("GET", target.url, headers=headers)
        assert target.connections == 0


def test_the_request_arrives_as_written_and_the_answer_comes_back_whole() -> None:
    body = gzip.compress(b'{"paid": true}')
    head = f"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n"
    raw = (
        b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" + head.encode() + b"X-A: 1\r\nx-a: 2\r\n\r\n"
    )
    with listening(answering(raw + body)) as target:
        answer = GuardedClient(LOOPBACK).request(
            "PUT", target.url, headers={"X-Key": "k1", "Content-Type": "a/b"}, body=b"\x00\xff"
        )
        assert (answer.status, answer.body) == (201, b'{"paid": true}')
        assert answer.headers["x-a"] == "1, 2"
        assert "x-early" not in answer.headers
        head_sent, _, sent = target.requests[0].partition(b"\r\n\r\n")
        assert head_sent.startswith(b"PUT / HTTP/1.1")
        assert b"X-Key: k1" in head_sent
        assert b"Expect" not in head_sent
        assert sent == b"\x00\xff"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_every_method_goes_out_under_its_name(method) -> None:
    with listening(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as target:
        assert GuardedClient(LOOPBACK).request(method, target.url).status == 204
        assert target.requests[0].startswith(method.encode() + b" / ")


def test_connections_are_kept_per_thread() -> None:
    with listening(answer_ok) as target:
        client = GuardedClient(LOOPBACK)
        for _ in range(5):
            client.request("POST", target.url, body=b"x")
        assert target.connections == 1
        other = threading.Thread(target=client.request, args=("GET", target.url))
        other.start()
        other.join()
        assert target.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_does_not_surface() -> None:
    def once(connection: socket.socket, request: bytes, number: int) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return False

    with listening(once) as target:
        client = GuardedClient(LOOPBACK)
        for _ in range(3):
            assert client.request("POST", target.url, body=b"x").status == 200
            time.sleep(0.05)
        assert len(target.requests) == 3


def drop_the_second(connection: socket.socket, request: bytes, number: int) -> bool:
    """Answer the first request; take the second, and close without a word."""
    if number == 2:
        return False
    return answer_ok(connection, request, number)


def test_a_write_on_a_kept_connection_is_never_repeated_behind_our_back() -> None:
    with listening(drop_the_second) as target:
        client = GuardedClient(LOOPBACK)
        client.request("POST", target.url, body=b"first")
        with pytest.raises(MaybeSent):
            client.request("POST", target.url, body=b"create the order")
        assert [r.rpartition(b"\r\n\r\n")[2] for r in target.requests] == [
            b"first",
            b"create the order",
        ]


def test_a_read_on_a_kept_connection_is_repeated_quietly() -> None:
    with listening(drop_the_second) as target:
        client = GuardedClient(LOOPBACK)
        assert client.request("GET", target.url).status == 200
        assert client.request("GET", target.url).status == 200
        assert len(target.requests) == 3


def test_nobody_listening_is_not_sent() -> None:
    with listening(answer_ok) as target:
        url = target.url
    with pytest.raises(NotSent, match="nothing was sent"):
        GuardedClient(LOOPBACK).request("POST", url, body=b"x", deadline=3)


def test_a_name_that_does_not_exist_is_not_sent() -> None:
    with pytest.raises(NotSent):
        GuardedClient(LOOPBACK).request("POST", "http://nowhere.invalid/", body=b"x", deadline=5)


def test_no_tls_on_the_other_side_is_not_sent() -> None:
    with listening(answer_ok) as target, pytest.raises(NotSent):
        url = f"https://127.0.0.1:{target.port}/"
        GuardedClient(LOOPBACK).request("POST", url, body=b"x", deadline=3)


def test_silence_while_connecting_with_tls_is_not_sent() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(NotSent):
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        GuardedClient(LOOPBACK).request("POST", url, body=b"x", deadline=0.3)


def reset_at_once(connection: socket.socket, request: bytes, number: int) -> bool:
    reset(connection)
    return False


def close_at_once(connection: socket.socket, request: bytes, number: int) -> bool:
    return False


def say_nothing(connection: socket.socket, request: bytes, number: int) -> bool:
    time.sleep(2)
    return False


def cut_short(connection: socket.socket, request: bytes, number: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this")
    return False


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("behaviour", [reset_at_once, close_at_once, say_nothing, cut_short])
def test_without_a_whole_answer_it_may_have_been_sent(behaviour, method) -> None:
    with listening(behaviour) as target:
        with pytest.raises(MaybeSent):
            GuardedClient(LOOPBACK).request(method, target.url, body=b"order", deadline=0.5)
        assert len(target.requests) == 1


def test_the_deadline_is_for_the_whole_call() -> None:
    with listening(dripping) as target:
        begun = time.monotonic()
        with pytest.raises(MaybeSent):
            GuardedClient(LOOPBACK).request("GET", target.url, deadline=0.4)
        assert 0.3 < time.monotonic() - begun < 1.5


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_answer_is_cut_at_the_largest_size(packed) -> None:
    body = gzip.compress(bytes(5_000_000)) if packed else bytes(5_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Encoding: gzip\r\n\r\n" if packed else "\r\n"
    with listening(answering(head.encode() + body)) as target:
        client = GuardedClient(LOOPBACK)
        with pytest.raises(MaybeSent, match="more than 1000000 bytes"):
            client.request("GET", target.url, max_bytes=1_000_000)
        assert len(client.request("GET", target.url, max_bytes=5_000_000).body) == 5_000_000
