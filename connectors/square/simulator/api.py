"""The routes of Square's API that the stand-in answers, and who may ask them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.square.simulator import people, tokens, webhooks
from connectors.square.simulator.catalog import Catalog
from connectors.square.simulator.replies import (
    SquareError,
    bad,
    missing,
    need,
    page_of,
    remember,
    replayed,
)
from connectors.square.simulator.seller import Seller
from connectors.square.simulator.stockroom import Stockroom

SELLER: web.AppKey[Seller] = web.AppKey("seller", Seller)
CATALOG: web.AppKey[Catalog] = web.AppKey("catalog", Catalog)
STOCKROOM: web.AppKey[Stockroom] = web.AppKey("stockroom", Stockroom)
Answer = Callable[[web.Request, Any], Row]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: Most locations one search of orders may name, and most orders read by id at once.
LOCATIONS, ORDERS = 10, 100


def add_routes(app: web.Application) -> None:
    """(method, path, the permission it needs, what answers, is it a write under a key)."""
    for method, path, scope, answer, keyed in (
        ("GET", "/v2/locations", "MERCHANT_PROFILE_READ", _locations, False),
        ("GET", "/v2/merchants/me", "MERCHANT_PROFILE_READ", _merchant, False),
        ("POST", "/v2/orders/search", "ORDERS_READ", _search_orders, False),
        ("POST", "/v2/orders/batch-retrieve", "ORDERS_READ", _orders, False),
        ("GET", "/v2/payments/{id}", "PAYMENTS_READ", _payment, False),
        ("GET", "/v2/refunds", "PAYMENTS_READ", _refunds, False),
        ("GET", "/v2/refunds/{id}", "PAYMENTS_READ", _refund, False),
        ("POST", "/v2/catalog/object", "ITEMS_WRITE", _upsert, True),
        ("POST", "/v2/catalog/batch-upsert", "ITEMS_WRITE", _batch_upsert, True),
        ("POST", "/v2/catalog/batch-retrieve", "ITEMS_READ", _objects, False),
        ("POST", "/v2/catalog/search", "ITEMS_READ", _search_catalog, False),
        ("POST", "/v2/catalog/update-item-taxes", "ITEMS_WRITE", _item_taxes, False),
        ("DELETE", "/v2/catalog/object/{id}", "ITEMS_WRITE", _delete, False),
        ("POST", "/v2/inventory/changes/batch-create", "INVENTORY_WRITE", _change_stock, True),
        ("POST", "/v2/inventory/changes/batch-retrieve", "INVENTORY_READ", _changes, False),
        ("POST", "/v2/inventory/counts/batch-retrieve", "INVENTORY_READ", _counts, False),
        ("GET", "/v2/inventory/adjustments/{id}", "INVENTORY_READ", _adjustment, False),
        ("POST", "/v2/customers", "CUSTOMERS_WRITE", _new_customer, False),
        ("POST", "/v2/customers/search", "CUSTOMERS_READ", _search_customers, False),
        ("GET", "/v2/customers/{id}", "CUSTOMERS_READ", _customer, False),
        ("PUT", "/v2/customers/{id}", "CUSTOMERS_WRITE", _change_customer, False),
        ("GET", "/v2/webhooks/subscriptions", "application", _hooks, False),
        ("POST", "/v2/webhooks/subscriptions", "application", _new_hook, False),
        ("GET", "/v2/webhooks/subscriptions/{id}", "application", _hook, False),
        ("PUT", "/v2/webhooks/subscriptions/{id}", "application", _change_hook, False),
    ):
        app.router.add_route(method, path, _guarded(scope, answer, keyed=keyed))
    app.router.add_get("/oauth2/authorize", _authorize)
    app.router.add_post("/oauth2/authorize", _agreed)
    app.router.add_post("/oauth2/token", _token)
    app.router.add_post("/oauth2/token/status", _token_status)


def _guarded(scope: str, answer: Answer, *, keyed: bool) -> Handler:
    """Who asks, with which permission; a write under a key is done once."""

    async def handler(request: web.Request) -> web.StreamResponse:
        seller = request.app[SELLER]
        try:
            tokens.judge(seller, request.headers.get("Authorization", ""), scope)
            body = await _body(request)
            told = replayed(seller, request.path, body) if keyed else None
            if told is None:
                told = answer(request, body)
                if keyed:
                    remember(seller, request.path, body, told)
            webhooks.enqueue(seller)
            return web.json_response(told)
        except SquareError as error:
            return web.json_response(error.body(), status=error.status)

    return handler


async def _body(request: web.Request) -> Any:
    if request.method in ("GET", "DELETE"):
        return dict(request.query)
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise bad("EXPECTED_JSON_BODY", str(error)) from error


# ------------------------------------------------------------------ OAuth


async def _authorize(request: web.Request) -> web.Response:
    """The page on which the seller agrees."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in request.query.items()
    )
    shop = escape(request.app[SELLER].settings["business"])
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Square</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><main>'
        f"<h1>Let an application into {shop}?</h1>"
        f"<p>It asks for: {escape(request.query.get('scope', '').replace('+', ' '))}</p>"
        f'<form method="post">{hidden}<button name="answer" value="allow">Allow</button> '
        '<button name="answer" value="deny">Deny</button></form></main></html>'
    )
    return web.Response(text=page, content_type="text/html")


