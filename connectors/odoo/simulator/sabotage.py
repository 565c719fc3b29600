"""Damage of exactly one thing, so that a proof can show that it would notice."""

from __future__ import annotations

from collections.abc import Callable

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.amounts import exact
from connectors.odoo.simulator.records import Env, change, insert
from connectors.sdk.simulation.store import Row


def lose(env: Env) -> str:
    """A receipt disappears, with its lines and payments; the stock stays as it is."""
    order = _receipt(env)
    for model, link in (("pos.order.line", "order_id"), ("pos.payment", "pos_order_id")):
        for row in env.db.where(model, link, order["id"]):
            env.db.delete(model, row["id"])
    env.db.delete("pos.order", order["id"])
    return f"pos.order {order['id']} ({order['general_customer_note']}) is gone"


def double(env: Env) -> str:
    """A receipt is there twice; the stock moved once."""
    order = _receipt(env)
    copied = {k: v for k, v in order.items() if k != "id"}
    twin = insert(env, "pos.order", {**copied, "uuid": f"{order['uuid']}-twin"})
    for row in env.db.where("pos.order.line", "order_id", order["id"]):
        vals = {k: v for k, v in row.items() if k != "id"}
        insert(env, "pos.order.line", {**vals, "order_id": twin, "uuid": f"{row['uuid']}-twin"})
    return f"pos.order {order['id']} ({order['general_customer_note']}) is there twice"


def cent(env: Env) -> str:
    """A receipt's total is one cent too high."""
    order = _receipt(env)
    total = float(exact(order["amount_total"]) + exact("0.01"))
    change(env, "pos.order", order["id"], {"amount_total": total})
    return f"pos.order {order['id']} ({order['general_customer_note']}) is a cent too high"


def stock(env: Env) -> str:
    """One piece vanishes from a shelf."""
    quants = sorted(env.db.rows("stock.quant").values(), key=lambda q: q["id"])
    quant = next(
        (q for q in quants if q["quantity"] > q["reserved_quantity"] and q["warehouse_id"]), None
    )
    if quant is None:
        raise errors.user("There is no stock to damage.")
    change(env, "stock.quant", quant["id"], {"quantity": quant["quantity"] - 1})
    return f"stock.quant {quant['id']} is one piece short"


def _receipt(env: Env) -> Row:
    """A receipt in the middle of the list: not the first or last that anyone looks at."""
    rows = env.db.rows("pos.order")
    ids = sorted(i for i, row in rows.items() if not row["is_refund"])
    if not ids:
        raise errors.user("There is no receipt to damage.")
    return rows[ids[len(ids) // 2]]


KINDS: dict[str, Callable[[Env], str]] = {
    "lose": lose,
    "double": double,
    "cent": cent,
    "stock": stock,
}
