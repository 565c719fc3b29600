"""What each route does to products, orders, refunds, notes and webhooks."""

from __future__ import annotations

from aiohttp import web

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import (
    errors,
    lists,
    notes,
    order_view,
    orders,
    products,
    refunds,
    webhooks,
)
from connectors.woocommerce.simulator.api import Answered, batch, created, listed, number, ok
from connectors.woocommerce.simulator.shop import Shop

HIDDEN = ("trash", "auto-draft", "checkout-draft")


def find(shop: Shop, kind: str, id_: int) -> Row:
    """Raises WooError 404."""
    row = shop.get("product" if kind == "variation" else kind, id_)
    if row is None or (kind == "variation" and not row["parent_id"]):
        raise errors.invalid_id(kind)
    return row


# ------------------------------------------------------------------ products


def list_products(shop: Shop, request: web.Request, body: Row) -> Answered:
    query = request.query
    want = lists.asked(query, shop.settings["zone"], lists.PRODUCT_ORDERS)
    rows = list(shop.table("product").values())
    if "sku" in query:  # a comma list; finds variations too (finding 31)
        skus = {s.strip().lower() for s in query["sku"].split(",")}
        rows = [r for r in rows if r["sku"].lower() in skus and r["sku"]]
    else:
        rows = [r for r in rows if not r["parent_id"]]
    if "type" in query:
        rows = [r for r in rows if r["type"] == query["type"]]
    if "search" in query:
        rows = [r for r in rows if query["search"].lower() in r["name"].lower()]
    passes = lists.status_filter(query, HIDDEN)
    rows = lists.chosen((r for r in rows if passes(r)), want)
    return listed(shop, request, rows, lambda r: products.view(shop, r), want)


def create_product(shop: Shop, request: web.Request, body: Row) -> Answered:
    products.validate(body)
    row = products.create(shop, body)
    return created(shop, f"products/{row['id']}", products.view(shop, row, edited=True))


def get_product(shop: Shop, request: web.Request, body: Row) -> Answered:
    return ok(products.view(shop, find(shop, "product", number(request))))


