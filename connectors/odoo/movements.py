"""Stock movements (damage, write-off, transfer): an internal transfer with our reference.

Steps: ``picking`` · ``validated``.
"""

from __future__ import annotations

from connectors.odoo.catalogue import Warehouse
from connectors.odoo.client import Json
from connectors.odoo.lines import edge, exact
from connectors.odoo.returns import FIELDS, MODEL, validate
from connectors.odoo.target import Target, Writing
from connectors.sdk.errors import Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

#: The place outside our warehouses that goods come from or go to, by reason.
OUTSIDE = {"receipt": "supplier", "sale": "customer", "return": "customer"}


def write(odoo: Target, item: WriteItem) -> Writing:
    known = item.steps.get("picking", "")
    if not known and item.uncertain:
        row = odoo.found(MODEL, [["origin", "=", item.ref]], FIELDS)
        known = str(row["id"]) if row else ""
    if not known:
        known = str(odoo.client.create(MODEL, _values(odoo, item)))
        yield Step("picking", known)
    yield from _finish(odoo, known)
    return Done(known, url=odoo.url(MODEL, known))


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    row = odoo.found(MODEL, [["origin", "=", item.ref]], FIELDS)
    if row is None:
        return None
    id_ = str(row["id"])
    return Found(id_, {"picking": id_}, complete=row["state"] == "done")


def _values(odoo: Target, item: WriteItem) -> Json:
    body = item.body
    source = odoo.catalogue.warehouse(body["from"]) if body.get("from") else None
    target = odoo.catalogue.warehouse(body["to"]) if body.get("to") else None
    house = source or target
    if house is None:
        raise Rejected(
            "The stock movement names neither where from nor where to: correct it at its source.",
            code="missing-required",
        )
    ends = {
        "location_id": _place(odoo, source, body["reason"]),
        "location_dest_id": _place(odoo, target, body["reason"]),
    }
    quantity = edge(exact(body["qty"]))
    move = {"product_id": int(body["product_id"]), "product_uom_qty": quantity, **ends}
    return {
        "picking_type_id": house.internal_type,
        "origin": item.ref,
        "note": body.get("number") or "",
        "move_ids": [[0, 0, move]],
        **ends,
    }


def _place(odoo: Target, house: Warehouse | None, reason: str) -> int:
    if house is not None:
        return house.stock
    return odoo.catalogue.location(OUTSIDE.get(reason, "inventory"))


def _finish(odoo: Target, picking: str) -> Writing:
    """Confirm, say the quantity (also where the books show too little), validate."""
    row = odoo.needed(MODEL, picking, ["state"])
    if row["state"] == "draft":
        odoo.client.act(MODEL, "action_confirm", int(picking))
    if row["state"] != "done":
        moves = odoo.client.search_read(
            "stock.move",
            [["picking_id", "=", int(picking)]],
            ["product_uom_qty", "quantity", "state"],
        )
        for move in moves:
            if move["quantity"] != move["product_uom_qty"]:
                vals = {"quantity": move["product_uom_qty"]}
                odoo.client.call("stock.move", "write", ids=[move["id"]], vals=vals)
    return (yield from validate(odoo, picking))
