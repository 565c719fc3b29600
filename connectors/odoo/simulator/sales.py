"""Sale orders: draft, confirmed (stock reserved at the order's warehouse), cancelled."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.amounts import exact, line_amounts, number, price, total_of
from connectors.odoo.simulator.naming import display_name, next_name
from connectors.odoo.simulator.records import Env, change, insert, rows_of
from connectors.odoo.simulator.stock import (
    action_confirm as confirm_picking,
)
from connectors.odoo.simulator.stock import (
    add_move,
    cancel_picking,
    delivery_status,
    new_picking,
    release,
)
from connectors.sdk.simulation.store import Row


def before_create(env: Env, vals: Row) -> int:
    lines = vals.pop("order_line", None) or []
    base: Row = {"state": "draft", "company_id": 1, "invoice_status": "no", "date_order": env.now}
    if "warehouse_id" not in vals:
        base["warehouse_id"] = min(env.db.rows("stock.warehouse"))
    order = insert(env, "sale.order", {**base, **vals})
    change(env, "sale.order", order, {"name": next_name(env.db, "S")})
    for command in lines:
        if command[0] == 0:
            insert_line(env, {**command[2], "order_id": order})
    recompute(env, order)
    return order


def insert_line(env: Env, vals: Row) -> int:
    """A line with what Odoo fills in: name, price and taxes of its product."""
    product = rows_of(env, "product.product", [vals.get("product_id") or 0])[0]
    base: Row = {"name": display_name(env.db, "product.product", product["id"])}
    base |= {"product_uom_qty": 1.0, "price_unit": product["list_price"]}
    if "tax_ids" not in vals:
        base["tax_ids"] = [[6, 0, product["taxes_id"]]]
    line = insert(env, "sale.order.line", {**base, **vals})
    amounts(env, line)
    return line


def amounts(env: Env, line_id: int) -> None:
    line = env.db.need("sale.order.line", line_id)
    unit = price(line["price_unit"])
    taxes = rows_of(env, "account.tax", line["tax_ids"])
    found = line_amounts(line["product_uom_qty"], unit, line["discount"], taxes)
    changes = {"price_unit": unit, "price_subtotal": number(found.net)}
    changes |= {"price_tax": number(found.tax), "price_total": number(found.gross)}
    change(env, "sale.order.line", line_id, changes)


def recompute(env: Env, order: int) -> None:
    """Totals of the order from its lines; new lines of a confirmed order get their move."""
    for line in env.db.where("sale.order.line", "order_id", order):
        amounts(env, line["id"])
    lines = env.db.where("sale.order.line", "order_id", order)
    changes = {
        "amount_untaxed": total_of([x["price_subtotal"] for x in lines]),
        "amount_tax": total_of([x["price_tax"] for x in lines]),
        "amount_total": total_of([x["price_total"] for x in lines]),
    }
    row = change(env, "sale.order", order, changes)
    if row["state"] == "sale":
        _launch(env, row)
        invoice_status(env, order)


def before_write(env: Env, row: Row, vals: Row) -> None:
    """A confirmed order keeps its lines: their quantity may go to zero, no further."""
    for command in vals.get("order_line") or []:
        if command[0] in (2, 3, 5) and row["state"] == "sale":
            raise errors.user(
                "Once a sales order is confirmed, you can't remove one of its lines (we need to "
                "track if something gets invoiced or delivered).\n"
                "Set the quantity to 0 instead."
            )
    for command in vals.get("order_line") or []:
        if command[0] == 0:
            product = rows_of(env, "product.product", [command[2].get("product_id") or 0])[0]
            defaults = {"name": product["name"], "price_unit": product["list_price"]}
            defaults["tax_ids"] = [[6, 0, product["taxes_id"]]]
            command[2] = {**defaults, **command[2]}


def after_write(env: Env, order: int) -> None:
    for line in env.db.where("sale.order.line", "order_id", order):
        if not line["price_unit"] and line["product_id"]:
            product = env.db.need("product.product", line["product_id"])
            vals = {"price_unit": product["list_price"]}
            change(env, "sale.order.line", line["id"], vals)
    recompute(env, order)


def before_unlink(env: Env, row: Row) -> None:
    if row["state"] not in ("draft", "cancel"):
        raise errors.user(
            "You can not delete a sent quotation or a confirmed sales order. "
            "You must first cancel it."
        )


def action_confirm(env: Env, ids: list[int]) -> bool:
    orders = rows_of(env, "sale.order", ids)
    if any(order["state"] not in ("draft", "sent") for order in orders):
        raise errors.user("Some orders are not in a state requiring confirmation.")
    for order in orders:
        row = change(env, "sale.order", order["id"], {"state": "sale"})
        _launch(env, row)
        invoice_status(env, order["id"])
        delivery_status(env, order["id"])
    return True


def _launch(env: Env, order: Row) -> None:
    """One delivery for the goods; amendments change its moves while it waits."""
    pending: list[Row] = []
    for line in env.db.where("sale.order.line", "order_id", order["id"]):
        product = env.db.need("product.product", line["product_id"])
        if product["type"] == "service":
            continue
        moves = env.db.where("stock.move", "sale_line_id", line["id"])
        moves = [m for m in moves if m["state"] != "cancel" and not m["origin_returned_move_id"]]
        have = sum(m["product_uom_qty"] for m in moves)
        if round(line["product_uom_qty"] - have, 6):
            pending.append({**line, "moves": moves, "have": have})
    if not pending:
        return
    picking = _delivery(env, order)
    for line in pending:
        _adjust(env, picking, line)
    confirm_picking(env, [picking])


def _delivery(env: Env, order: Row) -> int:
    for picking in env.db.where("stock.picking", "sale_id", order["id"]):
        if picking["state"] not in ("done", "cancel"):
            return int(picking["id"])
    house = env.db.need("stock.warehouse", order["warehouse_id"])
    kind = env.db.need("stock.picking.type", house["out_type_id"])
    target = env.db.where("stock.location", "usage", "customer")[0]["id"]
    vals = {"origin": order["name"], "partner_id": order["partner_id"], "sale_id": order["id"]}
    return new_picking(env, kind, house["lot_stock_id"], target, vals)


def _adjust(env: Env, picking: int, line: Row) -> None:
    """Give a line's waiting move the line's quantity (what is delivered stays delivered)."""
    row = env.db.need("stock.picking", picking)
    waiting = next((m for m in line["moves"] if m["state"] != "done"), None)
    delta = round(line["product_uom_qty"] - line["have"], 6)
    if waiting is None:
        ends = {k: row[k] for k in ("location_id", "location_dest_id")}
        move = {"product_id": line["product_id"], "product_uom_qty": delta}
        add_move(env, picking, {**ends, **move, "sale_line_id": line["id"]})
        return
    release(env, waiting)
    quantity = round(waiting["product_uom_qty"] + delta, 6)
    state = "draft" if quantity > 0 else "cancel"
    vals = {"product_uom_qty": quantity, "quantity": 0, "state": state}
    change(env, "stock.move", waiting["id"], vals)


def invoice_status(env: Env, order: int) -> None:
    lines = env.db.where("sale.order.line", "order_id", order)
    open_ = any(exact(x["qty_invoiced"]) < exact(x["product_uom_qty"]) for x in lines)
    status = "to invoice" if open_ else "invoiced" if lines else "no"
    change(env, "sale.order", order, {"invoice_status": status})


def action_cancel(env: Env, ids: list[int]) -> Any:
    for order in rows_of(env, "sale.order", ids):
        pickings = env.db.where("stock.picking", "sale_id", order["id"])
        waiting = [p["id"] for p in pickings if p["state"] not in ("done", "cancel")]
        cancel_picking(env, waiting)
        change(env, "sale.order", order["id"], {"state": "cancel", "invoice_status": "no"})
        delivery_status(env, order["id"])
    return True


ORDER = {"action_confirm": action_confirm, "action_cancel": action_cancel}
