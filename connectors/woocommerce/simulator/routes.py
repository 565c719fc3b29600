"""The simulator's application: every route, the queue's worker, the window and its buttons."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from connectors.sdk.simulation.app import FAULTS, frame
from connectors.sdk.simulation.store import Row, Store
from connectors.woocommerce.simulator import (
    accounts,
    control,
    handover,
    order_view,
    products,
    resources,
    signin,
    webhooks,
    window,
)
from connectors.woocommerce.simulator.api import (
    BASE,
    Answered,
    Route,
    answer,
    created,
    handler,
    nowhere,
)
from connectors.woocommerce.simulator.errors import WooError
from connectors.woocommerce.simulator.shop import SHOP, Shop

DELIVERIES: web.AppKey[webhooks.Deliveries] = web.AppKey("deliveries", webhooks.Deliveries)

ID = r"{id:\d+}"


def build(store: Store, args: argparse.Namespace) -> web.Application:
    """The shop over ``store``; ``args.port`` is its port (0: learned from the first request)."""
    app = frame(store)
    shop = Shop(store)
    if args.port:
        shop.settings["url"] = f"http://127.0.0.1:{args.port}"
    app[SHOP] = shop
    app[DELIVERIES] = webhooks.Deliveries(shop, lambda kind, id_: payload(shop, kind, id_))
    _api(app)
    _controls(app)
    handover.add(app)
    app.router.add_get("/", _window)
    app.router.add_post("/_sim/act/{act}", _act)
    app.router.add_route("*", "/wp-json/{rest:.*}", nowhere)
    app.cleanup_ctx.append(_delivering)
    return app


def payload(shop: Shop, resource: str, id_: int) -> Row:
    """A record as a webhook tells it. Raises WooError 404."""
    row = resources.find(shop, resource, id_)
    if resource == "order":
        return order_view.view(shop, row)
    if resource == "customer":
        return accounts.customer_view(shop, row)
    return products.view(shop, row)


async def _delivering(app: web.Application) -> AsyncIterator[None]:
    worker = asyncio.create_task(app[DELIVERIES].run())
    yield
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


def _api(app: web.Application) -> None:
    for verb, path, route in _single():
        app.router.add_route(verb, f"{BASE}/{path}", handler(route))
    for path, (listing, create, get, put, delete) in _collections().items():
        whole, one = f"{BASE}/{path}", f"{BASE}/{path}/{ID}"
        for verb, address, act in (
            ("GET", whole, listing),
            ("POST", whole, create),
            ("GET", one, get),
            ("PUT", one, put),
            ("DELETE", one, delete),
        ):
            if act is not None:
                app.router.add_route(verb, address, handler(act))


def _collections() -> dict[str, tuple[Route | None, ...]]:
    """Path → list, create, and read, change, delete of one."""
    r, a = resources, accounts
    return {
        "products": (r.list_products, r.create_product, r.get_product, r.put_product,
                     r.delete_product),
        f"products/{ID}/variations": (r.list_variations, r.create_variation, None, None, None),
        "orders": (r.list_orders, r.create_order, r.get_order, r.put_order, r.delete_order),
        "customers": (a.list_customers, a.create_customer, a.get_customer, a.put_customer, None),
        "taxes": (a.list_taxes, a.create_tax, a.get_tax, a.put_tax, None),
        "webhooks": (r.list_webhooks, create_webhook, r.get_webhook, r.put_webhook,
                     r.delete_webhook),
        f"orders/{ID}/refunds": (r.list_refunds, r.create_refund, None, None, None),
        f"orders/{ID}/notes": (r.list_notes, r.create_note, None, None, None),
    }  # fmt: skip


def _single() -> tuple[tuple[str, str, Route], ...]:
    """Routes outside that pattern."""
    r, a = resources, accounts
    return (
        ("GET", f"products/{ID}/variations/{{variation:\\d+}}", r.get_variation),
        ("PUT", f"products/{ID}/variations/{{variation:\\d+}}", r.put_variation),
        ("POST", f"products/{ID}/variations/batch", r.batch_variations),
        ("GET", f"orders/{ID}/refunds/{{refund:\\d+}}", r.get_refund),
        ("DELETE", f"orders/{ID}/refunds/{{refund:\\d+}}", r.delete_refund),
        ("GET", "refunds", r.all_refunds),
        ("POST", "products/batch", r.batch_products),
        ("POST", "orders/batch", r.batch_orders),
        ("GET", "orders/statuses", a.statuses),
        ("GET", "taxes/classes", a.tax_classes),
        ("GET", "system_status", a.status),
        ("GET", "data/currencies/current", a.currency),
        ("GET", "settings/tax/{name}", a.setting),
        ("PUT", "settings/tax/{name}", a.setting),
    )


async def create_webhook(shop: Shop, request: web.Request, body: Row) -> Answered:
    """The ping goes out before the answer; an unreachable address doesn't fail it (finding 4)."""
    row = webhooks.create(shop, body)
    shown = webhooks.view(shop, row)
    await request.app[DELIVERIES].ping(row)
    return created(shop, f"webhooks/{row['id']}", shown)


