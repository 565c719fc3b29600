"""Tills that write POSLog files into a folder.

POST /_sim/sell   {"dialect", "items": [{"sku", "text", "qty", "price"}], "store"?, "tender"?}
                  → {"number", "file"}; a quantity below zero is a return
GET  /_sim/sold   every receipt written
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from aiohttp import web

from connectors.poslog.simulator.dialects import DIALECTS, Item, Written, file_of
from connectors.sdk.simulation.app import STORE, frame
from connectors.sdk.simulation.store import Store

FOLDER: web.AppKey[Path] = web.AppKey("folder", Path)


def build(store: Store, args: argparse.Namespace) -> web.Application:
    app = frame(store)
    app[FOLDER] = Path(args.folder)
    app.router.add_get("/", _window)
    app.router.add_post("/_sim/sell", _sell)
    app.router.add_get("/_sim/sold", _sold)
    return app


async def _sell(request: web.Request) -> web.Response:
    asked, store = await request.json(), request.app[STORE]
    dialect = asked.get("dialect", DIALECTS[0])
    if dialect not in DIALECTS:
        raise web.HTTPBadRequest(text=f"no such dialect: {dialect}")
    now = datetime.now(UTC)
    written = Written(
        sequence=store.next_id("receipt"),
        items=[
            Item(one["sku"], one.get("text", one["sku"]), str(one["qty"]), str(one["price"]))
            for one in asked["items"]
        ],
        store=asked.get("store", "S01"),
        tender=asked.get("tender", "Cash"),
        day=f"{now:%Y-%m-%d}",
        time=f"{now:%H:%M:%S}",
    )
    name = f"POSLog-{written.store}-{written.workstation}-{written.sequence:06d}.xml"
    folder = request.app[FOLDER]
    half = folder / f".{name}.part"
    half.write_bytes(file_of(dialect, [written]))
    half.replace(folder / name)
    number = f"{written.store}-{written.workstation}-{written.day}-{written.sequence}"
    store.put("sold", number, {"file": name, "dialect": dialect, "items": asked["items"]})
    return web.json_response({"number": number, "file": name}, status=201)


async def _sold(request: web.Request) -> web.Response:
    return web.json_response(request.app[STORE].table("sold"))


async def _window(request: web.Request) -> web.Response:
    rows = "".join(
        f"<tr><td>{escape(str(number))}</td><td>{row['dialect']}</td><td>{row['file']}</td></tr>"
        for number, row in request.app[STORE].table("sold").items()
    )
    page = f"<!doctype html><title>Tills</title><h1>Tills that write POSLog</h1><table>{rows}"
    return web.Response(text=page + "</table>", content_type="text/html")
