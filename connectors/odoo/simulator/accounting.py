"""Invoices, credit notes, payments and the wizards that make them."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.amounts import exact, line_amounts, number, price, total_of
from connectors.odoo.simulator.naming import next_name
from connectors.odoo.simulator.records import Env, change, insert, rows_of
from connectors.odoo.simulator.sales import invoice_status
from connectors.sdk.simulation.store import Row

READONLY_WHEN_POSTED = ("invoice_date", "date", "journal_id", "invoice_line_ids", "partner_id")
SERIES = {"out_invoice": "INV", "out_refund": "RINV", "entry": "MISC"}


# ------------------------------------------------------------------ moves


def before_create(env: Env, vals: Row) -> int:
    kind = vals.get("move_type") or "entry"
    lines = vals.pop("invoice_line_ids", None) or []
    entries = vals.pop("line_ids", None) or []
    if entries:
        debit = total_of([c[2].get("debit") for c in entries])
        if debit != total_of([c[2].get("credit") for c in entries]):
            raise errors.user("The entry is not balanced.")
    base = {"state": "draft", "move_type": kind, "payment_state": "not_paid"}
    base |= {"date": vals.get("date") or env.today}
    move = insert(env, "account.move", {**base, **vals})
    for command in entries:
        insert(env, "account.move.line", {**command[2], "move_id": move})
    for command in lines:
        _insert_line(env, move, command[2])
    recompute(env, move)
    return move


def _insert_line(env: Env, move: int, vals: Row) -> None:
    base: Row = {"move_id": move, "quantity": 1.0, "display_type": "product"}
    if vals.get("product_id") and "tax_ids" not in vals:
        product = rows_of(env, "product.product", [vals["product_id"]])[0]
        base |= {"name": product["name"], "tax_ids": [[6, 0, product["taxes_id"]]]}
    insert(env, "account.move.line", {**base, **vals})


def recompute(env: Env, move_id: int) -> None:
    """Totals of an invoice or credit note from its lines; nothing for a journal entry."""
    move = env.db.need("account.move", move_id)
    if move["move_type"] == "entry":
        return
    net = gross = Decimal(0)
    for line in env.db.where("account.move.line", "move_id", move_id):
        taxes = rows_of(env, "account.tax", line["tax_ids"])
        unit = price(line["price_unit"])
        found = line_amounts(line["quantity"], unit, line["discount"], taxes)
        net, gross = net + found.net, gross + found.gross
        vals = {"price_unit": unit, "price_subtotal": number(found.net)}
        change(env, "account.move.line", line["id"], {**vals, "price_total": number(found.gross)})
    sign = -1 if move["move_type"] == "out_refund" else 1
    vals = {"amount_untaxed": number(net), "amount_tax": number(gross - net)}
    vals |= {"amount_total": number(gross), "amount_total_signed": number(sign * gross)}
    change(env, "account.move", move_id, {**vals, "amount_residual": number(gross)})


def before_write(env: Env, row: Row, vals: Row) -> None:
    if row["state"] == "posted":
        for name in vals:
            if name in READONLY_WHEN_POSTED:
                raise errors.user(
                    f"You cannot modify the following readonly fields on a posted move: {name}"
                )
    for command in vals.get("invoice_line_ids") or []:
        if command[0] == 0:
            command[2] = {"quantity": 1.0, "display_type": "product", **command[2]}


def after_write(env: Env, move: int) -> None:
    if env.db.need("account.move", move)["state"] == "draft":
        recompute(env, move)


def before_unlink(env: Env, row: Row) -> None:
    if row["state"] == "posted":
        raise errors.user(
            "You can't delete a posted journal item. Don\u2019t play games with your accounting "
            "records; reset the journal entry to draft before deleting it."
        )


def action_post(env: Env, ids: list[int]) -> bool:
    for move in rows_of(env, "account.move", ids):
        if move["state"] != "draft":
            raise errors.user("The entry is already posted or cancelled.")
        dated = _accounting_date(env, move)
        vals: Row = {"state": "posted", "date": dated}
        if move["move_type"] != "entry":
            vals["invoice_date"] = move["invoice_date"] or env.today
        year = dated[:4] if move["move_type"] != "entry" else f"{dated[:4]}/{dated[5:7]}"
        width = 5 if move["move_type"] != "entry" else 4
        vals["name"] = next_name(env.db, f"{SERIES[move['move_type']]}/{year}/", width)
        change(env, "account.move", move["id"], vals)
    return False


def _accounting_date(env: Env, move: Row) -> str:
    """Before the lock date an invoice moves to today, an entry to the first open month's end;
    only a locked today is refused."""
    lock = env.db.need("res.company", 1)["fiscalyear_lock_date"] or ""
    wanted = str(move["date"] or env.today)
    if lock and env.today <= lock:
        _refuse_locked(lock)
    if wanted > lock:
        return wanted
    if move["move_type"] != "entry":
        return env.today
    day = date.fromisoformat(lock) + timedelta(days=1)
    last = day.replace(day=monthrange(day.year, day.month)[1])
    return min(last.isoformat(), env.today)


def _refuse_locked(lock: str) -> None:
    shown = f"{lock[5:7]}/{lock[8:10]}/{lock[:4]}"
    raise errors.user(
        f"You cannot add/modify entries prior to and inclusive of: Global Lock Date ({shown})."
    )


def button_draft(env: Env, ids: list[int]) -> bool:
    lock = env.db.need("res.company", 1)["fiscalyear_lock_date"] or ""
    for move in rows_of(env, "account.move", ids):
        if move["date"] <= lock:
            _refuse_locked(lock)
        change(env, "account.move", move["id"], {"state": "draft"})
    return True


# ------------------------------------------------------------------ invoicing an order


def create_invoices(env: Env, ids: list[int]) -> Row:
    wizard = rows_of(env, "sale.advance.payment.inv", ids)[0]
    orders = wizard["sale_order_ids"] or env.context.get("active_ids") or []
    made = [_invoice_order(env, order) for order in rows_of(env, "sale.order", orders)]
    action = {**INVOICES_ACTION, "res_id": made[0]}
    return action


def _invoice_order(env: Env, order: Row) -> int:
    lines = [
        line
        for line in env.db.where("sale.order.line", "order_id", order["id"])
        if line["product_uom_qty"] > line["qty_invoiced"]
    ]
    if order["state"] != "sale" or not lines:
        raise errors.user(
            "Cannot create an invoice. No items are available to invoice.\n\n"
            "To resolve this issue, please ensure that:\n"
            "   \u2022 The products have been delivered before attempting to invoice them.\n"
            "   \u2022 The invoicing policy of the product is configured correctly."
        )
    vals = {"move_type": "out_invoice", "partner_id": order["partner_id"]}
    vals |= {"ref": order["client_order_ref"], "invoice_origin": order["name"]}
    vals |= {"journal_id": _journal(env, "sale"), "sale_order_ids": [[6, 0, [order["id"]]]]}
    commands = [[0, 0, _invoice_line(line)] for line in lines]
    move = before_create(env, {**vals, "invoice_line_ids": commands})
    for line in lines:
        vals_ = {"qty_invoiced": line["product_uom_qty"]}
        change(env, "sale.order.line", line["id"], vals_)
    change(env, "sale.order", order["id"], {"invoice_ids": [[4, move]]})
    invoice_status(env, order["id"])
    return move


def _invoice_line(line: Row) -> Row:
    copied = {k: line[k] for k in ("product_id", "name", "price_unit", "discount")}
    quantity = float(exact(line["product_uom_qty"]) - exact(line["qty_invoiced"]))
    links = {"tax_ids": [[6, 0, line["tax_ids"]]], "sale_line_ids": [[6, 0, [line["id"]]]]}
    return {**copied, **links, "quantity": quantity}


def _journal(env: Env, kind: str) -> int:
    return next(j["id"] for j in env.db.rows("account.journal").values() if j["type"] == kind)


INVOICES_ACTION: Row = {
    "id": 261,
    "display_name": "Invoices",
    "name": "Invoices",
    "type": "ir.actions.act_window",
    "xml_id": "account.action_move_out_invoice_type",
    "path": "invoicing",
    "help": "<p>Create a customer invoice</p>",
    "binding_model_id": False,
    "binding_type": "action",
    "binding_view_types": "list,form",
    "view_id": [742, "account.out.invoice.list"],
    "domain": "[('move_type', 'in', ['out_invoice', 'out_refund', 'out_receipt'])]",
    "context": {
        "default_move_type": "out_invoice",
        "default_partner_id": 1,
        "default_partner_shipping_id": 1,
        "default_invoice_payment_term_id": None,
    },
    "res_model": "account.move",
    "target": "current",
    "view_mode": "list,kanban,form,activity",
    "mobile_view_mode": "kanban",
    "views": [[748, "form"], [742, "list"], [False, "kanban"], [False, "activity"]],
    "limit": 80,
    "group_ids": [],
    "search_view_id": [751, "account.invoice.select"],
    "embedded_action_ids": [],
    "filter": False,
    "cache": True,
}


# ------------------------------------------------------------------ payments


def before_register(env: Env, vals: Row) -> int:
    moves = rows_of(env, "account.move", env.context.get("active_ids") or [])
    residual = total_of([m["amount_residual"] for m in moves])
    if not residual:
        raise errors.user(
            "There's nothing left to pay for the selected journal items, so no payment "
            "registration is necessary. You've got your finances under control like a boss!"
        )
    if any(m["state"] != "posted" for m in moves):
        raise errors.user("You can only register payment for posted journal entries.")
    links = {"line_moves": [[6, 0, [m["id"] for m in moves]]]}
    return insert(env, "account.payment.register", {"amount": residual, **vals, **links})


def action_create_payments(env: Env, ids: list[int]) -> Row:
    wizard = rows_of(env, "account.payment.register", ids)[0]
    move = rows_of(env, "account.move", wizard["line_moves"])[0]
    outbound = move["move_type"] == "out_refund"
    vals = {"state": "paid", "amount": wizard["amount"], "partner_id": move["partner_id"]}
    vals |= {"payment_type": "outbound" if outbound else "inbound", "partner_type": "customer"}
    vals |= {"journal_id": wizard["journal_id"], "memo": wizard["communication"] or move["name"]}
    vals |= {"date": wizard["payment_date"] or env.today, "invoice_ids": [[6, 0, [move["id"]]]]}
    payment = insert(env, "account.payment", vals)
    change(env, "account.payment", payment, {"name": f"PBNK/{env.today[:4]}/{payment:05d}"})
    left = max(exact(move["amount_residual"]) - exact(wizard["amount"]), Decimal(0))
    state = {"amount_residual": number(left), "payment_state": "partial" if left else "paid"}
    change(env, "account.move", move["id"], {**state, "matched_payment_ids": [[4, payment]]})
    return {
        "name": "Payments",
        "type": "ir.actions.act_window",
        "res_model": "account.payment",
        "context": {"create": False},
        "view_mode": "form",
        "res_id": payment,
    }


# ------------------------------------------------------------------ credit notes


def before_reversal(env: Env, vals: Row) -> int:
    moves = env.context.get("active_ids") or []
    return insert(env, "account.move.reversal", {**vals, "move_ids": [[6, 0, moves]]})


def refund_moves(env: Env, ids: list[int]) -> Row:
    wizard = rows_of(env, "account.move.reversal", ids)[0]
    invoice = rows_of(env, "account.move", wizard["move_ids"])[0]
    if invoice["state"] != "posted":
        raise errors.user("You can only reverse posted moves.")
    reason = f", {wizard['reason']}" if wizard["reason"] else ""
    vals = {"move_type": "out_refund", "partner_id": invoice["partner_id"]}
    vals |= {"ref": f"Reversal of: {invoice['name']}{reason}"}
    vals |= {"reversed_entry_id": invoice["id"], "invoice_origin": invoice["invoice_origin"]}
    vals |= {"journal_id": wizard["journal_id"] or invoice["journal_id"]}
    copied = ("product_id", "name", "quantity", "price_unit", "discount")
    commands = [
        [0, 0, {**{k: line[k] for k in copied}, "tax_ids": [[6, 0, line["tax_ids"]]]}]
        for line in env.db.where("account.move.line", "move_id", invoice["id"])
    ]
    move = before_create(env, {**vals, "invoice_line_ids": commands})
    return {
        "name": "Reverse Moves",
        "type": "ir.actions.act_window",
        "res_model": "account.move",
        "view_mode": "form",
        "res_id": move,
        "context": {"default_move_type": "out_refund"},
    }


MOVE: dict[str, Any] = {"action_post": action_post, "button_draft": button_draft}
