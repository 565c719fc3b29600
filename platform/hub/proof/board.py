"""The "break it" board: live figures beside buttons that break things, on a port of its own."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hub.proof import board_page
from hub.proof.outside import OutsideError
from hub.proof.stage import Stage
from hub.proof.weather import OUTAGE
from hub.runtime.complaint import Complaint

READ_EVERY = 2.0
REMEMBERED = 30
SOLD_AT_ONCE = 10


class Board:
    """Reads the outside systems every few seconds, in a thread, through the counter.

    ``wish``: (sentence, address) of something only a person can do now.
    """

    def __init__(self, stage: Stage, portals: dict[str, str]) -> None:
        self.stage = stage
        self.portals = portals
        self.latest: dict[str, Any] = {}
        self.trouble = ""
        self.wish: tuple[str, str] | None = None
        self.happened: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
        self._behind_since: float | None = None
        #: Documents that wait for a person, as those of an unknown article: no sign of a fault.
        self._waiting = 0
        self._stop = threading.Event()
        handler = _handler(self)
        self._server = ThreadingHTTPServer(("127.0.0.1", stage.addresses.port("board")), handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return self.stage.addresses.url("board")

    def start(self) -> None:
        for work in (self._server.serve_forever, self._read_on):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    # ---- looking
    def _read_on(self) -> None:
        while not self._stop.wait(READ_EVERY):
            began = time.monotonic()
            self._read()
            # A slow machine is given as much rest as the counting took.
            self._stop.wait(time.monotonic() - began)

    def _read(self) -> None:
        try:
            counted = self.stage.count("--live")
        except Complaint:
            self.trouble = "A system does not answer: what is sold now waits for it."
            self._behind_since = self._behind_since or time.monotonic()
            return
        self.trouble = ""
        self.latest = counted | {"at": clock()}
        if counted["lost"] > self._waiting:
            self._behind_since = self._behind_since or time.monotonic()
            return
        self._waiting = counted["lost"]
        if self._behind_since is not None:
            late = time.monotonic() - self._behind_since
            self._behind_since = None
            self.tell(_caught_up(late, counted))

    def tell(self, what: str) -> None:
        self.happened.appendleft((clock(), what))

    def ask_for(self, what: str, address: str) -> None:
        """Ask whoever looks for something only a person can do; empty: it is done."""
        self.wish = (what, address) if what else None

    def live(self) -> str:
        return board_page.live(
            self.latest, self._addresses(),
            trouble=self.trouble, wish=self.wish, happened=list(self.happened),
        )  # fmt: skip

    def page(self) -> str:
        return board_page.page(self.live(), self._addresses(), self.portals)

    def _addresses(self) -> dict[str, str]:
        stage = self.stage
        return {
            o.title: o.url for o in (stage.shop, stage.tills, stage.erp, stage.shop2, stage.erp2)
        }

    # ---- breaking
    def strike(self, what: str) -> None:
        """Do what a button says, and tell what happened."""
        acts: dict[str, Callable[[], str]] = {
            "sell": self._sell, "worker": self._kill, "redis": self._flush, "erp": self._outage,
        }  # fmt: skip
        if what not in acts:
            return
        if self._behind_since is None:
            self._waiting = self.latest.get("lost", 0)
        try:
            self.tell(acts[what]())
        except (OutsideError, OSError) as error:
            self.tell(f"That did not work, press it again later: {error}")

    def _sell(self) -> str:
        sold = self.stage.sell(SOLD_AT_ONCE)
        return f"{sold} were sold, half in the shop and half at tills. They go to the ERP now."

    def _kill(self) -> str:
        mark = self.stage.kill_worker()
        if not mark["next_pid"]:
            return (
                f"Worker {mark['pid']} was killed with -9 and nobody took its place: see the log."
            )
        return (
            f"Worker {mark['pid']} was killed with -9 in the middle of its work; worker "
            f"{mark['next_pid']} took its place after {mark['seconds']} s. What it held is looked "
            "up in the ERP before it is sent again."
        )

    def _flush(self) -> str:
        self.stage.flush_redis()
        return (
            "Redis was flushed. It held only doorbells; what is owed is in PostgreSQL, and the "
            "sweep rings again."
        )

    def _outage(self) -> str:
        self.stage.erp_down(OUTAGE)
        threading.Thread(target=self._tell_of_its_end, daemon=True).start()
        return (
            f"The ERP refuses everybody for {OUTAGE:.0f} s. Sell something: it waits and then goes."
        )

    def _tell_of_its_end(self) -> None:
        if not self._stop.wait(OUTAGE):
            self.tell("The ERP answers again.")


def _caught_up(late: float, counted: dict[str, Any]) -> str:
    """After how many seconds, and what is still missing because a person has to do something."""
    rest = f"{counted['lost']} wait for a person" if counted["lost"] else "0 lost"
    return f"Caught up after {late:.0f} s: {rest}, {counted['doubled']} doubled."


def clock() -> str:
    """Local time on this machine's clock, for people."""
    return time.strftime("%H:%M:%S")


def _handler(board: Board) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/figures.json":
                self._send(200, json.dumps(board.latest), "application/json")
            else:
                html = board.live() if self.path == "/live" else board.page()
                self._send(200, html, "text/html; charset=utf-8")

        def do_POST(self) -> None:
            origin = self.headers.get("Origin", board.url)
            if origin.split("://")[-1].split(":")[0] not in ("127.0.0.1", "localhost"):
                self._send(403, "Only this page may press its buttons.", "text/plain")
                return
            board.strike(self.path.removeprefix("/break/"))
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, status: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The screen belongs to the story."""

    return Handler
