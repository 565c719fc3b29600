"""Control routes and the window's buttons; never part of Square's own API.

    POST /_sim/receipts   [receipt, …] or {"receipts": […], "fault"?, "seconds"?}
    POST /_sim/sell       {"store"?, "sku"?, "qty"?, "price"?, "fault"?}  one sale
    POST /_sim/refund     {"number"?}             the latest sale, or that one, comes back
    POST /_sim/price      {"sku", "price"}        somebody changes a price at Square
    POST /_sim/item       {"sku", "title", "price"}  somebody adds an article at Square
    POST /_sim/plug       {"seconds": 20}         Square is out of reach; tills sell on
    POST /_sim/tokens     {"do": "expire" | "revoke"}
    POST /_sim/webhook-weather  {"duplicate"?, "lose"?, "shuffle"?, "seed"?}
    POST /_sim/locations  {"names": […]}
    POST /_sim/settings   {"currency"?, "retry"?, "zone"?, …}
    GET  /_sim/counts     what was rung up, what webhooks did, what bit
    GET  /_sim/receipts   ?store= &kind=          the receipts themselves
    GET  /_sim/prices     {sku: {title, tax, price}}
    GET  /_sim/stock      ?store=                 {sku: quantity}

A receipt: {kind, store, till?, at? (local), number?, original?, reason?, customer?,
lines: [{sku, text, qty, price, tax, discount?, origin?}], tenders?: [{kind, amount}]}.
Kinds: sale, return, write_off, void, refused (the last two are no business of Square's).
Faults: offline (reaches Square after ``seconds``), post_twice.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from connectors.sdk.simulation.app import FAULTS
from connectors.sdk.simulation.store import Row
from connectors.sdk.simulation.window import answer, asked, refused
from connectors.square.simulator import till as tills
from connectors.square.simulator import tokens, window
from connectors.square.simulator.api import CATALOG, SELLER, STOCKROOM
from connectors.square.simulator.catalog import Catalog
from connectors.square.simulator.pricing import major, minor
from connectors.square.simulator.replies import SquareError
from connectors.square.simulator.seller import SETTINGS
from connectors.square.simulator.till import Till
from connectors.square.simulator.webhooks import Deliveries

TILL: web.AppKey[Till] = web.AppKey("till", Till)
DELIVERIES: web.AppKey[Deliveries] = web.AppKey("deliveries", Deliveries)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", _window)
    app.router.add_get("/_sim/receipts", _list)
    app.router.add_get("/_sim/counts", _counts)
    app.router.add_get("/_sim/prices", _prices)
    app.router.add_get("/_sim/stock", _stock)
    for name, act in (
        ("receipts", _receipts), ("sell", _sell), ("refund", _refund), ("price", _price),
        ("item", _item), ("plug", _plug), ("tokens", _tokens), ("webhook-weather", _weather),
        ("locations", _locations), ("settings", _settings),
    ):  # fmt: skip
        app.router.add_post(f"/_sim/{name}", act)


# ------------------------------------------------------------------ ringing up


async def _receipts(request: web.Request) -> web.Response:
    told = await asked(request)
    told = {"receipts": told} if isinstance(told, list) else told
    fault = told.get("fault", "")
    if fault and fault not in tills.FAULTS:
        raise web.HTTPBadRequest(text=f"no such fault: {fault}; there are {tills.FAULTS}")
    try:
        seconds = float(told.get("seconds", 3))
        taken = request.app[TILL].take(told["receipts"], fault, seconds)
    except (KeyError, ValueError, InvalidOperation) as error:
        raise web.HTTPBadRequest(text=f"no till rings that up: {error}") from error
    return answer(request, {"receipts": taken}, "Rung up.")


async def _sell(request: web.Request) -> web.Response:
    told, seller = await asked(request), request.app[SELLER]
    known = prices(request.app[CATALOG])
    priced = sorted(sku for sku, article in known.items() if article.get("price"))
    sku = told.get("sku") or (random.choice(priced) if priced else "")  # noqa: S311 - any will do
    article = known.get(sku.strip().upper()) or known.get(sku)
    price = told.get("price") or (article or {}).get("price")
    if not price:
        raise refused(request, f"Nobody knows a price of {sku or 'anything'} here.")
    stores = sorted(row["name"] for row in seller.table("location").values())
    line = {"sku": sku, "text": (article or {}).get("title") or sku, "qty": told.get("qty", 1)}
    line |= {"price": price, "tax": (article or {}).get("tax") or "VAT20"}
    receipt: Row = {"kind": "sale", "store": told.get("store") or stores[0], "lines": [line]}
    try:
        request.app[TILL].take([receipt], told.get("fault", ""))
    except (KeyError, ValueError, InvalidOperation) as error:
        raise refused(request, f"No till rings that up: {error}.") from error
    total = receipt.get("total", "")
    said = f"Sold at {receipt['store']}: receipt {receipt['number']} {total}."
    return answer(request, {"number": receipt["number"], "total": total}, said)


async def _refund(request: web.Request) -> web.Response:
    told, till = await asked(request), request.app[TILL]
    back = {r.get("original") for r in till.receipts.values()}
    fit = [
        r
        for r in till.receipts.values()
        if r["kind"] == "sale"
        and r["number"] not in back
        and told.get("number", r["number"]) == r["number"]
    ]
    if not fit:
        raise refused(request, "There is no such sale, or it came back already.")
    sale = fit[-1]
    lines = [{**line, "origin": n} for n, line in enumerate(sale["lines"], 1)]
    receipt = {"kind": "return", "store": sale["store"], "till": sale["till"], "lines": lines,
               "original": sale["number"]} | (
                   {"tenders": sale["tenders"]} if "tenders" in sale else {})  # fmt: skip
    till.take([receipt])
    said = f"Taken back: {sale['number']}, with receipt {receipt['number']}."
    return answer(request, {"number": receipt["number"], "original": sale["number"]}, said)


# ------------------------------------------------------------------ changing things at Square


async def _price(request: web.Request) -> web.Response:
    told, catalog = await asked(request), request.app[CATALOG]
    variation = catalog.variation(told.get("sku", ""))
    if variation is None:
        raise refused(request, f"Square has no article {told.get('sku', '')!r}.")
    try:
        amount = minor(told.get("price", ""), request.app[SELLER].settings["currency"])
    except InvalidOperation:
        raise refused(request, f"{told.get('price')!r} is no price: type it like 4.95.") from None
    data = {**variation["item_variation_data"], "pricing_type": "FIXED_PRICING"}
    data["price_money"] = request.app[SELLER].money(amount)
    catalog.upsert([{**variation, "item_variation_data": data}])
    return answer(request, {"price": told["price"]}, f"{told['sku']} now costs {told['price']}.")


async def _item(request: web.Request) -> web.Response:
    told, seller = await asked(request), request.app[SELLER]
    try:
        amount = seller.money(minor(told["price"], seller.settings["currency"]))
        data = {"name": "Regular", "sku": told["sku"], "track_inventory": True,
                "pricing_type": "FIXED_PRICING", "price_money": amount}  # fmt: skip
        inside = {"type": "ITEM_VARIATION", "id": "#v", "item_variation_data": data}
        item = {"name": told["title"], "variations": [inside]}
        shown, _ = request.app[CATALOG].upsert([{"type": "ITEM", "id": "#i", "item_data": item}])
    except (KeyError, InvalidOperation, SquareError) as error:
        raise refused(request, f"An article needs sku, title and price: {error!r}.") from error
    return answer(request, {"id": shown[0]["id"]}, f"{told['sku']} is in Square's library.")


async def _locations(request: web.Request) -> web.Response:
    names = (await asked(request))["names"]
    request.app[SELLER].open_stores(names)
    return answer(request, {"locations": len(names)}, "Done.")


async def _settings(request: web.Request) -> web.Response:
    told, seller = await asked(request), request.app[SELLER]
    if set(told) - set(SETTINGS):
        raise web.HTTPBadRequest(text=f"there are only {', '.join(SETTINGS)}")
    seller.set(**told)
    for row in list(seller.table("location").values()):
        place = {"currency": seller.settings["currency"], "timezone": seller.settings["zone"]}
        seller.put("location", row["id"], {**row, **place})
    return answer(request, seller.settings, "Done.")


# ------------------------------------------------------------------ breaking things


async def _plug(request: web.Request) -> web.Response:
    seconds = float((await asked(request)).get("seconds", 20))
    request.app[FAULTS].arm("unplugged", match="/v2/", seconds=seconds)
    request.app[DELIVERIES].unplugged_until = time.monotonic() + seconds
    request.app[SELLER].bitten["plug"] += 1
    said = f"The plug is out for {seconds:g} s: Square can't be reached and tells nothing."
    return answer(request, {"seconds": seconds}, said)


async def _tokens(request: web.Request) -> web.Response:
    told, seller = await asked(request), request.app[SELLER]
    if told.get("do") == "revoke":
        tokens.revoke(seller)
        return answer(request, {"revoked": True}, "The application was disconnected.")
    return answer(request, {"expired": tokens.expire(seller)}, "Every access token has run out.")


async def _weather(request: web.Request) -> web.Response:
    request.app[DELIVERIES].set_weather(await asked(request))
    return answer(request, request.app[DELIVERIES].weather, "Done.")


# ------------------------------------------------------------------ looking


async def _list(request: web.Request) -> web.Response:
    wanted = request.query
    return web.json_response([
        receipt for receipt in request.app[TILL].receipts.values()
        if wanted.get("store", receipt["store"]) == receipt["store"]
        and wanted.get("kind", receipt["kind"]) == receipt["kind"]
    ])  # fmt: skip


async def _counts(request: web.Request) -> web.Response:
    return web.json_response(counts(request.app))


def counts(app: web.Application) -> dict[str, Any]:
    seller, receipts = app[SELLER], app[TILL].receipts.values()
    money: defaultdict[str, Decimal] = defaultdict(Decimal)
    for receipt in receipts:
        money[receipt["kind"]] += Decimal(receipt["total"])
    return {
        "kinds": dict(Counter(r["kind"] for r in receipts)),
        "totals": {kind: f"{total:.2f}" for kind, total in money.items()},
        "stores": dict(sorted(Counter(r["store"] for r in receipts).items())),
        "orders": len(seller.table("order")),
        "waiting": len(seller.table("later")),
        "sent": dict(app[DELIVERIES].counts),
        "queued": len(seller.table("queue")),
        "bitten": dict(seller.bitten),
        "unplugged": time.monotonic() < app[DELIVERIES].unplugged_until,
    }


async def _prices(request: web.Request) -> web.Response:
    return web.json_response(prices(request.app[CATALOG]))


def prices(catalog: Catalog) -> dict[str, Row]:
    """{sku: {title, tax, price}}; an article without a price lacks it."""
    found: dict[str, Row] = {}
    for row in catalog.rows.values():
        if row["type"] != "ITEM_VARIATION" or row["is_deleted"]:
            continue
        data = row["item_variation_data"]
        item = catalog.rows[data["item_id"]]["item_data"]
        taxes = [catalog.rows[id_]["tax_data"]["name"] for id_ in item.get("tax_ids", ())]
        price = data.get("price_money")
        found[data.get("sku", row["id"])] = {
            "title": item["name"], "tax": taxes[-1] if taxes else "",
            "price": major(price["amount"], price["currency"]) if price else None,
        }  # fmt: skip
    return found


async def _stock(request: web.Request) -> web.Response:
    seller, catalog = request.app[SELLER], request.app[CATALOG]
    place = request.query.get("store", "")
    location = seller.location_of(place)["id"] if place else ""
    found: dict[str, str] = {}
    for row in request.app[STOCKROOM].counts.values():
        if row["state"] == "IN_STOCK" and location in ("", row["location_id"]):
            data = catalog.rows[row["catalog_object_id"]]["item_variation_data"]
            found[data.get("sku", "")] = row["quantity"]
    return web.json_response(found)


async def _window(request: web.Request) -> web.Response:
    app = request.app
    html = window.show(app[SELLER], app[TILL], prices(app[CATALOG]), counts(app),
                       app[DELIVERIES].log, request.query)  # fmt: skip
    return web.Response(text=html, content_type="text/html")
