"""Sales orders: made with their lines, totals compared, confirmed; amended until invoiced."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from connectors.odoo.catalogue import id_of
from connectors.odoo.client import Json
from connectors.odoo.customers import guest
from connectors.odoo.lines import edge, exact, priced
from connectors.odoo.target import Target, Writing, must
from connectors.sdk.errors import DocumentLocked, Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

MODEL = "sale.order"
FIELDS = ["name", "state", "amount_total", "invoice_ids", "order_line", "delivery_status"]
CONFIRMED = ("sale", "done")

#: What makes a line what it is: product, unit price, taxes.
Kind = tuple[int, Decimal, tuple[int, ...]]


def write(odoo: Target, item: WriteItem) -> Writing:
    known = item.external_id or item.steps.get("order", "")
    if not known and item.uncertain:
        row = _by_ref(odoo, item)
        if row is not None:
            known = str(row["id"])
            yield Step("order", known)
    if known:
        order = odoo.needed(MODEL, known, FIELDS)
        return (yield from _amend(odoo, item, order))
    id_ = odoo.client.create(MODEL, _values(odoo, item))
    order = odoo.needed(MODEL, id_, FIELDS)
    _check_total(odoo, item, order)
    yield Step("order", str(id_))
    if _cancelled(item):
        return _cancel(odoo, order)
    yield from _confirm(odoo, order)
    return _done(odoo, order)


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    row = _by_ref(odoo, item)
    if row is None:
        return None
    id_ = str(row["id"])
    steps = {"order": id_}
    if row["state"] in CONFIRMED:
        steps["confirmed"] = id_
    return Found(id_, steps, complete=row["state"] in (*CONFIRMED, "cancel"))


def _by_ref(odoo: Target, item: WriteItem) -> Json | None:
    return odoo.found(MODEL, [["client_order_ref", "=", item.ref]], FIELDS)


def _done(odoo: Target, order: Json, unchanged: bool = False) -> Done:
    return Done(str(order["id"]), url=odoo.url(MODEL, order["id"]), unchanged=unchanged)


def _cancelled(item: WriteItem) -> bool:
    return item.op == "delete" or bool(item.body.get("cancelled"))


# ------------------------------------------------------------------ making one


def _values(odoo: Target, item: WriteItem) -> Json:
    body = item.body
    house = body.get("warehouse") or odoo.config.get("web_warehouse", "CEN")
    lines = [vals for line in body["lines"] for vals in _line_values(odoo, line)]
    values: Json = {
        "partner_id": int(body.get("partner_id") or guest(odoo)),
        "client_order_ref": item.ref,
        "origin": body.get("origin") or False,
        "warehouse_id": odoo.catalogue.warehouse(house).id,
        "order_line": [[0, 0, vals] for vals in lines],
    }
    for name in ("date_order", "note"):
        if body.get(name):
            values[name] = body[name]
    return values


def _line_values(odoo: Target, line: Json) -> list[Json]:
    """A canonical line as one or two of Odoo's, whose total is the same to the cent."""
    taxes = [odoo.catalogue.tax(code) for code in dict.fromkeys(line.get("taxes") or [])]
    total = exact(line["net"])
    if all(tax.included for tax in taxes):
        total += exact(line.get("tax_total"))
    product = line.get("product_id") or odoo.catalogue.product_for(line.get("kind", "item"))
    field = "tax_ids" if odoo.catalogue.has_field("sale.order.line", "tax_ids") else "tax_id"
    return [
        {
            "product_id": int(product),
            "name": line["name"],
            "product_uom_qty": edge(part.qty),
            "price_unit": edge(part.unit),
            field: [[6, 0, [tax.id for tax in taxes]]],
        }
        for part in priced(total, exact(line["qty"]))
    ]


def _check_total(odoo: Target, item: WriteItem, order: Json) -> None:
    """Odoo computes totals itself. A draft that came out wrong is removed again."""
    wanted, have = exact(item.body["total"]), exact(order["amount_total"])
    if have == wanted:
        return
    if order["state"] == "draft":
        odoo.client.act(MODEL, "unlink", order["id"])
    raise Rejected(
        f"Odoo makes {have} of an order of {wanted}: compare its prices and taxes with the "
        "shop's, then resend.",
        code="rounding-out-of-tolerance",
    )


