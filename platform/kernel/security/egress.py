"""The one way out: every call to a system outside leaves through `GuardedClient`.

What it holds: the numeric address is judged when the socket is opened (`addresses.Policy`); only
http and https; no redirect is followed, no proxy of the environment used; the deadline is for the
whole call; an answer has a largest size; connections are kept and reused, per thread.

What it tells on failure is what an exactly-once sender needs: `NotSent` (surely nothing left) or
`MaybeSent` (look up before you send again).

curl by itself repeats a request when a *reused* connection closes without an answer, a POST too.
The far side may have acted before it closed, so a repeat is only let through for methods that are
safe to repeat (RFC 9110, 9.2.1). A kept connection that the peer closed while idle is noticed
before anything is written, and replaced without a word.
"""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycurl
from django.conf import settings

from kernel.security.addresses import Policy
from kernel.telemetry.metrics import EGRESS_REFUSED

MAX_BYTES = 20 * 1024 * 1024
CONNECT_SECONDS = 10.0
KEPT_CONNECTIONS = 16
SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS"})
AGENT = "integration-hub"
METHOD = re.compile(r"[A-Z]{3,10}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\uffff]")


class EgressError(Exception):
    """Base of what can go wrong on the way out."""


class EgressRefused(EgressError):
    """We won't call this address: correct it, or have the operator allow it."""


class NotSent(EgressError):
    """Surely nothing was sent (no name, no connection, no TLS): trying again is safe."""


class MaybeSent(EgressError):
    """The request may have been received and acted upon: look up before sending again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers``: names in lower case, repeated ones joined with ", ". ``body``: decoded bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Call:
    """What one transfer leaves behind while curl calls back."""

    policy: Policy
    host: str
    repeatable: bool
    max_bytes: int
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    starts: int = 0
    refused: str = ""
    too_large: bool = False

    def open_socket(self, purpose: int, address: Any) -> Any:
        """Judge the numeric address; curl uses no socket we don't hand out."""
        numeric, port = str(address.addr[0]), int(address.addr[1])
        if purpose != pycurl.SOCKTYPE_IPCXN or not self.policy.permits(numeric, port, self.host):
            self.refused = f"{numeric} port {port}"
            return pycurl.SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol)

    def before_request(self, *_connection: Any) -> int:
        """Called when a connection stands and the request is about to be written, each time."""
        self.starts += 1
        if self.starts > 1 and not self.repeatable:
            return int(pycurl.PREREQFUNC_ABORT)
        return int(pycurl.PREREQFUNC_OK)

    def header(self, line: bytes) -> None:
        text = line.decode("latin-1").strip()
        if text.startswith("HTTP/"):
            self.headers.clear()
            return
        name, separator, value = text.partition(":")
        if separator:
            key, value = name.strip().lower(), value.strip()
            self.headers[key] = f"{self.headers[key]}, {value}" if key in self.headers else value

    def body(self, chunk: bytes) -> int | None:
        self.size += len(chunk)
        if self.size > self.max_bytes:
            self.too_large = True
            return 0
        self.chunks.append(chunk)
        return None


class GuardedClient:
    """An HTTP client with one policy; safe to share between threads."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._local = threading.local()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """One call, whatever its status. ``deadline``: seconds for all of it.

        Raises EgressRefused, NotSent, MaybeSent.
        """
        host = _checked(method, url, headers or {})
        call = _Call(self._policy, host, method in SAFE_TO_REPEAT, max_bytes)
        curl = self._prepared(call, method, url, headers or {}, body, deadline)
        origin = "{}://{}".format(*urlsplit(url))
        if _was_closed(self._local.kept.pop(origin, -1)):
            curl.setopt(pycurl.FRESH_CONNECT, 1)
        try:
            curl.perform()
        except pycurl.error as error:
            raise _problem(call, host, error) from None
        self._local.kept[origin] = curl.getinfo(pycurl.ACTIVESOCKET)
        return Answer(curl.getinfo(pycurl.RESPONSE_CODE), call.headers, b"".join(call.chunks))

    def address(self, host: str, port: int) -> str:
        """The first numeric address of ``host``, every one of them judged: a name that leads
        both to a permitted and to a forbidden place is refused.

        Raises EgressRefused, NotSent.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError, OverflowError) as error:  # ValueError: a NUL, no IDNA
            raise NotSent(f"{host} leads nowhere ({error}); nothing was sent.") from error
        numeric = [str(sockaddr[0]) for *_, sockaddr in found]
        for one in numeric:
            if not self._policy.permits(one, port, host):
                raise _refusal(_not_public(host, f"{one} port {port}"))
        return numeric[0]

    def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
        """A TCP connection to a judged address, for protocols other than HTTP.

        Raises EgressRefused, NotSent.
        """
        numeric = self.address(host, port)
        try:
            return socket.create_connection((numeric, port), timeout=deadline)
        except OSError as error:
            raise NotSent(f"{host} could not be reached ({error}); nothing was sent.") from error

    def _prepared(
        self,
        call: _Call,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
    ) -> Any:
        """This thread's handle, set up for the call; its connections and name cache stay."""
        curl = getattr(self._local, "curl", None)
        if curl is None:
            curl = self._local.curl = pycurl.Curl()
            self._local.kept = {}
        curl.reset()
        _harden(curl)
        milliseconds = max(int(deadline * 1000), 1)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.TIMEOUT_MS, milliseconds)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, min(milliseconds, int(CONNECT_SECONDS * 1000)))
        _put_method(curl, method, body)
        curl.setopt(pycurl.HTTPHEADER, _header_lines(headers))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, call.open_socket)
        curl.setopt(pycurl.PREREQFUNCTION, call.before_request)
        curl.setopt(pycurl.HEADERFUNCTION, call.header)
        curl.setopt(pycurl.WRITEFUNCTION, call.body)
        return curl


