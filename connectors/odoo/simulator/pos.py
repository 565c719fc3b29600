"""The till: sessions and `sync_from_ui`, which takes whole receipts and moves stock at once."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.accounting import before_create as create_move
from connectors.odoo.simulator.amounts import exact, number, total_of
from connectors.odoo.simulator.naming import display_name, next_name
from connectors.odoo.simulator.records import Env, change, insert, read_rows, rows_of
from connectors.odoo.simulator.schema import LABELS, SCHEMA
from connectors.odoo.simulator.stock import add_move, finish, new_picking
from connectors.sdk.simulation.store import Row

# ------------------------------------------------------------------ sessions


def before_session(env: Env, vals: Row) -> int:
    config = rows_of(env, "pos.config", [vals.get("config_id") or 0])[0]
    if open_session(env, config["id"]):
        raise errors.validation("Another session is already opened for this point of sale.")
    base = {"state": "opening_control", "user_id": env.uid}
    session = insert(env, "pos.session", {**base, **vals})
    change(env, "pos.session", session, {"name": next_name(env.db, f"{config['name']}/")})
    return session


def open_session(env: Env, config: int) -> Row | None:
    sessions = env.db.where("pos.session", "config_id", config)
    return next((s for s in sessions if s["state"] != "closed"), None)


def set_opening_control(env: Env, ids: list[int], cashbox_value: float, notes: str) -> None:
    for session in rows_of(env, "pos.session", ids):
        vals: Row = {"state": "opened", "start_at": env.now, "opening_notes": notes}
        vals["cash_register_balance_start"] = cashbox_value
        change(env, "pos.session", session["id"], vals)


def post_closing_cash_details(env: Env, ids: list[int], counted_cash: float) -> Row:
    for session in rows_of(env, "pos.session", ids):
        start = exact(session["cash_register_balance_start"])
        cash = exact(paid_by(env, session["id"]).get("cash", 0))
        vals = {"cash_register_balance_end_real": counted_cash}
        vals["cash_register_difference"] = number(exact(counted_cash) - start - cash)
        change(env, "pos.session", session["id"], vals)
    return {"successful": True}


def update_closing_control_state_session(env: Env, ids: list[int], notes: str) -> None:
    for session in rows_of(env, "pos.session", ids):
        vals = {"state": "closing_control", "closing_notes": notes, "stop_at": env.now}
        change(env, "pos.session", session["id"], vals)


def close_session_from_ui(
    env: Env, ids: list[int], bank_payment_method_diff_pairs: list[Any] | None = None
) -> Row:
    for session in rows_of(env, "pos.session", ids):
        move = _session_entry(env, session)
        total = total_of(list(paid_by(env, session["id"]).values()))
        vals = {"state": "closed", "move_id": move, "total_payments_amount": total}
        change(env, "pos.session", session["id"], vals)
    return {"successful": True}


def paid_by(env: Env, session: int) -> dict[str, float]:
    """What a session took, by kind of payment method."""
    totals: dict[str, Any] = {}
    for payment in env.db.where("pos.payment", "session_id", session):
        kind = env.db.need("pos.payment.method", payment["payment_method_id"])["type"]
        totals[kind] = totals.get(kind, exact(0)) + exact(payment["amount"])
    return {kind: number(total) for kind, total in totals.items()}


def _session_entry(env: Env, session: Row) -> int | bool:
    """One balanced journal entry for everything a session sold."""
    orders = env.db.where("pos.order", "session_id", session["id"])
    total = total_of([o["amount_total"] for o in orders])
    tax = total_of([o["amount_tax"] for o in orders])
    if not orders:
        return False
    accounts = {a["code"]: a["id"] for a in env.db.rows("account.account").values()}
    lines = [("vat", "VAT collected", tax), ("sales", "Sales", number(exact(total) - exact(tax)))]
    commands = [[0, 0, _side(accounts[code], name, -amount)] for code, name, amount in lines]
    for kind, amount in paid_by(env, session["id"]).items():
        name = f"{session['name']} - {kind.capitalize()}"
        commands.append([0, 0, _side(accounts["pos"], name, amount)])
    move = create_move(env, {"move_type": "entry", "line_ids": commands, "date": env.today})
    month = f"{env.today[:4]}/{env.today[5:7]}"
    name = f"{next_name(env.db, f'POSS/{month}/', 4)} ({session['name']})"
    change(env, "account.move", move, {"state": "posted", "name": name})
    return move


def _side(account: int, name: str, amount: float) -> Row:
    line = {"account_id": account, "name": name}
    return {**line, "debit": max(amount, 0.0), "credit": max(-amount, 0.0)}


# ------------------------------------------------------------------ receipts


def sync_from_ui(env: Env, orders: list[Row]) -> Row:
    """Known uuids give back the order that is there; otherwise all are stored, or none."""
    ids = [_known(env, order) or _store(env, order) for order in orders]
    return _synced(env, ids)


def _known(env: Env, order: Row) -> int | None:
    found = env.db.where("pos.order", "uuid", order.get("uuid"))
    return found[0]["id"] if found else None


def _store(env: Env, order: Row) -> int:
    session = _valid_session(env, order)
    vals = {k: v for k, v in order.items() if k not in ("lines", "payment_ids", "session_id")}
    vals |= {"session_id": session["id"], "config_id": session["config_id"], "name": "/"}
    paid = total_of([p[2]["amount"] for p in order["payment_ids"]])
    id_ = insert(env, "pos.order", {**vals, "amount_paid": paid, "has_refundable_lines": True})
    for command in order["lines"]:
        _store_line(env, id_, command[2])
    for command in order["payment_ids"]:
        vals = {**command[2], "pos_order_id": id_, "session_id": session["id"]}
        insert(env, "pos.payment", {**vals, "payment_date": env.now})
    if exact(order["amount_total"]) != exact(paid):
        raise errors.user("Order / is not fully paid.")
    _number(env, id_, session)
    _move_stock(env, id_, session)
    return id_


def _valid_session(env: Env, order: Row) -> Row:
    session = env.db.get("pos.session", order.get("session_id") or 0)
    if session and session["state"] == "closed":
        session = open_session(env, session["config_id"])
    if session is None:
        raise errors.user(
            "No open session available. Please open a new session to capture the order."
        )
    return session


def _store_line(env: Env, order: int, vals: Row) -> None:
    if env.db.ids_where("pos.order.line", "uuid", vals.get("uuid")):
        raise errors.validation(
            "The operation cannot be completed: An order line with this uuid already exists"
        )
    if env.db.get("product.product", vals.get("product_id") or 0) is None:
        raise errors.validation(
            "The operation cannot be completed: Another model is using the record you are trying "
            f"to delete.\n\nThe troublemaker is: '{LABELS['pos.order.line']}' (pos.order.line)\n"
            "Thanks to the following constraint: 'Product' (product_id)\n"
            "How about archiving the record instead?"
        )
    insert(env, "pos.order.line", {**vals, "order_id": order})
    original = vals.get("refunded_orderline_id")
    if original:
        line = env.db.need("pos.order.line", original)
        back = round(line["refunded_qty"] - float(vals["qty"]), 6)
        change(env, "pos.order.line", original, {"refunded_qty": back})


def _number(env: Env, id_: int, session: Row) -> None:
    lines = env.db.where("pos.order.line", "order_id", id_)
    config = env.db.need("pos.config", session["config_id"])
    count = next_name(env.db, f"pos:{config['id']}:", 6).rpartition(":")[2]
    vals: Row = {"name": f"{config['name']} - {count}", "state": "paid"}
    vals["pos_reference"] = f"{env.today[2:4]}0-{config['id']}-{count}"
    vals["tracking_number"] = str(int(count) % 1000)
    originals = [x["refunded_orderline_id"] for x in lines if x["refunded_orderline_id"]]
    if originals:
        order = env.db.need("pos.order.line", originals[0])["order_id"]
        sold = env.db.need("pos.order", order)
        change(env, "pos.order", order, {"refund_orders_count": sold["refund_orders_count"] + 1})
        vals |= {"name": f"{sold['name']} REFUND", "refunded_order_id": order}
    if any(x["qty"] < 0 for x in lines):
        vals |= {"is_refund": True, "has_refundable_lines": False}
    change(env, "pos.order", id_, vals)


def _move_stock(env: Env, id_: int, session: Row) -> None:
    """One picking out for what was sold, one in for what came back; both done at once."""
    config = env.db.need("pos.config", session["config_id"])
    kind = env.db.need("stock.picking.type", config["picking_type_id"])
    shelf = kind["default_location_src_id"]
    people = env.db.where("stock.location", "usage", "customer")[0]["id"]
    order = env.db.need("pos.order", id_)
    goods = [
        line
        for line in env.db.where("pos.order.line", "order_id", id_)
        if env.db.need("product.product", line["product_id"])["type"] != "service"
    ]
    for back in (False, True):
        lines = [x for x in goods if (x["qty"] < 0) == back and x["qty"]]
        if not lines:
            continue
        source, target = (people, shelf) if back else (shelf, people)
        vals = {"origin": order["name"], "pos_order_id": id_, "partner_id": order["partner_id"]}
        picking = new_picking(env, kind, source, target, vals)
        for line in lines:
            move = {"product_id": line["product_id"], "product_uom_qty": abs(line["qty"])}
            move |= {"location_id": source, "location_dest_id": target, "state": "confirmed"}
            add_move(env, picking, {**move, "quantity": abs(line["qty"])})
        finish(env, picking)


# ------------------------------------------------------------------ the answer

_EXTRA: dict[str, Row] = {
    "pos.order": {
        "currency_id": 1, "currency_rate": 1.0, "country_code": "GB", "picking_count": 1,
        "failed_pickings": False, "pricelist_id": False, "fiscal_position_id": False,
        "is_invoiced": False, "invoice_status": "to_invoice", "source": "pos", "email": "",
        "mobile": False, "margin": 0.0, "margin_percent": 0.0, "is_total_cost_computed": True,
        "is_tipped": False, "tip_amount": 0.0, "nb_print": 0, "ticket_code": False,
        "shipping_date": False, "session_move_id": False, "floating_order_name": False,
        "is_edited": False, "has_deleted_line": False, "pos_version": "19.0",
        "available_payment_method_ids": [], "sale_order_count": 0, "preset_id": False,
    },
    "pos.order.line": {
        "note": False, "customer_note": False, "price_extra": 0.0, "pack_lot_ids": [],
        "attribute_value_ids": [], "combo_line_ids": [], "combo_parent_id": False,
    },
    "pos.payment": {
        "currency_id": 1, "currency_rate": 1.0, "card_type": False, "card_brand": False,
        "is_change": False, "account_move_id": False, "transaction_id": False,
    },
}  # fmt: skip


def _synced(env: Env, ids: list[int]) -> Row:
    """Orders (and the ones they refund), their lines and payments; relations as bare ids."""
    shown = list(ids)
    for order in rows_of(env, "pos.order", ids):
        if order["refunded_order_id"] and order["refunded_order_id"] not in shown:
            shown.insert(0, order["refunded_order_id"])
    lines = [x for i in shown for x in env.db.where("pos.order.line", "order_id", i)]
    payments = [p for i in shown for p in env.db.where("pos.payment", "pos_order_id", i)]
    return {
        "pos.order": _raw(env, "pos.order", rows_of(env, "pos.order", shown)),
        "pos.session": [],
        "pos.payment": _raw(env, "pos.payment", payments),
        "pos.order.line": _raw(env, "pos.order.line", lines),
        "pos.pack.operation.lot": [],
        "product.attribute.custom.value": [],
        "account.move": [],
    }


def _raw(env: Env, model: str, rows: list[Row]) -> list[Row]:
    singles = [f.name for f in SCHEMA[model].values() if f.type == "many2one"]
    shown = []
    for row in read_rows(env, model, rows, None):
        bare = {name: row[name][0] if row[name] else False for name in singles}
        named = {"display_name": display_name(env.db, model, row["id"])}
        shown.append({**row, **bare, **named, **_EXTRA[model]})
    return shown


SESSION = {
    "set_opening_control": set_opening_control,
    "post_closing_cash_details": post_closing_cash_details,
    "update_closing_control_state_session": update_closing_control_state_session,
    "close_session_from_ui": close_session_from_ui,
}
