"""Control routes ``/_sim/…``: what people and the story do in the shop, outside its API.

POST /_sim/seed             {products?, taxes?, coupons?, customers?, settings?}: rows with ids
POST /_sim/checkout         a customer buys (see `checkout`)
POST /_sim/sell             {sku?}: a visitor buys one piece, by hand
POST /_sim/refund           {order_id, lines: [{sku|fee|shipping, qty}], restock, reason}
POST /_sim/price            {sku, price}
POST /_sim/stock            {sku, quantity}: a person counts
POST /_sim/webhook-weather  {duplicate: share, shuffle: flag, seed}
POST /_sim/owner-gone       {webhook_id, gone}: the webhook's user lost the right to see
GET  /_sim/counts           what the shop holds and what its webhooks did
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import accounts, dates, orders, products, refunds
from connectors.woocommerce.simulator.errors import WooError
from connectors.woocommerce.simulator.money import cents, places, rates_for, without_tax
from connectors.woocommerce.simulator.shop import Shop, tax_defaults

#: The mark of what people did in the window, on orders and as the reason of refunds.
BY_HAND = "_by_hand"
BY_HAND_REASON = "by hand"
VISITOR = {"email": "visitor@example.com", "first_name": "Vera", "last_name": "Visitor"}
TITLES = {"card": "Card", "bacs": "Direct bank transfer", "cod": "Cash on delivery"}


def seed(shop: Shop, wanted: Row) -> Row:
    """Fill the shop; rows may bring ids of their own. Existing tax rates are replaced if any
    are given."""
    shop.settings.update(wanted.get("settings") or {})
    shop.store.put("settings", "shop", shop.settings)
    if "taxes" in wanted:
        for id_ in list(shop.table("tax")):
            shop.store.drop("tax", id_)
    for rate in wanted.get("taxes") or []:
        id_ = rate.get("id") or shop.store.next_id("tax")
        shop.reserve_ids("tax", id_)
        shop.put("tax", {**tax_defaults(), **rate, "id": id_})
    for coupon in wanted.get("coupons") or []:
        shop.store.put("coupon", coupon["code"].lower(), coupon)
    for one in wanted.get("products") or []:
        if "id" in one:
            shop.reserve_ids("post", one["id"])
        products.create(shop, one, parent=one.get("parent_id", 0), id_=one.get("id"))
    for one in wanted.get("customers") or []:
        shop.reserve_ids("user", int(one.get("id", 1)) - 1)
        accounts.create_customer_row(shop, one)
    return {"products": len(shop.table("product"))}


def checkout(shop: Shop, wanted: Row) -> Row:
    """A customer buys: {lines: [{sku, qty, unit_price?}], shipping?: {title, total, method_id?},
    fees?: [{name, total, taxed?}], coupons?: [code], customer?: {email, first_name, …, country},
    account?: flag, placed_at?, payment_method?, transaction_id?, paid?, note?, meta?}. Prices
    include VAT.

    The order is left as a checkout leaves it: pending, then paid and processing; the webhook of
    the update is queued before that of the creation (finding 6). Raises WooError 400.
    """
    when = dates.instant(wanted["placed_at"]) if wanted.get("placed_at") else None
    method = wanted.get("payment_method", "card")
    customer = {"country": shop.settings["country"], **(wanted.get("customer") or {})}
    body: Row = {
        "billing": customer,
        "shipping": customer,
        "payment_method": method,
        "payment_method_title": TITLES.get(method, method.title()),
        "customer_id": _account(shop, customer) if wanted.get("account") else 0,
        "customer_note": wanted.get("note", ""),
        "transaction_id": wanted.get("transaction_id", ""),
        "line_items": [_line(shop, line) for line in wanted.get("lines") or []],
        "fee_lines": [_fee(shop, fee) for fee in wanted.get("fees") or []],
        "coupon_lines": [{"code": code} for code in wanted.get("coupons") or []],
        "meta_data": [{"key": k, "value": v} for k, v in (wanted.get("meta") or {}).items()],
    }
    if wanted.get("shipping"):
        body["shipping_lines"] = [_shipping(shop, wanted["shipping"])]
    row = orders.create(shop, body, via="checkout", placed=when)
    shop.happened.reverse()
    if wanted.get("paid", True):
        orders.pay(shop, row, when or shop.now(), body["transaction_id"])
    return {"id": row["id"], "number": str(row["id"]), "total": places(orders.total_of(row))}


def sell(shop: Shop, wanted: Row) -> Row:
    """A visitor buys one piece of ``sku``, or of anything that is in stock. Raises WooError 400."""
    lines = [{"sku": wanted.get("sku") or any_sku(shop), "qty": 1}]
    return checkout(shop, {"lines": lines, "customer": VISITOR, "meta": {BY_HAND: "yes"}})


def any_sku(shop: Shop) -> str:
    """A SKU the shop can sell now. Raises WooError 400 when there is none."""
    fit = [
        p["sku"]
        for p in shop.table("product").values()
        if p["sku"] and p["regular_price"] and (p["stock_quantity"] or 0) > 0
    ]
    if not fit:
        raise WooError(400, "empty_shop", "The shop has nothing in stock: give it some in the ERP.")
    return random.choice(fit)  # noqa: S311 - a person pressed a button


def refund(shop: Shop, wanted: Row) -> Row:
    """Refund quantities of lines as the shop's own screen does: the last piece takes what is
    left, so that a line fully refunded adds up to what was paid. Raises WooError."""
    order = shop.get("order", int(wanted["order_id"]))
    if order is None:
        raise WooError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    asked = wanted.get("lines")
    if asked is None:
        asked = [{"line_id": i["id"], "qty": i.get("quantity", 1)} for i in orders.all_items(order)]
    body = {
        "reason": wanted.get("reason", ""),
        "api_refund": False,
        "api_restock": bool(wanted.get("restock", True)),
        "line_items": [back for line in _merged(asked) for back in _backs(shop, order, line)],
    }
    when = dates.instant(wanted["placed_at"]) if wanted.get("placed_at") else None
    row = refunds.create(shop, order, body, when=when)
    return {"id": row["id"], "order_id": order["id"], "amount": row["amount"]}


def price(shop: Shop, wanted: Row) -> Row:
    row = _product(shop, wanted["sku"])
    products.update(shop, row, {"regular_price": str(wanted["price"])})
    return {"id": row["id"], "regular_price": row["regular_price"]}


def stock(shop: Shop, wanted: Row) -> Row:
    row = _product(shop, wanted["sku"])
    products.update(shop, row, {"manage_stock": True, "stock_quantity": int(wanted["quantity"])})
    return {"id": row["id"], "stock_quantity": row["stock_quantity"]}


def owner_gone(shop: Shop, wanted: Row) -> Row:
    hook = shop.table("webhook")[int(wanted["webhook_id"])]
    hook["owner_gone"] = bool(wanted.get("gone", True))
    shop.put("webhook", hook)
    return {"owner_gone": hook["owner_gone"]}


def counts(shop: Shop, sent: dict[str, int]) -> Row:
    by_status: dict[str, int] = {}
    for order in shop.table("order").values():
        by_status[order["status"]] = by_status.get(order["status"], 0) + 1
    return {
        "orders": sum(n for s, n in by_status.items() if s not in ("trash", "checkout-draft")),
        "orders_by_status": by_status,
        "order_total": places(_sum(shop)),
        "refunds": len(shop.table("refund")),
        "products": len(shop.table("product")),
        "customers": len(shop.table("customer")),
        "keys": len(shop.store.table("key")),
        "webhooks": {h["topic"]: h["status"] for h in shop.table("webhook").values()},
        "by_hand": sum(
            any(m["key"] == BY_HAND for m in o["meta_data"]) for o in shop.table("order").values()
        ),
        "queued": len(shop.store.table("queue")),
        "sent": dict(sent),
    }


def _sum(shop: Shop) -> Decimal:
    return sum((orders.total_of(o) for o in shop.table("order").values()), Decimal(0))


def _product(shop: Shop, sku: str) -> Row:
    row = shop.product_by_sku(sku)
    if row is None:
        raise WooError(400, "unknown_sku", f"The shop sells no {sku!r}: create it first.")
    return row


def _line(shop: Shop, line: Row) -> Row:
    row = _product(shop, line["sku"])
    price = line.get("unit_price")
    shown = row["sale_price"] or row["regular_price"]
    return {
        "product_id": row["id"],
        "quantity": int(line["qty"]),
        "_unit_price": Decimal(str((shown or "0") if price is None else price)),
    }


def _without_vat(shop: Shop, gross: Any, *, taxed: bool = True) -> str:
    amount = Decimal(str(gross))
    return places(without_tax(amount, rates_for(shop, "", "", "")) if taxed else amount, 6)


def _shipping(shop: Shop, wanted: Row) -> Row:
    return {
        "method_id": wanted.get("method_id", "flat_rate"),
        "method_title": wanted.get("title", "Carriage"),
        "total": _without_vat(shop, wanted["total"]),
    }


def _fee(shop: Shop, wanted: Row) -> Row:
    taxed = wanted.get("taxed", True)
    return {
        "name": wanted["name"],
        "total": _without_vat(shop, wanted["total"], taxed=taxed),
        "tax_status": "taxable" if taxed else "none",
    }


def _account(shop: Shop, customer: Row) -> int:
    for row in shop.table("customer").values():
        if row["email"].lower() == customer["email"].lower():
            return int(row["id"])
    told = {**customer, "billing": customer, "shipping": customer}
    return int(accounts.create_customer_row(shop, told)["id"])


def _merged(asked: list[Row]) -> list[Row]:
    """One request per SKU: two of the same draw on the same lines."""
    merged: dict[object, Row] = {}
    for line in asked:
        key = line.get("line_id") or str(line.get("sku") or line.get("fee") or "").lower()
        if key in merged:
            merged[key]["qty"] += int(line.get("qty", 1))
        else:
            merged[key] = {**line, "qty": int(line.get("qty", 1))}
    return list(merged.values())


def _backs(shop: Shop, order: Row, asked: Row) -> list[Row]:
    """The lines of a refund request for what is asked. Raises WooError when not so much is left."""
    wanted, given = asked["qty"], []
    for line in _originals(order, asked):
        left, net, taxes = refunds.left_of_line(shop, order, line)
        if "quantity" not in line:  # carriage and fees go back whole
            return [_back(line, 1, 1, net, taxes)]
        quantity = min(wanted, left)
        if quantity > 0:
            given.append(_back(line, quantity, left, net, taxes))
            wanted -= quantity
    if wanted and "line_id" not in asked:
        message = f"Order {order['id']} has {wanted} too few open pieces for {asked}."
        raise WooError(400, "refund_exceeds", message)
    return given


def _back(line: Row, quantity: int, left: int, net: Decimal, taxes: dict[int, Decimal]) -> Row:
    if quantity < left:
        net, taxes = _share(net, taxes, Decimal(quantity) / left)
    return {
        "id": line["id"],
        "quantity": quantity,
        "refund_total": str(net),
        "refund_tax": [{"id": id_, "refund_total": str(tax)} for id_, tax in taxes.items()],
    }


def _share(
    net: Decimal, taxes: dict[int, Decimal], share: Decimal
) -> tuple[Decimal, dict[int, Decimal]]:
    """A part of a line in cents: what was paid is split exactly, the last tax takes the rest."""
    paid = cents((net + sum(taxes.values())) * share)
    part = cents(net * share) if taxes else paid
    parts = {id_: cents(tax * share) for id_, tax in taxes.items()}
    if parts:
        last = max(parts)
        parts[last] += paid - part - sum(parts.values())
    return part, parts


def _originals(order: Row, asked: Row) -> list[Row]:
    """The order's lines a request means; a SKU that no line has means the carriage."""
    if "line_id" in asked:
        return [x for x in orders.all_items(order) if x["id"] == asked["line_id"]]
    if asked.get("fee"):
        return [x for x in order["fee_lines"] if x["name"] == asked["fee"]]
    sku = str(asked.get("sku", "")).lower()
    goods = [x for x in order["lines"] if sku and str(x["sku"] or "").lower() == sku]
    return goods or list(order["shipping_lines"])
