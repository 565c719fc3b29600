"""A shop and back office made in-house, with an ordinary JSON API. Invented; it resembles many.

Behind every door of `gate`:

    GET  /orders/{style}?updated_since=&limit=…   style: none page offset cursor next link keyset
    GET  /orders/one/{id}
    POST /documents           Idempotency-Key is honoured; `reference` is kept
    GET  /documents?reference=    GET /documents/by-reference/{ref}
    GET, PUT, DELETE /documents/{id}
    POST /documents/batch     {"documents": […]} → {"results": […]}
    POST /later/documents     202 and a Location: /jobs/{id}
    PUT  /stock/{sku}         204
    GET  /me                  who one is

Control:

    POST /_sim/order      {"id"?, "number"?, "lines"?, "status"?, …}  places or changes an order
    POST /_sim/hook       {"address", "secret", "style", "thin"?}     pushes changes there
    POST /_sim/quirks     {"cap": 2, …}                               see `lists` and `documents`
    POST /_sim/post/{id}  a document is posted and can't be changed any more
    GET  /_sim/counts     GET /_sim/documents    GET /_sim/stock
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.rest.simulator import documents, gate, lists
from connectors.rest.simulator.hooks import STYLES, Hooks
from connectors.rest.simulator.window import FAULTS, window
from connectors.sdk.simulation.app import FAULTS as TROUBLES
from connectors.sdk.simulation.app import STORE, frame
from connectors.sdk.simulation.store import Store
from connectors.sdk.simulation.window import answer, asked, refused

Row = dict[str, Any]
HOOKS: web.AppKey[Hooks] = web.AppKey("hooks", Hooks)
Act = Callable[[web.Request, Store], Awaitable[web.StreamResponse]]


def build(store: Store, args: argparse.Namespace) -> web.Application:
    app = frame(store)
    app[HOOKS] = Hooks(store)
    app.on_cleanup.append(_stop_pushing)
    for method, path, act in (
        ("GET", "/me", _me), ("POST", "/token", gate.token),
        ("GET", "/orders/{style:none|page|offset|cursor|next|link|keyset}", _orders),
        ("GET", "/orders/one/{id}", _order), ("POST", "/documents", _create),
        ("GET", "/documents", _search), ("GET", "/documents/by-reference/{ref}", _by_reference),
        ("POST", "/documents/batch", _batch), ("POST", "/later/documents", _later),
        ("GET", "/jobs/{id}", _job), ("GET", "/documents/{id}", _document),
        ("PUT", "/documents/{id}", _change), ("DELETE", "/documents/{id}", _drop),
        ("PUT", "/stock/{sku}", _stock),
    ):  # fmt: skip
        doors = "|".join(gate.DOORS)
        app.router.add_route(method, f"/{{door:{doors}}}{path}", _behind_the_door(act))
    app.router.add_get("/", _window)
    app.router.add_post("/_sim/order", _place)
    app.router.add_post("/_sim/suffer", _suffer)
    app.router.add_post("/_sim/hook", _hook)
    app.router.add_post("/_sim/quirks", _set_quirks)
    app.router.add_post("/_sim/post/{id}", _post)
    app.router.add_get("/_sim/counts", _counts)
    app.router.add_get("/_sim/documents", _shown("documents"))
    app.router.add_get("/_sim/stock", _shown("stock"))
    return app


async def _stop_pushing(app: web.Application) -> None:
    for task in app[HOOKS].tasks:
        task.cancel()


def _quirks(store: Store) -> Row:
    return store.get("quirks", "all") or store.put("quirks", "all", {})


def _behind_the_door(act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        store, door = request.app[STORE], request.match_info["door"]
        if act is not gate.token and not await gate.admitted(door, request, store):
            told = {"code": "unauthorised", "message": "Who are you?"}
            return web.json_response({"error": told}, status=401)
        try:
            return await act(request, store)
        except documents.Refused as error:
            return web.json_response(error.body, status=error.status)

    return handle


# ------------------------------------------------------------------ the API


async def _me(request: web.Request, store: Store) -> web.Response:
    return web.json_response({"name": "House shop"})


async def _orders(request: web.Request, store: Store) -> web.Response:
    rows = sorted(store.table("orders").values(), key=lambda r: (r["updated_at"], r["id"]))
    return lists.listed(request, request.match_info["style"], rows, _quirks(store))


async def _order(request: web.Request, store: Store) -> web.Response:
    row = store.get("orders", int(request.match_info["id"]))
    if row is None:
        raise documents.Refused(404, "not_found", "No such order.")
    return web.json_response({"order": row})


async def _create(request: web.Request, store: Store) -> web.Response:
    key = request.headers.get("Idempotency-Key", "")
    row, new = documents.create(store, await request.json(), key, _quirks(store))
    return web.json_response({"document": row}, status=201 if new else 200)


async def _search(request: web.Request, store: Store) -> web.Response:
    found = documents.find(store, request.query.get("reference", ""), _quirks(store))
    return web.json_response({"documents": found})


async def _by_reference(request: web.Request, store: Store) -> web.Response:
    found = documents.find(store, request.match_info["ref"], {})
    if not found:
        raise documents.Refused(404, "not_found", "No such document.")
    return web.json_response({"document": found[0]})


async def _document(request: web.Request, store: Store) -> web.Response:
    row = store.get("documents", int(request.match_info["id"]))
    if row is None:
        raise documents.Refused(404, "not_found", "No such document.")
    return web.json_response({"document": row})


async def _change(request: web.Request, store: Store) -> web.Response:
    row = documents.change(store, int(request.match_info["id"]), await request.json())
    return web.json_response({"document": row})


async def _drop(request: web.Request, store: Store) -> web.Response:
    documents.drop(store, int(request.match_info["id"]))
    return web.Response(status=204)


async def _batch(request: web.Request, store: Store) -> web.Response:
    rows = (await request.json())["documents"]
    return web.json_response({"results": documents.batch(store, rows, _quirks(store))})


async def _later(request: web.Request, store: Store) -> web.Response:
    key = request.headers.get("Idempotency-Key", "")
    made = documents.accept(store, await request.json(), key, _quirks(store))
    place = f"/{request.match_info['door']}/jobs/{made['id']}"
    return web.json_response({"job": made["id"]}, status=202, headers={"Location": place})


async def _job(request: web.Request, store: Store) -> web.Response:
    return web.json_response(documents.job(store, int(request.match_info["id"]), _quirks(store)))


async def _stock(request: web.Request, store: Store) -> web.Response:
    sku = request.match_info["sku"]
    told = await request.json()
    if not isinstance(told.get("qty"), int | float):
        raise documents.Refused(422, "qty", "The quantity must be a number.")
    store.put("stock", sku, {"sku": sku, **told})
    return web.Response(status=204)


# ------------------------------------------------------------------ control


async def _place(request: web.Request) -> web.Response:
    store, told = request.app[STORE], await asked(request)
    number = str(told.pop("id", ""))
    known = store.get("orders", int(number)) if number.isdigit() else None
    if number and known is None:
        raise refused(request, f"There is no order {number}.")
    id_ = int(number) if number else store.next_id("orders")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    row = {"number": f"H{id_:05}", "status": "paid", "currency": "GBP", "placed_at": now,
           "lines": [{"sku": "MUG", "title": "Mug", "qty": 1, "price": "5.00"}],
           "email": "ada@example.com", **(known or {}), **told, "id": id_,
           "updated_at": now}  # fmt: skip
    total = sum(Decimal(str(li["price"])) * Decimal(str(li["qty"])) for li in row["lines"])
    row["total"] = str(told.get("total", total))
    store.put("orders", id_, row)
    request.app[HOOKS].tell("order.changed" if known else "order.placed", row)
    return answer(request, row, f"Order {row['number']} is {row['status']}.")


async def _suffer(request: web.Request) -> web.Response:
    """POST /_sim/suffer {"kind"}: a fault for the next three requests, from the window."""
    kind = (await asked(request)).get("kind", "")
    if kind not in FAULTS:
        raise refused(request, f"There is no such fault: {kind}.")
    request.app[TROUBLES].arm(kind, count=3)
    return answer(request, {"armed": kind}, f"Armed: {FAULTS[kind].lower()}.")


async def _hook(request: web.Request) -> web.Response:
    told = await asked(request)
    if told.get("style") not in STYLES:
        raise refused(request, f"There is no such style; there are {', '.join(STYLES)}.")
    request.app[STORE].put("hooks", told["address"], told)
    return web.json_response({"hooks": len(request.app[STORE].table("hooks"))}, status=201)


async def _set_quirks(request: web.Request) -> web.Response:
    """Replaces all that are set."""
    return web.json_response(request.app[STORE].put("quirks", "all", await asked(request)))


async def _post(request: web.Request) -> web.Response:
    store = request.app[STORE]
    row = store.get("documents", int(request.match_info["id"]))
    if row is None:
        raise refused(request, "There is no such document.")
    return web.json_response(store.put("documents", row["id"], {**row, "state": "posted"}))


async def _counts(request: web.Request) -> web.Response:
    store, hooks = request.app[STORE], request.app[HOOKS]
    rows = store.table("documents").values()
    times = Counter(str(row.get("reference") or row.get("number")) for row in rows)
    twice = {name: count for name, count in times.items() if count > 1}
    told = {"orders": len(store.table("orders")), "documents": len(rows), "twice": twice,
            "pushed": hooks.pushed, "lost": hooks.lost,
            "tokens": len(store.table("tokens"))}  # fmt: skip
    return web.json_response(told)


def _shown(kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(list(request.app[STORE].table(kind).values()))

    return show


async def _window(request: web.Request) -> web.Response:
    shown = window(request.app[STORE], request.query)
    return web.Response(text=shown, content_type="text/html")