# ------------------------------------------------------------------ control routes


def _controls(app: web.Application) -> None:
    acts: dict[str, Callable[[Shop, Row], Row]] = {
        "seed": control.seed,
        "checkout": control.checkout,
        "refund": control.refund,
        "sell": control.sell,
        "price": control.price,
        "stock": control.stock,
        "owner-gone": control.owner_gone,
    }
    for name, act in acts.items():
        app.router.add_post(f"/_sim/{name}", _controlled(act))
    app.router.add_post("/_sim/webhook-weather", _weather)
    app.router.add_get("/_sim/counts", _counts)


def _controlled(
    act: Callable[[Shop, Row], Row],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        shop = request.app[SHOP]
        try:
            return answer(200, act(shop, await request.json()))
        except WooError as error:
            return answer(error.status, error.body())
        except (KeyError, ValueError) as error:
            return answer(400, {"code": "bad_request", "message": repr(error)})
        finally:
            webhooks.enqueue(shop)

    return handle


async def _weather(request: web.Request) -> web.Response:
    deliveries = request.app[DELIVERIES]
    deliveries.set_weather(await request.json())
    return answer(200, deliveries.weather)


async def _counts(request: web.Request) -> web.Response:
    return answer(200, control.counts(request.app[SHOP], request.app[DELIVERIES].counts))


# ------------------------------------------------------------------ the window


async def _window(request: web.Request) -> web.Response:
    if "rest_route" in request.query:
        error = signin.plain_permalink()
        return answer(error.status, error.body())
    order = request.query.get("order", "")
    html = window.page(
        request.app[SHOP],
        request.app[DELIVERIES].log,
        order=int(order) if order.isdigit() else None,
        search=request.query.get("q", ""),
        said=request.query.get("said", ""),
    )
    return web.Response(text=html, content_type="text/html")


async def _act(request: web.Request) -> web.Response:
    """A button of the window: do it, then show the page with what was done."""
    shop, form = request.app[SHOP], await request.post()
    asked = {name: str(value).strip() for name, value in form.items()}
    try:
        said = _do(request, shop, asked)
    except WooError as error:
        said = error.message
    except ValueError:
        said = "That is not a number."
    webhooks.enqueue(shop)
    raise web.HTTPSeeOther(f"/?said={quote(said)}")


def _do(request: web.Request, shop: Shop, asked: dict[str, str]) -> str:
    act = request.match_info["act"]
    if act == "plug":
        seconds = float(asked.get("seconds") or 20)
        request.app[FAULTS].arm("unplugged", match="/wp-json", seconds=seconds)
        return f"The plug is out for {seconds:g} s."
    if act == "sell":
        sold = control.sell(shop, asked)
        return f"Sold: order {sold['number']} over {sold['total']}."
    if act == "price":
        sku = asked.get("sku") or control.any_sku(shop)
        told = control.price(shop, {"sku": sku, "price": float(asked.get("price") or 9.99)})
        return f"{sku} now costs {told['regular_price']}."
    if act == "refund":
        last = max(shop.table("order"), default=0)
        wanted = {"order_id": int(asked.get("order") or last), "reason": control.BY_HAND_REASON}
        back = control.refund(shop, wanted)
        return f"Refunded {back['amount']} of order {back['order_id']}."
    return "Nothing happened."
