"""A small front door for tests: it takes what a source pushes and answers as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from connectors.sdk.records import WebhookRequest

Answer = Callable[[WebhookRequest], int]


class Receiver:
    """``got``: requests in the order of their arrival. ``answer``: the status for a request."""

    def __init__(self) -> None:
        self.got: list[WebhookRequest] = []
        self.paths: list[str] = []
        self.answer: Answer = lambda request: 200
        self.url = ""

    def wait(self, count: int, seconds: float = 60.0) -> list[WebhookRequest]:
        """The first requests once ``count`` have come. Raises AssertionError when they don't."""
        end = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < end, f"{len(self.got)} of {count} requests came"  # noqa: S101
            time.sleep(0.01)
        return self.got[:count]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free loopback port. A status of 0 drops the connection unanswered."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = WebhookRequest("POST", headers, query, body)
            receiver.got.append(request)
            receiver.paths.append(path)
            status = receiver.answer(request)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
