"""The "break it" board: live figures beside buttons that break things, on a port of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hub.proof.stage import Stage
from hub.runtime.complaint import Complaint

READ_EVERY = 5.0
STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5d6b7a;--line:#d9e0e7;--paper:#f6f8fa;
--card:#fff;--good:#0b6e4f;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6ecf2;--soft:#9aa8b6;--line:#2c3743;--paper:#11161c;
--card:#19212a;--good:#4cc79b;--bad:#ff8a80}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:56rem;margin:auto;padding:1rem}h1{font-size:1.4rem}h2{font-size:1.05rem}
.card{display:block;background:var(--card);border:1px solid var(--line);border-radius:.6rem;
padding:.8rem 1rem;margin:.5rem 0;color:inherit;text-decoration:none}
.card:hover{border-color:var(--good)}
.card b{font-size:1.25rem;font-variant-numeric:tabular-nums}
.good{color:var(--good)}.bad{color:var(--bad)}
button{font:inherit;padding:.5rem 1rem;margin:0 .5rem .5rem 0;border-radius:.5rem;cursor:pointer;
border:1px solid var(--line);background:var(--card);color:inherit}form{display:inline}
small{color:var(--soft)}
"""


class Board:
    """Reads the outside systems every few seconds, in a thread, through the counter."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.latest: dict[str, Any] = {}
        self.said = ""
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

    def _read_on(self) -> None:
        while not self._stop.wait(READ_EVERY):
            began = time.monotonic()
            try:
                self.latest = self.stage.count("--live") | {"at": time.strftime("%H:%M:%S")}
            except Complaint as complaint:
                self.said = str(complaint)
            # A slow machine is given as much rest as the counting took.
            self._stop.wait(time.monotonic() - began)

    def strike(self, what: str) -> str:
        """Break something; says what happened."""
        acts: dict[str, Callable[[], dict[str, Any]]] = {
            "worker": self.stage.kill_worker,
            "redis": self.stage.flush_redis,
            "erp": self.stage.erp_down,
        }
        if what not in acts:
            return "There is nothing of that name to break."
        return f"{what}: {json.dumps(acts[what]())}"


def figures(report: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(list it opens, sentence, good) for each kind of document. Pure."""
    erp = report.get("counts", {}).get("erp", {})
    words = {
        "orders": ("erp?view=orders", "orders of the shop are in the ERP"),
        "invoices": ("erp?view=invoices", "orders are invoiced"),
        "refunds": ("erp?view=invoices", "refunds are credited in the ERP"),
        "sales": ("erp?view=pos", "sales of the tills are in the ERP"),
        "returns": ("erp?view=pos", "returns at the tills are in the ERP"),
    }
    return [
        (link, f"{erp[kind]['right']} of {erp[kind]['expected']} {text}",
         erp[kind]["right"] == erp[kind]["expected"])
        for kind, (link, text) in words.items()
        if kind in erp
    ]  # fmt: skip


def page(board: Board) -> str:
    report, stage = board.latest, board.stage
    cards = "".join(
        f"<a class=card href='{stage.erp.url}/{link.removeprefix('erp')}'>"
        f"<b class={'good' if good else 'bad'}>{escape(sentence)}</b></a>"
        for link, sentence, good in figures(report)
    )
    lost, doubled = report.get("lost", 0), report.get("doubled", 0)
    worst = report.get("cents_off", 0)
    verdict = f"{lost} not there yet, {doubled} doubled, {worst} off by a cent or more"
    buttons = "".join(
        f"<form method=post action='/break/{what}'><button>{label}</button></form>"
        for what, label in (
            ("worker", "Kill a worker (-9)"),
            ("redis", "Flush Redis"),
            ("erp", "Take the ERP down for 20 s"),
        )
    )
    links = "".join(
        f"<a class=card href='{outside.url}/'>{escape(outside.title)} "
        f"<small>{outside.url}</small></a>"
        for outside in (stage.shop, stage.tills, stage.erp, stage.shop2, stage.erp2)
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>Break it</title><style>{STYLE}</style><main><h1>Break it</h1>"
        f"<p>{escape(verdict)} <small>counted at {report.get('at', 'not yet')} in the outside"
        f" systems themselves</small></p>{cards or '<p>The first count is under way.</p>'}"
        f"<h2>Break something</h2><p>{buttons}</p><p><small>{escape(board.said)}</small></p>"
        f"<h2>The outside systems</h2>{links}</main></html>"
    )


def _handler(board: Board) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/figures.json":
                self._send(200, json.dumps(board.latest).encode(), "application/json")
            else:
                self._send(200, page(board).encode(), "text/html; charset=utf-8")

        def do_POST(self) -> None:
            origin = self.headers.get("Origin", board.url)
            if origin.split("://")[-1].split(":")[0] not in ("127.0.0.1", "localhost"):
                self._send(403, b"only from this page", "text/plain")
                return
            board.said = board.strike(self.path.removeprefix("/break/"))
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The screen belongs to the story."""

    return Handler