def _confirm(odoo: Target, order: Json) -> Writing:
    if order["state"] not in CONFIRMED:
        odoo.client.act(MODEL, "action_confirm", order["id"])
        state = odoo.needed(MODEL, order["id"], ["state"])["state"]
        must(state in CONFIRMED, f"the order {order['name']} is still {state}")
        yield Step("confirmed", str(order["id"]))
    return _done(odoo, order)


# ------------------------------------------------------------------ changing one


def _amend(odoo: Target, item: WriteItem, order: Json) -> Writing:
    if _cancelled(item):
        return _cancel(odoo, order)
    commands = _commands(odoo, item, order)
    if commands and (locked := _locked(odoo, order)):
        raise DocumentLocked(
            f"Order {order['name']} is {locked} in Odoo: what changed must be corrected by a "
            "refund, a return or an order of its own."
        )
    if commands:
        odoo.client.call(MODEL, "write", ids=[order["id"]], vals={"order_line": commands})
        order = odoo.needed(MODEL, order["id"], FIELDS)
    if commands or order["state"] == "draft":
        _check_total(odoo, item, order)
    waiting = order["state"] in ("draft", "sent")
    yield from _confirm(odoo, order) if waiting else ()
    return _done(odoo, order, unchanged=not commands and not waiting)


def _commands(odoo: Target, item: WriteItem, order: Json) -> list[Any]:
    """What turns the order's lines into the wanted ones; a confirmed order's lines stay, with
    quantity zero."""
    field = "tax_ids" if odoo.catalogue.has_field("sale.order.line", "tax_ids") else "tax_id"
    fields = ["product_id", "product_uom_qty", "price_unit", field]
    rows = odoo.client.search_read("sale.order.line", [["order_id", "=", order["id"]]], fields)
    wanted: dict[Kind, Decimal] = defaultdict(Decimal)
    have: dict[Kind, Decimal] = defaultdict(Decimal)
    values: dict[Kind, Json] = {}
    for vals in (v for line in item.body["lines"] for v in _line_values(odoo, line)):
        kind = (vals["product_id"], exact(vals["price_unit"]), tuple(sorted(vals[field][0][2])))
        wanted[kind] += exact(vals["product_uom_qty"])
        values[kind] = vals
    commands: list[Any] = []
    seen: set[Kind] = set()
    kinds = [(row, _kind(row, field)) for row in rows]
    for row, kind in kinds:
        have[kind] += exact(row["product_uom_qty"])
    for row, kind in kinds:
        if have[kind] != wanted[kind]:
            quantity = Decimal(0) if kind in seen else wanted[kind]
            commands.append([1, row["id"], {"product_uom_qty": edge(quantity)}])
            seen.add(kind)
    for kind, vals in values.items():
        if kind not in have:
            commands.append([0, 0, {**vals, "product_uom_qty": edge(wanted[kind])}])
    return commands


def _kind(row: Json, field: str) -> Kind:
    return id_of(row["product_id"]), exact(row["price_unit"]), tuple(sorted(row[field]))


def _locked(odoo: Target, order: Json) -> str:
    """Why the order can't change any more, or "" if it can."""
    if order["state"] == "cancel":
        return "cancelled"
    if order["delivery_status"] in ("partial", "full"):
        return "delivered"
    posted = [["id", "in", order["invoice_ids"]], ["state", "=", "posted"]]
    if order["invoice_ids"] and odoo.client.call("account.move", "search_count", domain=posted):
        return "invoiced"
    return ""


def _cancel(odoo: Target, order: Json) -> Done:
    if order["state"] == "cancel":
        return _done(odoo, order, unchanged=True)
    if locked := _locked(odoo, order):
        raise DocumentLocked(
            f"Order {order['name']} is {locked} in Odoo and can't be cancelled any more: refund "
            "and return it instead."
        )
    context = {"disable_cancel_warning": True}
    odoo.client.act(MODEL, "action_cancel", order["id"], context)
    state = odoo.needed(MODEL, order["id"], ["state"])["state"]
    must(state == "cancel", f"the order {order['name']} is still {state}")
    return _done(odoo, order)
