"""What a model adds to Odoo's generic methods, and the methods of its own."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator import accounting, errors, pos, products, sales, stock
from connectors.odoo.simulator.records import Env, insert
from connectors.sdk.simulation.store import Row


def _external_id(env: Env, vals: Row) -> int:
    for row in env.db.where("ir.model.data", "name", vals.get("name")):
        if row["module"] == vals.get("module"):
            raise errors.validation(
                "The operation cannot be completed: duplicate key value violates unique "
                'constraint "ir_model_data_module_name_uniq_index"\nDETAIL:  Key (module, name)='
                f"({row['module']}, {row['name']}) already exists.\n"
            )
    return insert(env, "ir.model.data", vals)


#: Take the place of the plain insert and return the new id.
BEFORE_CREATE: dict[str, Any] = {
    "account.move": accounting.before_create,
    "account.move.reversal": accounting.before_reversal,
    "account.payment.register": accounting.before_register,
    "ir.model.data": _external_id,
    "pos.session": pos.before_session,
    "product.product": products.before_create,
    "sale.order": sales.before_create,
    "stock.picking": stock.before_picking_create,
    "stock.quant": stock.before_quant_create,
}
AFTER_CREATE: dict[str, Any] = {"stock.return.picking": stock.after_return_create}
#: May refuse a write, or complete its values.
BEFORE_WRITE: dict[str, Any] = {
    "account.move": accounting.before_write,
    "sale.order": sales.before_write,
    "stock.move": stock.before_move_write,
}
AFTER_WRITE: dict[str, Any] = {
    "account.move": accounting.after_write,
    "product.product": products.after_write,
    "sale.order": sales.after_write,
}
BEFORE_UNLINK: dict[str, Any] = {
    "account.move": accounting.before_unlink,
    "sale.order": sales.before_unlink,
}


def _context_get(env: Env) -> dict[str, Any]:
    return {"lang": "en_US", "tz": "UTC", "uid": env.uid}


METHODS: dict[str, dict[str, Any]] = {
    "account.move": accounting.MOVE,
    "account.move.reversal": {"refund_moves": accounting.refund_moves},
    "account.payment.register": {"action_create_payments": accounting.action_create_payments},
    "pos.order": {"sync_from_ui": pos.sync_from_ui},
    "pos.session": pos.SESSION,
    "res.users": {"context_get": _context_get},
    "sale.advance.payment.inv": {"create_invoices": accounting.create_invoices},
    "sale.order": sales.ORDER,
    "stock.picking": stock.PICKING,
    "stock.quant": {"action_apply_inventory": stock.action_apply_inventory},
    "stock.return.picking": {"action_create_returns": stock.action_create_returns},
}
