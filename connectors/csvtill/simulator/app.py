"""The tills' control routes and window.

    POST /_sim/receipts   [receipt, …] or {"receipts": […], "fault"?, "seconds"?}
    POST /_sim/sell       {"store"?, "sku"?, "qty"?, "price"?}  one sale, of an article on the shelf
    POST /_sim/refund     {"number"?}                      the latest sale, or that one, comes back
    POST /_sim/plug       {"seconds": 20}                  writes nothing, keeps all, writes later
    GET  /_sim/counts     what was rung up
    GET  /_sim/receipts   ?store= &kind=                   the receipts themselves
    GET  /_sim/prices     ?store=S01                       {code: {title, tax, price}}

A receipt: {kind, store, till, at (local), number?, operator?, original?, reason?,
lines: [{sku, text, qty, price, tax, origin?}], tenders: [{kind, amount}]}.
Faults: half_written (finished after ``seconds``), drop_twice, bad_line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from connectors.csvtill.simulator.page import page
from connectors.csvtill.simulator.tills import FAULTS, Tills
from connectors.sdk.simulation.app import frame
from connectors.sdk.simulation.store import Store

TILLS: web.AppKey[Tills] = web.AppKey("tills", Tills)
ZONE = ZoneInfo("Europe/London")
TICK = 0.25
FORM = "application/x-www-form-urlencoded"


def build(store: Store, args: argparse.Namespace) -> web.Application:
    """``args.folder``: where the stores' folders are made."""
    app = frame(store)
    tills = Tills(store, args.folder.resolve())
    app[TILLS] = tills
    app.cleanup_ctx.append(_time)
    app.router.add_get("/", _window)
    app.router.add_post("/_sim/receipts", _receipts)
    app.router.add_get("/_sim/receipts", _list)
    app.router.add_post("/_sim/sell", _sell)
    app.router.add_post("/_sim/refund", _refund)
    app.router.add_post("/_sim/plug", _plug)
    app.router.add_get("/_sim/counts", _counts)
    app.router.add_get("/_sim/prices", _prices)
    return app


async def _time(app: web.Application) -> AsyncIterator[None]:
    async def pass_by() -> None:
        while True:
            app[TILLS].tick()
            app[TILLS].store.save()
            await asyncio.sleep(TICK)

    task = asyncio.create_task(pass_by())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _asked(request: web.Request) -> Any:
    """JSON of a script, or a form of the window."""
    if request.content_type == FORM:
        return {key: value for key, value in (await request.post()).items() if value != ""}
    return await request.json() if request.can_read_body else {}


def _answer(request: web.Request, body: Any, said: str = "Done.") -> web.Response:
    if request.content_type == FORM:
        raise _back(request, said)
    return web.json_response(body, status=201)


def _refused(request: web.Request, why: str) -> web.HTTPException:
    """To raise: the window says why, a script gets a 409."""
    return _back(request, why) if request.content_type == FORM else web.HTTPConflict(text=why)


def _back(request: web.Request, said: str) -> web.HTTPSeeOther:
    store = request.query.get("store", "")
    return web.HTTPSeeOther("/?" + urlencode({"store": store, "said": said}))


async def _receipts(request: web.Request) -> web.Response:
    asked = await _asked(request)
    asked = {"receipts": asked} if isinstance(asked, list) else asked
    fault = asked.get("fault", "")
    if fault and fault not in FAULTS:
        raise web.HTTPBadRequest(text=f"no such fault: {fault}; there are {', '.join(FAULTS)}")
    try:
        seconds = float(asked.get("seconds", 3))
        files = request.app[TILLS].take(asked["receipts"], fault, seconds)
    except (KeyError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"no till prints that: {error}") from error
    return _answer(request, {"files": files})


def _now() -> str:
    return datetime.now(ZONE).strftime("%Y-%m-%dT%H:%M:%S")


async def _sell(request: web.Request) -> web.Response:
    asked, tills = await _asked(request), request.app[TILLS]
    store = asked.get("store", "S01")
    shelf = tills.shelves[store].articles if store in tills.shelves else {}
    priced = sorted(sku for sku, known in shelf.items() if known.get("price"))
    sku = asked.get("sku") or (random.choice(priced) if priced else "")  # noqa: S311 - any will do
    known = shelf.get(sku)
    if not known or not known.get("price"):
        raise _refused(request, f"The tills of {store} know no price of {sku or 'anything'}.")
    try:
        Decimal(asked.get("price") or "0")
    except InvalidOperation as error:
        raise _refused(request, f"{asked['price']} is no price: type it like 4.95.") from error
    line = {"sku": sku, "text": known.get("title", ""), "qty": int(asked.get("qty", 1))}
    line |= {"price": asked.get("price") or known["price"], "tax": known.get("tax") or "VAT20"}
    receipt = {"kind": "sale", "store": store, "till": 1, "at": _now(), "lines": [line]}
    fault = asked.get("fault", "")
    tills.take([receipt], fault if fault in FAULTS else "")
    said = f"Sold at {store}: receipt {receipt['number']} over {receipt['total']}."
    return _answer(request, {"number": receipt["number"], "total": receipt["total"]}, said)


async def _refund(request: web.Request) -> web.Response:
    asked, tills = await _asked(request), request.app[TILLS]
    sales = [r for r in tills.receipts.values() if r["kind"] == "sale"]
    back = {r.get("original") for r in tills.receipts.values()}
    wanted = [r for r in sales if asked.get("number", r["number"]) == r["number"]]
    wanted = [r for r in wanted if r["number"] not in back]
    if not wanted:
        raise _refused(request, "There is no such sale, or it came back already.")
    sale = wanted[-1]
    lines = [{**line, "origin": n} for n, line in enumerate(sale["lines"], 1)]
    receipt = {
        "kind": "return", "store": sale["store"], "till": sale["till"], "at": _now(),
        "original": sale["number"], "lines": lines, "tenders": sale["tenders"],
    }  # fmt: skip
    tills.take([receipt])
    said = f"Taken back: {sale['number']}, with receipt {receipt['number']}."
    return _answer(request, {"number": receipt["number"], "original": sale["number"]}, said)


async def _plug(request: web.Request) -> web.Response:
    seconds = float((await _asked(request)).get("seconds", 20))
    request.app[TILLS].pull_the_plug(seconds)
    said = f"The plug is out for {seconds:g} s: tills sell on and write their journals later."
    return _answer(request, {"seconds": seconds}, said)


async def _counts(request: web.Request) -> web.Response:
    return web.json_response(request.app[TILLS].counts())


async def _list(request: web.Request) -> web.Response:
    asked = request.query
    return web.json_response(
        [
            receipt
            for receipt in request.app[TILLS].receipts.values()
            if asked.get("store", receipt["store"]) == receipt["store"]
            and asked.get("kind", receipt["kind"]) == receipt["kind"]
        ]
    )


async def _prices(request: web.Request) -> web.Response:
    shelf = request.app[TILLS].shelves.get(request.query.get("store", "S01"))
    if shelf is None:
        raise web.HTTPNotFound(text="no such store")
    return web.json_response(shelf.articles)


async def _window(request: web.Request) -> web.Response:
    return web.Response(text=page(request.app[TILLS], request.query), content_type="text/html")
