"""Refunds: money going back, goods coming back, and the shop's odd answers about both."""

from __future__ import annotations

from decimal import Decimal

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import errors, orders, products
from connectors.woocommerce.simulator.money import cents, places
from connectors.woocommerce.simulator.shop import Shop

_CODE = "woocommerce_rest_cannot_create_order_refund"


def create(shop: Shop, order: Row | None, body: Row, *, when: int | None = None) -> Row:
    """Raises WooError 500, never 400 (finding 25): don't retry every 500."""
    if order is None:
        raise errors.WooError(
            500, "woocommerce_rest_invalid_order_id", "Invalid order ID.", bare=404
        )
    lines = [_line(shop, order, asked) for asked in body.get("line_items") or []]
    amount = _amount(body, [x for x in lines if x])
    if amount and Decimal(amount) > remaining(shop, order):
        raise errors.WooError(500, _CODE, "Invalid refund amount.", bare=500)
    if body.get("api_refund", True) and order["payment_method"] in ("bacs", "cod", "cheque", ""):
        raise errors.WooError(
            500,
            _CODE,
            "The payment gateway for this order does not support automatic refunds.",
            bare=500,
        )
    return _store(shop, order, body, lines, amount, when or shop.now())


def _store(
    shop: Shop, order: Row, body: Row, lines: list[tuple[str, Row]], amount: str, when: int
) -> Row:
    full = bool(amount) and Decimal(amount) > 0 and Decimal(amount) == remaining(shop, order)
    row: Row = {
        "id": shop.post_id(), "order_id": order["id"], "created": when, "amount": amount,
        "reason": body.get("reason") or "",
        "meta_data": [
            {
                "id": shop.store.next_id("meta"),
                "key": "_refund_type",
                "value": "full" if full else "partial",
            }
        ],
        "lines": [], "shipping_lines": [], "fee_lines": [], "tax_items": {},
    }  # fmt: skip
    for kind, line in lines:
        row[kind].append(line)
    shop.put("refund", row)
    order["refunds"].append(row["id"])
    if body.get("api_restock", True):
        _restock(shop, order, row)
    if full:
        order["status"] = "refunded"  # without giving stock back (finding 26)
    orders.save(shop, order)
    return row


def by_status(shop: Shop, order: Row) -> None:
    """Setting the status to refunded by hand creates a refund of what is left (finding 26)."""
    left = remaining(shop, order)
    if left > 0:
        body = {"amount": places(left), "api_refund": False, "reason": "Order fully refunded."}
        create(shop, order, body)


def destroy(shop: Shop, order: Row, refund: Row) -> None:
    """Says nothing to anyone."""
    order["refunds"].remove(refund["id"])
    shop.store.drop("refund", refund["id"])
    orders.save(shop, order, tell=False)


def remaining(shop: Shop, order: Row) -> Decimal:
    given = sum(
        (Decimal(shop.table("refund")[r]["amount"] or "0") for r in order["refunds"]), Decimal(0)
    )
    return orders.total_of(order) - given


def left_of_line(shop: Shop, order: Row, line: Row) -> tuple[int, Decimal, dict[int, Decimal]]:
    """What of a line isn't refunded yet: quantity, net, tax per rate, in cents."""
    quantity = line.get("quantity", 0)
    net = cents(Decimal(line["total"]))
    taxes = {t["id"]: orders.tax_of(order, {"taxes": [t]}) for t in line["taxes"]}
    for id_ in order["refunds"]:
        for back in orders.all_items(shop.table("refund")[id_]):
            if _origin(back) != line["id"]:
                continue
            quantity += back.get("quantity", 0)
            net += Decimal(back["total"])
            for tax in back["taxes"]:
                taxes[tax["id"]] = taxes.get(tax["id"], Decimal(0)) + Decimal(tax["total"])
    return quantity, net, taxes


def _origin(line: Row) -> int:
    return int(next((m["value"] for m in line["meta_data"] if m["key"] == "_refunded_item_id"), 0))


def _amount(body: Row, lines: list[tuple[str, Row]]) -> str:
    if "amount" in body:
        return str(body["amount"])
    if not lines:
        return ""
    total = sum((Decimal(x["total"]) for _, x in lines), Decimal(0))
    tax = sum((Decimal(t["total"]) for _, x in lines for t in x["taxes"]), Decimal(0))
    return places(-(total + tax))


def _line(shop: Shop, order: Row, asked: Row) -> tuple[str, Row]:
    """Which list of the refund a line belongs to, and the negative line. Raises WooError 400."""
    wanted = int(asked.get("id") or 0)
    for kind in ("lines", "shipping_lines", "fee_lines"):
        for original in order[kind]:
            if original["id"] == wanted:
                return kind, _negative(shop, original, asked)
    raise errors.WooError(
        400,
        "woocommerce_rest_invalid_item_id",
        "Order item ID provided is not associated with order.",
    )


def _negative(shop: Shop, original: Row, asked: Row) -> Row:
    total = places(-Decimal(str(asked.get("refund_total") or 0)))
    taxes = [
        {"id": int(t["id"]), "total": places(-Decimal(str(t["refund_total"])), 6)}
        for t in asked.get("refund_tax") or []
    ]
    line = {
        **original,
        "id": shop.item_id(),
        "total": total,
        "taxes": [{**t, "subtotal": t["total"]} for t in taxes],
        "meta_data": [
            {
                "id": shop.store.next_id("meta"),
                "key": "_refunded_item_id",
                "value": str(original["id"]),
            }
        ],
    }
    if "quantity" in original:
        line["quantity"] = -abs(int(asked.get("quantity") or 0))
        line["subtotal"] = total
    return line


def _restock(shop: Shop, order: Row, refund: Row) -> None:
    """Give goods back and keep the books of it in the line's own metadata (recording 171)."""
    for back in refund["lines"]:
        line = next(x for x in order["lines"] if x["id"] == _origin(back))
        product = shop.get("product", line["variation_id"] or line["product_id"])
        if product is None or not back["quantity"]:
            continue
        if products.change_stock(shop, product, -back["quantity"]):
            for meta in line["meta_data"]:
                if meta["key"] == "_reduced_stock":
                    meta["value"] = str(int(meta["value"]) + back["quantity"])
            line["meta_data"].append(
                {
                    "id": shop.store.next_id("meta"),
                    "key": "_restock_refunded_items",
                    "value": str(-back["quantity"]),
                }
            )
