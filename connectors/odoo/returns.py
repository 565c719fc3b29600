"""Goods coming back for an order: the return wizard on its delivery, then validated.

Odoo accepts a return of goods that never left and then has more stock than there is; so nothing
is returned before the delivery is done. Steps: ``picking`` · ``validated``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from connectors.odoo.catalogue import id_of
from connectors.odoo.client import Json
from connectors.odoo.lines import edge, exact
from connectors.odoo.target import Target, Writing, made, must
from connectors.sdk.errors import NotYet, Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

MODEL = "stock.picking"
FIELDS = ["name", "state", "origin", "return_id"]
SKIP_SMS = {"skip_sms": True}

Quantities = dict[int, Decimal]


def write(odoo: Target, item: WriteItem) -> Writing:
    item = _goods(odoo, item)
    if not item.body["lines"]:
        return Done(f"nothing-{item.ref}", unchanged=True)
    known = item.steps.get("picking", "")
    if not known and item.uncertain:
        row = _left_over(odoo, item)
        known = str(row["id"]) if row else ""
    if not known:
        known = str(_return(odoo, item))
        mark(odoo, item, known)
        yield Step("picking", known)
    yield from validate(odoo, known)
    return Done(known, url=odoo.url(MODEL, known))


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    item = _goods(odoo, item)
    row = _left_over(odoo, item)
    if row is None:
        return None
    id_ = str(row["id"])
    return Found(id_, {"picking": id_}, complete=row["state"] == "done")


def _goods(odoo: Target, item: WriteItem) -> WriteItem:
    """Without services: carriage that is refunded never left a warehouse."""
    lines = item.body.get("lines") or []
    ids = sorted({int(line["product_id"]) for line in lines})
    rows = odoo.client.call("product.product", "read", ids=ids, fields=["type"]) if ids else []
    goods = {row["id"] for row in rows if row["type"] != "service"}
    lines = [line for line in lines if int(line["product_id"]) in goods]
    return replace(item, body={**item.body, "lines": lines})


def validate(odoo: Target, picking: str) -> Writing:
    """Finish a picking unless it is done; its state is read before and after."""
    if odoo.needed(MODEL, picking, ["state"])["state"] != "done":
        odoo.client.act(MODEL, "button_validate", int(picking), SKIP_SMS)
        state = odoo.needed(MODEL, picking, ["state"])["state"]
        must(state == "done", f"transfer {picking} is still {state}")
        yield Step("validated", picking)
    return Done(picking)


def mark(odoo: Target, item: WriteItem, picking: str) -> None:
    """The wizard names its picking itself; ours is written afterwards."""
    vals = {"origin": item.ref, "note": item.body.get("number") or ""}
    odoo.client.call(MODEL, "write", ids=[int(picking)], vals=vals)


# ------------------------------------------------------------------ finding


def _left_over(odoo: Target, item: WriteItem) -> Json | None:
    """Our return: by our reference, or one that the wizard made and a crash left without it.

    The second is known by its content: not yet validated, of this order, the same quantities.
    """
    row = odoo.found(MODEL, [["origin", "=", item.ref]], FIELDS)
    if row is not None:
        return row
    domain = [
        ["sale_id", "=", int(item.body["order_id"])],
        ["return_id", "!=", False],
        ["state", "not in", ["done", "cancel"]],
        ["origin", "not like", "xd-"],
    ]
    for row in odoo.client.search_read(MODEL, domain, FIELDS):
        if _moved(odoo, [row["id"]], "product_uom_qty") == _wanted(item):
            mark(odoo, item, str(row["id"]))
            return row
    return None


def _wanted(item: WriteItem) -> Quantities:
    found: Quantities = defaultdict(Decimal)
    for line in item.body["lines"]:
        found[int(line["product_id"])] += exact(line["qty"])
    return dict(found)


def _moved(odoo: Target, pickings: list[int], field: str) -> Quantities:
    domain = [["picking_id", "in", pickings], ["state", "!=", "cancel"]]
    found: Quantities = defaultdict(Decimal)
    for move in odoo.client.search_read("stock.move", domain, ["product_id", field]):
        found[id_of(move["product_id"])] += exact(move[field])
    return dict(found)


# ------------------------------------------------------------------ returning


def _return(odoo: Target, item: WriteItem) -> int:
    picking = _delivery(odoo, item)
    vals = {"picking_id": picking}
    context = {"active_model": MODEL, "active_id": picking, "active_ids": [picking]}
    wizard = odoo.client.create("stock.return.picking", vals, context)
    _set_quantities(odoo, item, wizard)
    action = odoo.client.act("stock.return.picking", "action_create_returns", wizard, context)
    return made(action, "return")


def _delivery(odoo: Target, item: WriteItem) -> int:
    """The done delivery that still has all of the returned goods out."""
    domain = [
        ["sale_id", "=", int(item.body["order_id"])],
        ["state", "!=", "cancel"],
        ["picking_type_code", "=", "outgoing"],
    ]
    deliveries = odoo.client.search_read(MODEL, domain, FIELDS)
    done = [row for row in deliveries if row["state"] == "done"]
    wanted = _wanted(item)
    for row in done:
        sent = _moved(odoo, [row["id"]], "quantity")
        back = _returned(odoo, row["id"])
        if all(sent.get(p, Decimal(0)) - back.get(p, Decimal(0)) >= q for p, q in wanted.items()):
            return int(row["id"])
    if len(done) < len(deliveries) or not deliveries:
        raise NotYet(
            "The goods haven't left Odoo's warehouse yet: validate the delivery there; the "
            "return follows by itself."
        )
    raise Rejected(
        "More goods came back than were delivered and are still out: compare the return with the "
        "order's deliveries in Odoo.",
        code="refund-exceeds",
    )


def _returned(odoo: Target, delivery: int) -> Quantities:
    rows = odoo.client.search_read(
        MODEL, [["return_id", "=", delivery], ["state", "!=", "cancel"]], ["name"]
    )
    return _moved(odoo, [row["id"] for row in rows], "product_uom_qty") if rows else {}


def _set_quantities(odoo: Target, item: WriteItem, wizard: int) -> None:
    """Say each line's quantity: versions of Odoo differ in what they fill in."""
    left = _wanted(item)
    model = "stock.return.picking.line"
    lines = odoo.client.search_read(
        model, [["wizard_id", "=", wizard]], ["product_id", "quantity", "move_id"]
    )
    sent = {
        move["id"]: exact(move["quantity"])
        for move in odoo.client.call(
            "stock.move", "read", ids=[id_of(x["move_id"]) for x in lines], fields=["quantity"]
        )
    }
    for line in lines:
        product = id_of(line["product_id"])
        take = min(left.get(product, Decimal(0)), sent.get(id_of(line["move_id"]), Decimal(0)))
        left[product] = left.get(product, Decimal(0)) - take
        if exact(line["quantity"]) != take:
            vals = {"quantity": edge(take)}
            odoo.client.call(model, "write", ids=[line["id"]], vals=vals)