async def _agreed(request: web.Request) -> web.Response:
    seller, asked = request.app[SELLER], dict(await request.post())
    told = {"state": str(asked.get("state", ""))}
    if asked.get("answer") == "deny":
        told |= {"error": "access_denied", "error_description": "user_denied"}
    else:
        told |= {"code": tokens.code_for(seller, asked), "response_type": "code"}
    back = str(asked.get("redirect_uri", "/"))
    raise web.HTTPFound(f"{back}?{urlencode(told)}")


async def _token(request: web.Request) -> web.Response:
    try:
        return web.json_response(tokens.obtain(request.app[SELLER], await _body(request)))
    except SquareError as error:
        return web.json_response(error.body(), status=error.status)


async def _token_status(request: web.Request) -> web.Response:
    try:
        told = tokens.status(request.app[SELLER], request.headers.get("Authorization", ""))
        return web.json_response(told)
    except SquareError as error:
        return web.json_response(error.body(), status=error.status)


# ------------------------------------------------------------------ what it holds


def _locations(request: web.Request, body: Any) -> Row:
    return {"locations": list(request.app[SELLER].table("location").values())}


def _merchant(request: web.Request, body: Any) -> Row:
    seller = request.app[SELLER]
    told = {name: seller.settings[name] for name in ("country", "currency")}
    merchant = {"id": seller.settings["merchant_id"], "status": "ACTIVE"}
    return {"merchant": merchant | {"business_name": seller.settings["business"]} | told}


def _search_orders(request: web.Request, body: Any) -> Row:
    """Oldest change first, or newest; both ends of the time are part of it."""
    places = need(body, "location_ids")
    if len(places) > LOCATIONS:
        raise bad("ARRAY_LENGTH_TOO_LONG", f"At most {LOCATIONS} locations.", "location_ids")
    query = body.get("query") or {}
    filters, sort = query.get("filter") or {}, query.get("sort") or {}
    times = filters.get("date_time_filter") or {}
    field = str(sort.get("sort_field") or "CREATED_AT").lower()
    if times and field not in times:
        raise bad("BAD_REQUEST", "sort_field must be the field that is filtered by.", "query.sort")
    span = times.get(field) or {}
    states = (filters.get("state_filter") or {}).get("states")
    rows = [
        order
        for order in request.app[SELLER].table("order").values()
        if order["location_id"] in places
        and (not states or order["state"] in states)
        and (span.get("start_at") or "") <= order[field] <= (span.get("end_at") or "9")
    ]
    rows.sort(key=lambda order: (order[field], order["id"]),
              reverse=sort.get("sort_order", "DESC") == "DESC")  # fmt: skip
    return page_of(rows, body, "orders", most=1000)


