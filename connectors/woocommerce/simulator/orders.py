"""Orders: creating, paying, changing status, reducing stock. How they look is order_view's."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import coupons, errors, products
from connectors.woocommerce.simulator.money import (
    MICRO,
    cents,
    places,
    rates_for,
    tax_cents,
    tax_on,
    without_tax,
)
from connectors.woocommerce.simulator.shop import Shop

STATUSES = (
    "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded",
    "failed", "checkout-draft",
)  # fmt: skip
PAID = ("processing", "completed")
#: Stock leaves with these (WooCommerce reduces it for on-hold too) and comes back with those.
REDUCING = ("processing", "completed", "on-hold")
RESTORING = ("cancelled", "pending")
ADDRESS = (
    "first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode",
    "country",
)  # fmt: skip


def validate(body: Row, *, update: bool = False) -> None:
    """The schema of single writes; batch items skip it (finding 21). Raises WooError 400."""
    faults: dict[str, tuple[str, str]] = {}
    if "status" in body and body["status"] not in STATUSES:
        faults["status"] = errors.one_of("status", STATUSES)
    email = (body.get("billing") or {}).get("email")
    if email and "@" not in email:
        faults["billing"] = ("rest_invalid_email", "Invalid email address.")
    for i, line in enumerate(body.get("line_items") or []):
        quantity = line.get("quantity", 1)
        if not isinstance(quantity, int) or isinstance(quantity, bool):
            name = f"line_items[{i}][quantity]"
            faults["line_items"] = errors.not_of_type(name, "integer")
    if faults:
        raise errors.invalid_params(faults)


def create(shop: Shop, body: Row, *, via: str = "rest-api", placed: int | None = None) -> Row:
    """Raises WooError 400; a bad coupon leaves a checkout-draft behind (finding 27)."""
    _check_references(shop, body)
    now = shop.now()
    row: Row = {
        "id": shop.post_id(), "status": "pending", "currency": shop.settings["currency"],
        "prices_include_tax": shop.settings["prices_include_tax"],
        "created": placed or now, "modified": now, "completed": None, "paid": None,
        "customer_id": body.get("customer_id", 0),
        "order_key": f"wc_order_{secrets.token_hex(7)}", "billing": {}, "shipping": {},
        "payment_method": "", "payment_method_title": "", "transaction_id": "",
        "created_via": via, "customer_note": "", "meta_data": [], "lines": [],
        "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "tax_items": {},
        "refunds": [], "stock_reduced": False,
        "round_at_subtotal": shop.settings.get("round_at_subtotal", False),
    }  # fmt: skip
    if "currency" in body:
        row["currency"] = body["currency"]
    _apply_plain(shop, row, body)
    try:
        _apply_lines(shop, row, body)
    except errors.WooError as error:
        row["status"] = "checkout-draft"
        shop.put("order", row)
        if error.code == "woocommerce_rest_invalid_coupon":
            error.data["new_draft_order_id"] = row["id"]
        raise
    shop.put("order", row)
    shop.happen("order", "created", row["id"])
    shop.happen("order", "updated", row["id"])
    wanted = body.get("status", "pending")
    if body.get("set_paid"):
        pay(shop, row, placed or now, str(body.get("transaction_id") or ""))
    elif wanted in STATUSES:
        set_status(shop, row, wanted)
    return row


def update(shop: Shop, row: Row, body: Row) -> Row:
    """PUT: what is sent changes, the rest stays. Raises WooError 400 for an unknown line."""
    _apply_plain(shop, row, body)
    _edit_lines(shop, row, body)
    if body.get("set_paid") and row["paid"] is None:
        pay(shop, row, shop.now(), str(body.get("transaction_id") or ""))
    if body.get("status") in STATUSES:
        from_trash = row["status"] == "trash"
        set_status(shop, row, body["status"])
        if from_trash:  # restoring says nothing at all (finding 9)
            row["meta_data"] = [m for m in row["meta_data"] if "_wp_trash" not in m["key"]]
            shop.happened.clear()
            return save(shop, row, tell=False)
    return save(shop, row)


def save(shop: Shop, row: Row, *, tell: bool = True) -> Row:
    row["modified"] = shop.now()
    shop.put("order", row)
    if tell:
        shop.happen("order", "updated", row["id"])
    return row


def pay(shop: Shop, row: Row, when: int, transaction: str) -> None:
    row["paid"] = when
    row["transaction_id"] = transaction or row["transaction_id"]
    set_status(shop, row, "processing")


def set_status(shop: Shop, row: Row, status: str) -> None:
    """Change the status with what follows from it: dates, stock. The caller saves."""
    row["status"] = status
    if status in PAID and row["paid"] is None and row["payment_method"] != "cod":
        row["paid"] = shop.now()
    if status == "completed" and row["completed"] is None:
        row["completed"] = shop.now()
    if status in REDUCING and not row["stock_reduced"]:
        _move_stock(shop, row, -1)
    elif status in RESTORING and row["stock_reduced"]:
        _move_stock(shop, row, +1)
    shop.put("order", row)


def trash(shop: Shop, row: Row) -> None:
    for key, value in (
        ("_wp_trash_meta_status", f"wc-{row['status']}"),
        ("_wp_trash_meta_time", str(shop.now())),
    ):
        row["meta_data"].append({"id": shop.store.next_id("meta"), "key": key, "value": value})
    row["status"] = "trash"
    save(shop, row, tell=False)
    shop.happen("order", "deleted", row["id"])


def total_of(row: Row) -> Decimal:
    """Never reduced by refunds (finding 25)."""
    net = sum((cents(Decimal(i["total"])) for i in all_items(row)), Decimal(0))
    return net + sum(tax_sums(row, list(all_items(row))).values(), Decimal(0))


def tax_sums(row: Row, items: list[Row], part: str = "total") -> dict[int, Decimal]:
    """Tax per rate: each line's cents added up, or (``round_at_subtotal``) the sum rounded.
    Carriage and goods are summed apart, as the order shows them."""
    inclusive = row["prices_include_tax"]
    if not row.get("round_at_subtotal"):
        return _added(items, part, lambda amount: tax_cents(amount, inclusive))
    whole: dict[int, Decimal] = {}
    every = list(items)
    for some in (
        [i for i in every if "method_id" in i],
        [i for i in every if "method_id" not in i],
    ):
        for id_, amount in _added(some, part, lambda amount: amount).items():
            whole[id_] = whole.get(id_, Decimal(0)) + tax_cents(amount, inclusive)
    return whole


def _added(
    items: Iterable[Row], part: str, rounded: Callable[[Decimal], Decimal]
) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for item in items:
        for tax in item["taxes"]:
            amount = rounded(Decimal(tax[part] or "0"))
            sums[tax["id"]] = sums.get(tax["id"], Decimal(0)) + amount
    return sums


def all_items(row: Row) -> Iterable[Row]:
    yield from row["lines"]
    yield from row["shipping_lines"]
    yield from row["fee_lines"]


def tax_of(row: Row, item: Row, part: str = "total") -> Decimal:
    inclusive = row["prices_include_tax"]
    return sum((tax_cents(Decimal(t[part] or "0"), inclusive) for t in item["taxes"]), Decimal(0))


def _check_references(shop: Shop, body: Row) -> None:
    customer = body.get("customer_id", 0)
    if customer and shop.get("customer", customer) is None:
        raise errors.WooError(
            400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid."
        )
    for line in body.get("line_items") or []:
        if not any(line.get(n) for n in ("product_id", "variation_id", "sku")):
            raise errors.WooError(
                400,
                "woocommerce_rest_required_product_reference",
                "Product ID or SKU is required.",
            )


def _apply_plain(shop: Shop, row: Row, body: Row) -> None:
    for name, extra in (("billing", ("email", "phone")), ("shipping", ("phone",))):
        old, new = row[name], body.get(name) or {}
        row[name] = {f: new.get(f, old.get(f, "")) for f in (*ADDRESS, *extra)}
    for name in ("payment_method", "payment_method_title", "transaction_id", "customer_note"):
        if name in body:
            row[name] = body[name]
    row["meta_data"] = shop.merge_meta(row["meta_data"], body.get("meta_data"))


def _apply_lines(shop: Shop, row: Row, body: Row) -> None:
    used = coupons.asked(shop, body)
    for line in body.get("line_items") or []:
        row["lines"].append(_product_line(shop, row, line, coupons.share(used)))
    coupons.apply(shop, row, used, _retaxed)
    for line in body.get("shipping_lines") or []:
        row["shipping_lines"].append(_charge(shop, row, line, "shipping"))
    for line in body.get("fee_lines") or []:
        row["fee_lines"].append(_charge(shop, row, line, "fee"))


def _edit_lines(shop: Shop, row: Row, body: Row) -> None:
    for line in body.get("line_items") or []:
        if "id" not in line:
            row["lines"].append(_product_line(shop, row, line, Decimal(0)))
            continue
        at = next((i for i, ln in enumerate(row["lines"]) if ln["id"] == line["id"]), None)
        if at is None:
            raise errors.WooError(
                400,
                "woocommerce_rest_invalid_item_id",
                "Order item ID provided is not associated with order.",
            )
        if line.get("quantity") == 0 or line.get("product_id", 0) is None:
            del row["lines"][at]
        elif "quantity" in line:
            old = row["lines"][at]
            told = {"product_id": old["variation_id"] or old["product_id"], **line}
            row["lines"][at] = {**_product_line(shop, row, told, Decimal(0)), "id": old["id"]}


def _product_line(shop: Shop, row: Row, line: Row, discount: Decimal) -> Row:
    product = _find(shop, line)
    quantity = products._whole(line.get("quantity", 1))
    parent = shop.get("product", product["parent_id"]) if product and product["parent_id"] else None
    tax_class = product["tax_class"] if product else ""
    subtotal = _said(line, "subtotal", _net(shop, row, product, line, quantity))
    total = _said(line, "total", subtotal - cents(subtotal * discount))
    meta = [
        {"id": shop.store.next_id("meta"), "key": m["key"], "value": m["value"]}
        for m in line.get("meta_data") or []
    ]
    return {
        "id": shop.item_id(), "name": line.get("name") or (product["name"] if product else ""),
        "product_id": (parent or product or {"id": 0})["id"],
        "variation_id": product["id"] if product and parent else 0,
        "quantity": quantity, "tax_class": tax_class,
        "subtotal": places(subtotal, 6), "total": places(total, 6),
        "taxes": _taxes(shop, row, tax_class, total, subtotal), "meta_data": meta,
        "sku": product["sku"] if product else None,
        "global_unique_id": product["global_unique_id"] if product else None,
        "image": _image(product), "parent_name": parent["name"] if parent else None,
    }  # fmt: skip


def _find(shop: Shop, line: Row) -> Row | None:
    """The product of a line; an unknown id is accepted with nothing in it (finding 27)."""
    if line.get("sku") and not line.get("product_id"):
        found = shop.product_by_sku(line["sku"])
        if found is None:
            raise errors.WooError(
                400,
                "woocommerce_rest_required_product_reference",
                "Product ID or SKU is required.",
            )
        return found
    return shop.get("product", line.get("variation_id") or line.get("product_id") or 0)


def _net(shop: Shop, row: Row, product: Row | None, line: Row, quantity: int) -> Decimal:
    """A line's price without tax. The API takes tax out of one piece and rounds that first
    (recording 300); a checkout takes it out of the whole line. Only a checkout has a price of its
    own: it passes a Decimal, which no JSON holds."""
    tax_class = product["tax_class"] if product else ""
    shown = (product["sale_price"] or product["regular_price"]) if product else ""
    own = line.get("_unit_price")
    at_checkout = isinstance(own, Decimal)
    price = own if isinstance(own, Decimal) else Decimal(shown or "0")
    if not row["prices_include_tax"]:
        return price * quantity
    base = rates_for(shop, "", "", tax_class)
    if at_checkout:
        return without_tax(price * quantity, base)
    return without_tax(price, base) * quantity


def _said(line: Row, name: str, computed: Decimal) -> Decimal:
    return Decimal(str(line[name])) if name in line else computed.quantize(MICRO)


def _taxes(
    shop: Shop, row: Row, tax_class: str, total: Decimal, subtotal: Decimal | None
) -> list[Row]:
    where = row["shipping"] if row["shipping"].get("country") else row["billing"]
    rates = rates_for(shop, where.get("country", ""), where.get("state", ""), tax_class)
    if subtotal is None:
        rates = [r for r in rates if r["shipping"]]
    on_total = tax_on(total, rates)
    on_subtotal = tax_on(subtotal, rates) if subtotal is not None else {}
    return [
        {
            "id": rate["id"],
            "total": places(on_total[rate["id"]], 6),
            "subtotal": places(on_subtotal[rate["id"]], 6) if subtotal is not None else "",
        }
        for rate in rates
    ]


def _retaxed(shop: Shop, row: Row, line: Row) -> None:
    """A line whose total changed, with its taxes anew."""
    total, subtotal = Decimal(line["total"]), Decimal(line["subtotal"])
    line["taxes"] = _taxes(shop, row, line["tax_class"], total, subtotal)


def _charge(shop: Shop, row: Row, line: Row, kind: str) -> Row:
    """A shipping or fee line; its amount is always without tax, even where prices include it."""
    total = Decimal(str(line.get("total") or "0"))
    taxed = kind == "shipping" or line.get("tax_status", "taxable") == "taxable"
    item: Row = {
        "id": shop.item_id(),
        "total": places(total, 6),
        "taxes": _charge_taxes(shop, row, kind, total) if taxed else [],
        "meta_data": [],
    }
    if kind == "shipping":
        item["method_id"] = line.get("method_id", "")
        item["method_title"] = line.get("method_title", "")
        return item
    return {**item, "name": line.get("name") or "Fee", "tax_class": line.get("tax_class", "")}


def _charge_taxes(shop: Shop, row: Row, kind: str, total: Decimal) -> list[Row]:
    if kind == "shipping":
        return _taxes(shop, row, "", total, None)
    return [{**t, "subtotal": ""} for t in _taxes(shop, row, "", total, total)]


def _image(product: Row | None) -> Row:
    if product is None:
        return {"id": 0, "src": ""}
    if not product["images"]:
        return {"id": "", "src": ""}
    return {"id": str(product["images"][0]["id"]), "src": product["images"][0]["src"]}


def _move_stock(shop: Shop, row: Row, sign: int) -> None:
    row["stock_reduced"] = sign < 0
    for line in row["lines"]:
        product = shop.get("product", line["variation_id"] or line["product_id"])
        if product is None:
            continue
        reduced: Any = next((m for m in line["meta_data"] if m["key"] == "_reduced_stock"), None)
        if sign < 0:
            if products.change_stock(shop, product, -line["quantity"]):
                product["total_sales"] += line["quantity"]
                line["meta_data"].append(
                    {
                        "id": shop.store.next_id("meta"),
                        "key": "_reduced_stock",
                        "value": str(line["quantity"]),
                    }
                )
        elif reduced is not None:
            products.change_stock(shop, product, int(reduced["value"]))
            line["meta_data"].remove(reduced)