@cache
def client() -> GuardedClient:
    """The installation's client, under the operator's CROSSDOCK_EGRESS_ALLOW."""
    return GuardedClient(Policy.of(settings.EGRESS_ALLOW))


@cache
def authorities() -> str:
    """File of the certificate authorities to trust; empty if this machine has none.

    SSL_CERT_FILE, else where Python's OpenSSL looks, else where distributions keep it.
    """
    places = (
        os.environ.get("SSL_CERT_FILE"),
        ssl.get_default_verify_paths().cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    )
    return next((place for place in places if place and Path(place).is_file()), "")


def _was_closed(descriptor: int) -> bool:
    """Whether an idle connection has something to read: that is its end, or bytes nobody asked for.

    curl looks at most once a second, too late for a shop that closes after each answer. A wrong
    guess (the number is another socket's by now) costs one new connection.
    """
    if descriptor < 0:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


def _harden(curl: Any) -> None:
    web = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    curl.setopt(pycurl.PROTOCOLS, web)
    curl.setopt(pycurl.REDIR_PROTOCOLS, web)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.HTTP09_ALLOWED, 0)
    curl.setopt(pycurl.ACCEPT_ENCODING, "gzip, deflate")
    curl.setopt(pycurl.MAXCONNECTS, KEPT_CONNECTIONS)
    curl.setopt(pycurl.TCP_NODELAY, 1)
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.SSL_VERIFYPEER, 1)
    curl.setopt(pycurl.SSL_VERIFYHOST, 2)
    if authorities():
        curl.setopt(pycurl.CAINFO, authorities())


def _put_method(curl: Any, method: str, body: bytes | None) -> None:
    if method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
        return
    if body is not None or method in {"POST", "PUT", "PATCH"}:
        curl.setopt(pycurl.POSTFIELDS, body or b"")
    curl.setopt(pycurl.CUSTOMREQUEST, method)


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """``Expect`` is emptied: waiting for a 100 before a body costs a second at many shops."""
    names = {name.lower() for name in headers}
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
    if "user-agent" not in names:
        lines.append(f"User-Agent: {AGENT}")
    if "content-type" not in names:
        lines.append("Content-Type:")
    return [*lines, "Expect:"]


def _checked(method: str, url: str, headers: Mapping[str, str]) -> str:
    """The URL's host. Raises EgressRefused for what must not reach curl at all."""
    try:
        parts = urlsplit(url)
        host, known = parts.hostname, parts.username is None and parts.password is None
    except ValueError:
        host, known, parts = None, False, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise _refusal("The address must begin with https:// or http:// and name a host.")
    if UNPRINTABLE.search(url) or "\\" in url:
        raise _refusal("The address holds a character that must be percent-encoded.")
    if not known:
        raise _refusal("The address holds a user name: enter credentials in their own fields.")
    if not METHOD.fullmatch(method):
        raise _refusal("The request's method is not one of HTTP's.")
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or re.search(r"[\r\n\x00]", value):
            raise _refusal(f"The header {name[:40]!r} holds a line break or another bad character.")
    return host.lower()


def _refusal(why: str) -> EgressRefused:
    EGRESS_REFUSED.inc()
    return EgressRefused(why)


def _not_public(host: str, place: str) -> str:
    return (
        f"{host} leads to {place}, which is not on the public internet: correct the "
        "address, or have the operator allow it (CROSSDOCK_EGRESS_ALLOW)."
    )


def _problem(call: _Call, host: str, error: pycurl.error) -> EgressError:
    """Which of the three it was. ``starts`` counts requests begun: none begun, none sent."""
    code, text = error.args[0], str(error.args[1])
    if call.starts == 0:
        if call.refused and code == pycurl.E_COULDNT_CONNECT:
            return _refusal(_not_public(host, call.refused))
        return NotSent(f"{host} could not be reached ({text}); nothing was sent.")
    if call.too_large:
        return MaybeSent(f"{host} answered with more than {call.max_bytes} bytes.")
    if call.starts > 1 and not call.repeatable:
        return MaybeSent(f"{host} closed the connection without an answer.")
    return MaybeSent(f"{host} gave no whole answer ({text}).")