def _orders(request: web.Request, body: Any) -> Row:
    ids = need(body, "order_ids")
    if len(ids) > ORDERS:
        raise bad("ARRAY_LENGTH_TOO_LONG", f"At most {ORDERS} orders.", "order_ids")
    held = request.app[SELLER].table("order")
    return {"orders": [held[id_] for id_ in ids if id_ in held]}


def _payment(request: web.Request, body: Any) -> Row:
    return {"payment": _one(request, "payment")}


def _refund(request: web.Request, body: Any) -> Row:
    return {"refund": _one(request, "refund")}


def _one(request: web.Request, kind: str) -> Row:
    row = request.app[SELLER].store.get(kind, request.match_info["id"])
    if row is None:
        raise missing(kind.capitalize(), request.match_info["id"])
    return row


def _refunds(request: web.Request, body: Any) -> Row:
    rows = [
        row
        for row in request.app[SELLER].table("refund").values()
        if body.get("location_id") in (None, row["location_id"])
        and (body.get("begin_time") or "") <= row["created_at"] <= (body.get("end_time") or "9")
    ]
    rows.sort(key=lambda row: row["created_at"])
    return page_of(rows, body, "refunds", most=100)


def _upsert(request: web.Request, body: Any) -> Row:
    shown, mapped = request.app[CATALOG].upsert([need(body, "object")])
    return {"catalog_object": shown[0], "id_mappings": mapped}


def _batch_upsert(request: web.Request, body: Any) -> Row:
    return request.app[CATALOG].batch_upsert(body)


def _objects(request: web.Request, body: Any) -> Row:
    ids = need(body, "object_ids")
    if len(ids) > 1000:
        raise bad("ARRAY_LENGTH_TOO_LONG", "At most 1000 objects.", "object_ids")
    deleted = bool(body.get("include_deleted_objects"))
    return {"objects": request.app[CATALOG].retrieve(ids, deleted=deleted)}


def _search_catalog(request: web.Request, body: Any) -> Row:
    return request.app[CATALOG].search(body)


def _item_taxes(request: web.Request, body: Any) -> Row:
    return request.app[CATALOG].update_taxes(body)


def _delete(request: web.Request, body: Any) -> Row:
    return request.app[CATALOG].delete(request.match_info["id"])


def _change_stock(request: web.Request, body: Any) -> Row:
    return request.app[STOCKROOM].change(body)


def _changes(request: web.Request, body: Any) -> Row:
    return request.app[STOCKROOM].find_changes(body)


def _counts(request: web.Request, body: Any) -> Row:
    return request.app[STOCKROOM].find_counts(body)


def _adjustment(request: web.Request, body: Any) -> Row:
    return request.app[STOCKROOM].adjustment(request.match_info["id"])


def _new_customer(request: web.Request, body: Any) -> Row:
    """Here a key may be left out, so it is kept apart from the writes that must have one."""
    seller = request.app[SELLER]
    if not body.get("idempotency_key"):
        return people.create(seller, body)
    told = replayed(seller, request.path, body)
    if told is None:
        told = people.create(seller, body)
        remember(seller, request.path, body, told)
    return told


def _search_customers(request: web.Request, body: Any) -> Row:
    return people.search(request.app[SELLER], body)


def _customer(request: web.Request, body: Any) -> Row:
    return people.retrieve(request.app[SELLER], request.match_info["id"])


def _change_customer(request: web.Request, body: Any) -> Row:
    return people.update(request.app[SELLER], request.match_info["id"], body)


def _hooks(request: web.Request, body: Any) -> Row:
    return webhooks.listed(request.app[SELLER])


def _new_hook(request: web.Request, body: Any) -> Row:
    return webhooks.create(request.app[SELLER], body)


def _hook(request: web.Request, body: Any) -> Row:
    return webhooks.retrieve(request.app[SELLER], request.match_info["id"])


def _change_hook(request: web.Request, body: Any) -> Row:
    return webhooks.update(request.app[SELLER], request.match_info["id"], body)
