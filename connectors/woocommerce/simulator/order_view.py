"""How an order and its refunds are shown: every field of the recorded answers, with their types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import orders
from connectors.woocommerce.simulator.money import (
    php_division,
    php_number,
    places,
    short,
    tax_cents,
)
from connectors.woocommerce.simulator.products import links
from connectors.woocommerce.simulator.shop import SYMBOLS, Shop

VERSION = "11.0.1"


def view(shop: Shop, row: Row, dp: int = 2) -> Row:
    """``dp``: digits of money, as the parameter of the same name (finding 22)."""
    url, id_, status = shop.settings["url"], row["id"], row["status"]
    total, sums = orders.total_of(row), _sums(row)
    return {
        "id": id_, "parent_id": 0, "status": status, "currency": row["currency"],
        "version": VERSION, "prices_include_tax": row["prices_include_tax"],
        "date_created": shop.stamps("created", row["created"])["date_created"],
        "date_modified": shop.stamps("modified", row["modified"])["date_modified"],
        **{name: places(amount, dp) for name, amount in sums.items()},
        "total": places(total, dp),
        "total_tax": places(sums["cart_tax"] + sums["shipping_tax"], dp),
        "customer_id": row["customer_id"], "order_key": row["order_key"],
        "billing": row["billing"], "shipping": row["shipping"],
        "payment_method": row["payment_method"],
        "payment_method_title": row["payment_method_title"],
        "transaction_id": row["transaction_id"], "customer_ip_address": "",
        "customer_user_agent": "", "created_via": row["created_via"],
        "customer_note": row["customer_note"],
        "date_completed": shop.stamps("completed", row["completed"])["date_completed"],
        "date_paid": shop.stamps("paid", row["paid"])["date_paid"],
        "cart_hash": "", "number": str(id_), "meta_data": row["meta_data"],
        "line_items": [line_view(row, line, dp) for line in row["lines"]],
        "tax_lines": _tax_lines(shop, row, dp),
        "shipping_lines": [_shipping_view(row, line, dp) for line in row["shipping_lines"]],
        "fee_lines": [_fee_view(row, line, dp) for line in row["fee_lines"]],
        "coupon_lines": _coupons(row),
        "refunds": [_refund_line(shop, r, dp) for r in row["refunds"]],
        "payment_url": f"{url}/checkout/order-pay/{id_}/?pay_for_order=true"
        f"&key={row['order_key']}",
        "is_editable": status in ("pending", "on-hold"),
        "needs_payment": status in ("pending", "failed") and total > 0,
        "needs_processing": bool(row["lines"]),
        **{
            f"date_{name}_gmt": shop.stamps(name, row[name])[f"date_{name}_gmt"]
            for name in ("created", "modified", "completed", "paid")
        },
        "currency_symbol": SYMBOLS.get(row["currency"], row["currency"]),
        "_links": _links(url, row),
    }  # fmt: skip


def line_view(order: Row, line: Row, dp: int = 2) -> Row:
    quantity, total = line["quantity"], Decimal(line["total"])
    return {
        "id": line["id"], "name": line["name"], "product_id": line["product_id"],
        "variation_id": line["variation_id"], "quantity": quantity,
        "tax_class": line["tax_class"], "subtotal": places(Decimal(line["subtotal"]), dp),
        "subtotal_tax": places(orders.tax_of(order, line, "subtotal"), dp),
        "total": places(total, dp), "total_tax": places(orders.tax_of(order, line), dp),
        "taxes": [_tax_view(order, t, dp) for t in line["taxes"]],
        "meta_data": [_displayed(m) for m in line["meta_data"]], "sku": line["sku"],
        "global_unique_id": line["global_unique_id"],
        "price": php_division(total, quantity),
        "image": line["image"], "parent_name": line["parent_name"],
    }  # fmt: skip


def refund_view(shop: Shop, order: Row, refund: Row, *, everywhere: bool = False) -> Row:
    """``everywhere``: as `/refunds` shows it, with the order in ``parent_id`` (recording 170)."""
    url, id_, up = shop.settings["url"], refund["id"], order["id"]
    shown = {
        "id": id_, **shop.stamps("created", refund["created"]), "amount": refund["amount"],
        "reason": refund["reason"], "refunded_by": 1, "refunded_payment": False,
        "meta_data": refund["meta_data"],
        "line_items": [line_view(order, line) for line in refund["lines"]],
        "shipping_lines": [_shipping_view(order, x, 2) for x in refund["shipping_lines"]],
        "tax_lines": _tax_lines(shop, {**refund, "prices_include_tax": False}, 2),
        "fee_lines": [_fee_view(order, x, 2) for x in refund["fee_lines"]],
        "_links": {
            **links(url, f"orders/{up}/refunds", id_, ("GET", "DELETE")),
            "up": [{"href": f"{url}/wp-json/wc/v3/orders/{up}"}],
        },
    }  # fmt: skip
    if everywhere:
        shown = {"id": id_, "parent_id": up, **shown}
    return shown


def _sums(row: Row) -> dict[str, Decimal]:
    def total(items: list[Row], part: str = "total") -> Decimal:
        return sum((Decimal(places(Decimal(i[part]))) for i in items), Decimal(0))

    def tax(items: list[Row], part: str = "total") -> Decimal:
        return sum(orders.tax_sums(row, items, part).values(), Decimal(0))

    lines, shipping, fees = row["lines"], row["shipping_lines"], row["fee_lines"]
    return {
        "discount_total": total(lines, "subtotal") - total(lines),
        "discount_tax": tax(lines, "subtotal") - tax(lines),
        "shipping_total": total(shipping),
        "shipping_tax": tax(shipping),
        "cart_tax": tax(lines) + tax(fees),
    }


def _tax_lines(shop: Shop, row: Row, dp: int) -> list[Row]:
    items = list(orders.all_items(row))
    cart = orders.tax_sums(row, [i for i in items if "method_id" not in i])
    shipping = orders.tax_sums(row, [i for i in items if "method_id" in i])
    shown = []
    for id_ in sorted({*cart, *shipping}):
        rate = shop.get("tax", id_) or {"name": "", "country": "", "state": "", "rate": "0"}
        where = "-".join(x for x in (rate["country"], rate["state"]) if x)
        name = f"{where}-{rate['name'].upper()}-{rate.get('priority', 1)}".lstrip("-")
        item_id = row["tax_items"].setdefault(str(id_), shop.item_id())
        shown.append(
            {
                "id": item_id, "rate_code": name, "rate_id": id_, "label": rate["name"],
                "compound": rate.get("compound", False),
                "tax_total": places(cart.get(id_, Decimal(0)), dp),
                "shipping_tax_total": places(shipping.get(id_, Decimal(0)), dp),
                "rate_percent": php_number(Decimal(rate["rate"])), "meta_data": [],
            }
        )  # fmt: skip
    return shown


def _tax_view(order: Row, tax: Row, dp: int) -> Row:
    def shown(text: str) -> str:
        if text == "":
            return ""
        if dp > 2:
            return places(Decimal(text), dp)
        return places(tax_cents(Decimal(text), order["prices_include_tax"]), dp)

    return {"id": tax["id"], "total": shown(tax["total"]), "subtotal": shown(tax["subtotal"])}


def _shipping_view(order: Row, line: Row, dp: int) -> Row:
    return {
        "id": line["id"], "method_title": line["method_title"], "method_id": line["method_id"],
        "instance_id": "", "total": places(Decimal(line["total"]), dp),
        "total_tax": places(orders.tax_of(order, line), dp),
        "taxes": [_tax_view(order, t, dp) for t in line["taxes"]], "tax_status": "taxable",
        "meta_data": line["meta_data"],
    }  # fmt: skip


def _fee_view(order: Row, line: Row, dp: int) -> Row:
    return {
        "id": line["id"], "name": line["name"], "tax_class": line["tax_class"],
        "tax_status": "taxable" if line["taxes"] else "none", "amount": "",
        "total": places(Decimal(line["total"]), dp),
        "total_tax": places(orders.tax_of(order, line), dp),
        "taxes": [_tax_view(order, t, dp) for t in line["taxes"]],
        "meta_data": line["meta_data"],
    }  # fmt: skip


def _coupons(row: Row) -> list[Row]:
    """With one percent coupon, as the shop of the recordings had, it took all that was off."""
    sums, alone = _sums(row), len(row["coupon_lines"]) == 1
    shown = []
    for c in row["coupon_lines"]:
        nominal = Decimal(str(c.get("percent", c.get("amount"))))
        off = sums["discount_total"] if alone else Decimal(c["off"])
        tax = sums["discount_tax"] if alone else Decimal(c["off_tax"])
        shown.append(
            {
                "id": c["id"], "code": c["code"], "discount": short(off),
                "discount_tax": short(tax), "meta_data": [],
                "discount_type": c.get("type", "percent"), "nominal_amount": php_number(nominal),
                "free_shipping": False,
            }
        )  # fmt: skip
    return shown


def _refund_line(shop: Shop, id_: int, dp: int) -> Row:
    refund = shop.table("refund")[id_]
    tax = sum(
        (tax_cents(Decimal(t["total"]), False) for i in orders.all_items(refund)
         for t in i["taxes"]),
        Decimal(0),
    )  # fmt: skip
    return {
        "id": id_,
        "reason": refund["reason"],
        "total": f"-{refund['amount']}",
        "total_tax": places(tax, dp),
    }


def _displayed(meta: Row) -> Row:
    value = meta["value"]
    text = value.replace("&", "&amp;") if isinstance(value, str) else value
    return {**meta, "display_key": meta["key"], "display_value": text}


def _links(url: str, row: Row) -> dict[str, Any]:
    base = f"{url}/wp-json/wc/v3"
    shown: dict[str, Any] = links(url, "orders", row["id"])
    shown["email_templates"] = [
        {"embeddable": True, "href": f"{base}/orders/{row['id']}/actions/email_templates"}
    ]
    if row["customer_id"]:
        shown["customer"] = [{"href": f"{base}/customers/{row['customer_id']}"}]
    return shown
