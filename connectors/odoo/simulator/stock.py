"""Stock: quants, moves, pickings and the return wizard."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.naming import next_name
from connectors.odoo.simulator.records import Env, change, insert, rows_of
from connectors.sdk.simulation.store import Row

SKIP_SMS = "skip_sms"


# ------------------------------------------------------------------ quants


def quant_of(env: Env, product: int, location: int) -> Row | None:
    by_product = env.db.ids_where("stock.quant", "product_id", product)
    by_place = env.db.ids_where("stock.quant", "location_id", location)
    small, large = sorted((by_product, by_place), key=len)
    return next((env.db.need("stock.quant", i) for i in small if i in large), None)


def shift(env: Env, product: int, location: int, quantity: float, reserved: float = 0.0) -> None:
    """Add to what lies at an internal location; other locations keep no quants."""
    place = env.db.need("stock.location", location)
    if place["usage"] != "internal" or (not quantity and not reserved):
        return
    quant = quant_of(env, product, location)
    if quant is None:
        vals = {"product_id": product, "location_id": location, "quantity": quantity}
        vals["reserved_quantity"] = reserved
        insert(env, "stock.quant", {**vals, "warehouse_id": place["warehouse_id"]})
        return
    changes = {
        "quantity": round(quant["quantity"] + quantity, 6),
        "reserved_quantity": round(quant["reserved_quantity"] + reserved, 6),
    }
    change(env, "stock.quant", quant["id"], changes)


def before_quant_create(env: Env, vals: Row) -> int:
    """In inventory mode an existing quant is counted again instead of made twice."""
    quant = quant_of(env, vals["product_id"], vals["location_id"])
    if quant is not None:
        change(env, "stock.quant", quant["id"], vals)
        return int(quant["id"])
    place = env.db.need("stock.location", vals["location_id"])
    return insert(env, "stock.quant", {**vals, "warehouse_id": place["warehouse_id"]})


def action_apply_inventory(env: Env, ids: list[int]) -> None:
    loss = env.db.where("stock.location", "usage", "inventory")[0]["id"]
    for quant in rows_of(env, "stock.quant", ids):
        delta = round(quant["inventory_quantity"] - quant["quantity"], 6)
        change(env, "stock.quant", quant["id"], {"quantity": quant["inventory_quantity"]})
        source, target = (loss, quant["location_id"])
        if delta < 0:
            source, target = target, source
        moved = {"product_id": quant["product_id"], "product_uom_qty": abs(delta)}
        moved |= {"quantity": abs(delta), "state": "done", "is_inventory": True, "date": env.now}
        moved |= {"location_id": source, "location_dest_id": target}
        insert(env, "stock.move", {**moved, "reference": "Product Quantity Updated (Sync Bot)"})


# ------------------------------------------------------------------ pickings


def new_picking(env: Env, kind: Row, source: int, target: int, vals: Row) -> int:
    warehouse = env.db.need("stock.warehouse", kind["warehouse_id"])
    name = next_name(env.db, f"{warehouse['code']}/{kind['sequence_code']}/")
    base = {"name": name, "state": "draft", "picking_type_id": kind["id"]}
    base |= {"picking_type_code": kind["code"], "location_id": source}
    return insert(env, "stock.picking", {**base, "location_dest_id": target, **vals})


def before_picking_create(env: Env, vals: Row) -> int:
    if not vals.get("picking_type_id"):
        return insert(env, "stock.picking", vals)
    kind = rows_of(env, "stock.picking.type", [vals["picking_type_id"]])[0]
    moves = vals.pop("move_ids", [])
    source = vals.get("location_id") or kind["default_location_src_id"]
    target = vals.get("location_dest_id") or kind["default_location_dest_id"]
    picking = new_picking(env, kind, source, target, vals)
    ends = {"location_id": source, "location_dest_id": target, "picking_id": picking}
    for command in moves:
        add_move(env, picking, {**ends, **command[2]})
    return picking


def add_move(env: Env, picking: int, vals: Row) -> int:
    row = env.db.need("stock.picking", picking)
    base = {"picking_id": picking, "reference": row["name"], "origin": row["origin"]}
    return insert(env, "stock.move", {"state": "draft", "date": env.now, **base, **vals})


def action_confirm(env: Env, ids: list[int]) -> bool:
    for picking in rows_of(env, "stock.picking", ids):
        for move in env.db.where("stock.move", "picking_id", picking["id"]):
            if move["state"] == "draft":
                change(env, "stock.move", move["id"], {"state": "confirmed"})
        change(env, "stock.picking", picking["id"], {"state": "confirmed"})
    return action_assign(env, ids)


def action_assign(env: Env, ids: list[int]) -> bool:
    """Reserve what is there; a picking is ready when all of it is."""
    for picking in rows_of(env, "stock.picking", ids):
        if picking["state"] not in ("confirmed", "waiting"):
            continue
        for move in env.db.where("stock.move", "picking_id", picking["id"]):
            _reserve(env, move)
        moves = env.db.where("stock.move", "picking_id", picking["id"])
        if all(m["state"] == "assigned" for m in moves):
            change(env, "stock.picking", picking["id"], {"state": "assigned"})
    return True


def _reserve(env: Env, move: Row) -> None:
    if move["state"] not in ("confirmed", "partially_available"):
        return
    need = round(move["product_uom_qty"] - move["quantity"], 6)
    usage = env.db.need("stock.location", move["location_id"])["usage"]
    if usage == "internal":
        quant = quant_of(env, move["product_id"], move["location_id"])
        free = quant["quantity"] - quant["reserved_quantity"] if quant else 0.0
        need = max(0.0, min(need, round(free, 6)))
        shift(env, move["product_id"], move["location_id"], 0.0, need)
    held = round(move["quantity"] + need, 6)
    state = "assigned" if held >= move["product_uom_qty"] else "partially_available"
    if held or state == "assigned":
        change(env, "stock.move", move["id"], {"quantity": held, "state": state})


def release(env: Env, move: Row) -> None:
    """Give back what a move had reserved."""
    if move["state"] in ("assigned", "partially_available"):
        shift(env, move["product_id"], move["location_id"], 0.0, -move["quantity"])


def before_move_write(env: Env, move: Row, vals: Row) -> None:
    """Encoding a quantity by hand: reserve it, also beyond what is there."""
    if "quantity" not in vals or move["state"] in ("draft", "done", "cancel"):
        return
    more = round(float(vals["quantity"]) - move["quantity"], 6)
    shift(env, move["product_id"], move["location_id"], 0.0, more)
    vals["state"] = "assigned"


def button_validate(env: Env, ids: list[int]) -> Any:
    """Goods leave or arrive. Without ``skip_sms`` a delivery only opens a wizard."""
    pickings = rows_of(env, "stock.picking", ids)
    for picking in pickings:
        moves = env.db.where("stock.move", "picking_id", picking["id"])
        if picking["state"] in ("done", "cancel"):
            raise errors.user("You cannot validate a transfer that is already done or cancelled.")
        if not any(m["quantity"] for m in moves):
            raise errors.user(
                "You cannot validate a transfer if no quantities are reserved. To force the "
                "transfer, encode quantities."
            )
    outgoing = [p["id"] for p in pickings if p["picking_type_code"] == "outgoing"]
    if outgoing and not env.context.get(SKIP_SMS):
        return _sms_wizard(env, outgoing)
    for picking in pickings:
        finish(env, picking["id"])
    return True


def _sms_wizard(env: Env, ids: list[int]) -> Row:
    wizard = insert(env, "confirm.stock.sms", {"pick_ids": [[6, 0, ids]]})
    return {
        "name": "SMS",
        "type": "ir.actions.act_window",
        "view_mode": "form",
        "res_model": "confirm.stock.sms",
        "views": [[1149, "form"]],
        "view_id": 1149,
        "target": "new",
        "res_id": wizard,
        "context": {"button_validate_picking_ids": ids},
    }


def finish(env: Env, picking_id: int) -> None:
    """Move the quants; tell the order what was delivered or came back."""
    for move in env.db.where("stock.move", "picking_id", picking_id):
        if move["state"] in ("done", "cancel"):
            continue
        release(env, move)
        quantity = move["quantity"]
        state = {"state": "done" if quantity else "cancel", "picked": True, "date": env.now}
        change(env, "stock.move", move["id"], state)
        shift(env, move["product_id"], move["location_id"], -quantity)
        shift(env, move["product_id"], move["location_dest_id"], quantity)
        _tell_order_line(env, move, quantity)
    done = change(env, "stock.picking", picking_id, {"state": "done", "date_done": env.now})
    if done["sale_id"]:
        delivery_status(env, done["sale_id"])


def _tell_order_line(env: Env, move: Row, quantity: float) -> None:
    if not move["sale_line_id"]:
        return
    line = env.db.need("sale.order.line", move["sale_line_id"])
    back = bool(move["origin_returned_move_id"])
    delivered = round(line["qty_delivered"] + (-quantity if back else quantity), 6)
    change(env, "sale.order.line", line["id"], {"qty_delivered": delivered})


def delivery_status(env: Env, order: int) -> None:
    """Stored on the order, so a delivery touches the order's write_date."""
    deliveries = [
        p
        for p in env.db.where("stock.picking", "sale_id", order)
        if p["picking_type_code"] == "outgoing" and p["state"] != "cancel"
    ]
    done = sum(p["state"] == "done" for p in deliveries)
    status: Any = False
    if deliveries:
        status = "full" if done == len(deliveries) else "partial" if done else "pending"
    change(env, "sale.order", order, {"delivery_status": status})


