"""The REST API, version 3: routes, signing in, bodies, answers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors, lists, signin
from connectors.woocommerce.simulator.shop import SHOP, Shop
from connectors.woocommerce.simulator.webhooks import encoded, enqueue

BASE = "/wp-json/wc/v3"
Answered = tuple[int, Any, dict[str, str]]
Route = Callable[[Shop, web.Request, Row], Answered | Awaitable[Answered]]


def ok(shown: Any, **headers: str) -> Answered:
    return 200, shown, headers


def created(shop: Shop, path: str, shown: Any) -> Answered:
    return 201, shown, {"Location": f"{shop.settings['url']}{BASE}/{path}"}


def listed(
    shop: Shop,
    request: web.Request,
    rows: list[Row],
    show: Callable[[Row], Row],
    want: lists.Asked,
) -> Answered:
    """A page of chosen rows with its headers."""
    url = f"{shop.settings['url']}{request.path}"
    headers = lists.headers(len(rows), want, url, request.query)
    return 200, [show(row) for row in lists.page_of(rows, want)], headers


def handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap a route: address, signing in, JSON, errors, events, ``_fields``."""

    async def handle(request: web.Request) -> web.Response:
        shop = request.app[SHOP]
        shop.settings["url"] = f"http://{request.host}"
        try:
            signin.check(shop, request)
            result = route(shop, request, await _body(request))
            status, shown, headers = result if isinstance(result, tuple) else await result
        except errors.WooError as error:
            return answer(error.status, error.body())
        finally:
            enqueue(shop)
        return answer(status, lists.only(shown, request.query.get("_fields", "")), headers)

    return handle


def answer(status: int, shown: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=encoded(shown), headers=headers, content_type="application/json",
        charset="UTF-8",
    )  # fmt: skip


async def _body(request: web.Request) -> Row:
    """A JSON object; anything else that is JSON counts as nothing sent (recording 203)."""
    if not request.can_read_body:
        return {}
    try:
        value = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise errors.WooError(
            400,
            "rest_invalid_json",
            "Invalid JSON body passed.",
            json_error_code=4,
            json_error_message="Syntax error",
        ) from error
    return value if isinstance(value, dict) else {}


def batch(
    body: Row,
    *,
    create: Callable[[Row], Row],
    update: Callable[[Row], Row],
    delete: Callable[[int], Row],
) -> Answered:
    """Up to 100 operations, each with its own outcome, in order (finding 20).

    Raises WooError 413 beyond that, before doing any.
    """
    if sum(len(body.get(part) or []) for part in ("create", "update", "delete")) > 100:
        raise errors.WooError(
            413,
            "woocommerce_rest_request_entity_too_large",
            "Unable to accept more than 100 items for this request.",
        )
    shown: Row = {}
    if body.get("create"):
        shown["create"] = [_one(partial(create, i), 0) for i in body["create"]]
    if body.get("update"):
        shown["update"] = [_one(partial(update, i), i.get("id")) for i in body["update"]]
    if body.get("delete"):
        shown["delete"] = [_one(partial(delete, int(i)), i) for i in body["delete"]]
    return ok(shown)


def _one(do: Callable[[], Row], id_: Any) -> Row:
    try:
        return do()
    except errors.WooError as error:
        failed = {"error": error.body()}
        return failed if id_ is None else {"id": id_, **failed}


def number(request: web.Request, name: str = "id") -> int:
    return int(request.match_info[name])


async def nowhere(request: web.Request) -> web.Response:
    error = errors.no_route()
    return answer(error.status, error.body())