def put_product(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = _writable(shop, number(request))
    products.validate(body)
    return ok(products.view(shop, products.update(shop, row, body), edited=True))


def delete_product(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "product", number(request))
    return ok(products.remove(shop, row, force=request.query.get("force") == "true"))


def batch_products(shop: Shop, request: web.Request, body: Row) -> Answered:
    def change(item: Row) -> Row:
        row = _writable(shop, int(item.get("id") or 0))
        return products.view(shop, products.update(shop, row, item), edited=True)

    return batch(
        body,
        create=lambda item: products.view(shop, products.create(shop, item), edited=True),
        update=change,
        delete=lambda id_: products.remove(shop, find(shop, "product", id_), force=False),
    )


def _writable(shop: Shop, id_: int) -> Row:
    row = find(shop, "product", id_)
    if row["parent_id"]:
        raise errors.WooError(
            404,
            "woocommerce_rest_invalid_product_id",
            "To manipulate product variations you should use the "
            "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.",
        )
    return row


# ------------------------------------------------------------------ variations


def list_variations(shop: Shop, request: web.Request, body: Row) -> Answered:
    want = lists.asked(request.query, shop.settings["zone"], lists.PRODUCT_ORDERS)
    parent = find(shop, "product", number(request))
    rows = lists.chosen(products.variations_of(shop, parent["id"]), want)
    return listed(shop, request, rows, lambda r: products.variation_view(shop, r), want)


def create_variation(shop: Shop, request: web.Request, body: Row) -> Answered:
    products.validate(body)
    parent = find(shop, "product", number(request))
    row = products.create(shop, {"name": parent["name"], **body}, parent=parent["id"])
    path = f"products/{parent['id']}/variations/{row['id']}"
    return created(shop, path, products.variation_view(shop, row))


def batch_variations(shop: Shop, request: web.Request, body: Row) -> Answered:
    parent = find(shop, "product", number(request))

    def create(item: Row) -> Row:
        row = products.create(shop, {"name": parent["name"], **item}, parent=parent["id"])
        return products.variation_view(shop, row)

    def change(item: Row) -> Row:
        row = find(shop, "variation", int(item.get("id") or 0))
        return products.variation_view(shop, products.update(shop, row, item))

    def remove(id_: int) -> Row:
        return products.remove(shop, find(shop, "variation", id_), force=True)

    return batch(body, create=create, update=change, delete=remove)


def get_variation(shop: Shop, request: web.Request, body: Row) -> Answered:
    return ok(products.variation_view(shop, _variation(shop, request)))


def put_variation(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = _variation(shop, request)
    products.validate(body)
    return ok(products.variation_view(shop, products.update(shop, row, body)))


def _variation(shop: Shop, request: web.Request) -> Row:
    row = find(shop, "product", number(request, "variation"))
    if row["parent_id"] != number(request):
        raise errors.invalid_id("variation")
    return row


# ------------------------------------------------------------------ orders


def list_orders(shop: Shop, request: web.Request, body: Row) -> Answered:
    query = request.query
    want = lists.asked(query, shop.settings["zone"], lists.ORDER_ORDERS)
    passes = lists.status_filter(query, HIDDEN)
    rows = [r for r in shop.table("order").values() if passes(r)]
    if "customer" in query:
        rows = [r for r in rows if str(r["customer_id"]) == query["customer"]]
    rows = lists.chosen(rows, want)
    dp = int(query.get("dp", 2))
    return listed(shop, request, rows, lambda r: order_view.view(shop, r, dp), want)


def create_order(shop: Shop, request: web.Request, body: Row) -> Answered:
    orders.validate(body)
    row = orders.create(shop, body)
    return created(shop, f"orders/{row['id']}", order_view.view(shop, row))


def get_order(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "order", number(request))
    return ok(order_view.view(shop, row, int(request.query.get("dp", 2))))


def put_order(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "order", number(request))
    orders.validate(body, update=True)
    return ok(order_view.view(shop, _changed(shop, row, body)))


def delete_order(shop: Shop, request: web.Request, body: Row) -> Answered:
    """Destroying sends nothing; only trashing does (finding 9)."""
    row = find(shop, "order", number(request))
    shown = order_view.view(shop, row)
    if request.query.get("force") == "true":
        shop.store.drop("order", row["id"])
    else:
        orders.trash(shop, row)
    return ok(shown)


def batch_orders(shop: Shop, request: web.Request, body: Row) -> Answered:
    def change(item: Row) -> Row:
        row = find(shop, "order", int(item.get("id") or 0))
        return order_view.view(shop, _changed(shop, row, item))

    def throw_away(id_: int) -> Row:
        row = find(shop, "order", id_)
        orders.trash(shop, row)
        return order_view.view(shop, row)

    return batch(
        body,
        create=lambda item: order_view.view(shop, orders.create(shop, item)),
        update=change,
        delete=throw_away,
    )


def _changed(shop: Shop, row: Row, body: Row) -> Row:
    if body.get("status") == "refunded" and row["status"] != "refunded":
        refunds.by_status(shop, row)
    return orders.update(shop, row, body)


# ------------------------------------------------------------------ refunds and notes


def list_refunds(shop: Shop, request: web.Request, body: Row) -> Answered:
    want = lists.asked(request.query, shop.settings["zone"], lists.ORDER_ORDERS)
    order = find(shop, "order", number(request))
    rows = [shop.table("refund")[r] for r in reversed(order["refunds"])]
    return listed(shop, request, rows, lambda r: order_view.refund_view(shop, order, r), want)


def all_refunds(shop: Shop, request: web.Request, body: Row) -> Answered:
    want = lists.asked(request.query, shop.settings["zone"], lists.ORDER_ORDERS)
    rows = sorted(shop.table("refund").values(), key=lambda r: -r["id"])

    def show(row: Row) -> Row:
        order = shop.table("order")[row["order_id"]]
        return order_view.refund_view(shop, order, row, everywhere=True)

    return listed(shop, request, rows, show, want)


def create_refund(shop: Shop, request: web.Request, body: Row) -> Answered:
    """The Location holds the route's own pattern, as the recorded one does (162)."""
    order = shop.get("order", number(request))
    row = refunds.create(shop, order, body)
    where = rf"orders/(?P<order_id>[\d]+)/refunds/{row['id']}"
    return created(shop, where, order_view.refund_view(shop, order or {}, row))


def get_refund(shop: Shop, request: web.Request, body: Row) -> Answered:
    order = find(shop, "order", number(request))
    refund = find(shop, "refund", number(request, "refund"))
    return ok(order_view.refund_view(shop, order, refund))


def delete_refund(shop: Shop, request: web.Request, body: Row) -> Answered:
    answered = get_refund(shop, request, body)
    order = find(shop, "order", number(request))
    refunds.destroy(shop, order, find(shop, "refund", number(request, "refund")))
    return answered


def list_notes(shop: Shop, request: web.Request, body: Row) -> Answered:
    """All of them: notes aren't paged."""
    order = find(shop, "order", number(request))
    rows = [n for n in shop.table("note").values() if n["order_id"] == order["id"]]
    return ok([notes.view(shop, n) for n in reversed(rows)])


def create_note(shop: Shop, request: web.Request, body: Row) -> Answered:
    """Sends no webhook (finding 9)."""
    order = find(shop, "order", number(request))
    row = notes.create(shop, order["id"], body)
    return created(shop, f"orders/{order['id']}/notes/{row['id']}", notes.view(shop, row))


# ------------------------------------------------------------------ webhooks


def list_webhooks(shop: Shop, request: web.Request, body: Row) -> Answered:
    want = lists.asked(request.query, shop.settings["zone"], ("date", "id", "title"))
    rows = list(shop.table("webhook").values())
    status = request.query.get("status", "all")
    if status != "all":
        rows = [r for r in rows if r["status"] == status]
    rows = sorted(rows, key=lambda r: -r["id"])
    return listed(shop, request, rows, lambda r: webhooks.view(shop, r), want)


def get_webhook(shop: Shop, request: web.Request, body: Row) -> Answered:
    return ok(webhooks.view(shop, find(shop, "webhook", number(request))))


def put_webhook(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "webhook", number(request))
    return ok(webhooks.view(shop, webhooks.update(shop, row, body)))


def delete_webhook(shop: Shop, request: web.Request, body: Row) -> Answered:
    row = find(shop, "webhook", number(request))
    if request.query.get("force") != "true":
        raise errors.WooError(
            501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing."
        )
    shop.store.drop("webhook", row["id"])
    return ok(webhooks.view(shop, row))