def cancel_picking(env: Env, ids: list[int]) -> bool:
    for picking in rows_of(env, "stock.picking", ids):
        if picking["state"] == "done":
            raise errors.user("You cannot cancel a stock move that has been set to 'Done'.")
        for move in env.db.where("stock.move", "picking_id", picking["id"]):
            release(env, move)
            change(env, "stock.move", move["id"], {"state": "cancel", "quantity": 0})
        change(env, "stock.picking", picking["id"], {"state": "cancel"})
    return True


# ------------------------------------------------------------------ the return wizard


def after_return_create(env: Env, wizard: int) -> None:
    """A line per move, for its whole quantity. As in the real one nobody asks whether the goods
    ever left."""
    picking = env.db.need("stock.return.picking", wizard)["picking_id"]
    for move in env.db.where("stock.move", "picking_id", picking):
        line = {"wizard_id": wizard, "product_id": move["product_id"], "move_id": move["id"]}
        insert(env, "stock.return.picking.line", {**line, "quantity": move["product_uom_qty"]})


def action_create_returns(env: Env, ids: list[int]) -> Row:
    wizard = rows_of(env, "stock.return.picking", ids)[0]
    lines = env.db.where("stock.return.picking.line", "wizard_id", wizard["id"])
    lines = [line for line in lines if line["quantity"]]
    if not lines:
        raise errors.user("Please specify at least one non-zero quantity.")
    sent = env.db.need("stock.picking", wizard["picking_id"])
    out = env.db.need("stock.picking.type", sent["picking_type_id"])
    house = env.db.need("stock.warehouse", out["warehouse_id"])
    kind = env.db.need("stock.picking.type", house["in_type_id"])
    vals = {"origin": f"Return of {sent['name']}", "return_id": sent["id"]}
    vals |= {"sale_id": sent["sale_id"], "partner_id": sent["partner_id"]}
    picking = new_picking(env, kind, sent["location_dest_id"], sent["location_id"], vals)
    for line in lines:
        old = env.db.need("stock.move", line["move_id"])
        move = {"product_id": line["product_id"], "product_uom_qty": line["quantity"]}
        move |= {"location_id": old["location_dest_id"], "location_dest_id": old["location_id"]}
        move |= {"origin_returned_move_id": old["id"], "sale_line_id": old["sale_line_id"]}
        add_move(env, picking, {**move, "origin": old["origin"]})
    action_confirm(env, [picking])
    return {
        "name": "Returned Picking",
        "view_mode": "form",
        "res_model": "stock.picking",
        "res_id": picking,
        "type": "ir.actions.act_window",
        "context": {},
    }


PICKING = {
    "action_confirm": action_confirm,
    "action_assign": action_assign,
    "action_cancel": cancel_picking,
    "button_validate": button_validate,
}
