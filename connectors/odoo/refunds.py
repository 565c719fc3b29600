"""Refunds: a credit note of the order's invoice, posted and paid back; never above the invoice.

Steps: ``credit-note`` · ``posted`` · ``paid``. The note's reference holds ours.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.odoo.catalogue import id_of
from connectors.odoo.client import Json
from connectors.odoo.lines import edge, exact, priced, shares
from connectors.odoo.payments import MOVE, MOVE_FIELDS, open_invoice, post, register
from connectors.odoo.target import Target, Writing, made
from connectors.sdk.errors import NotYet, Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

LINE_FIELDS = ["product_id", "name", "quantity", "price_total", "tax_ids"]


def write(odoo: Target, item: WriteItem) -> Writing:
    invoice = _invoice(odoo, item)
    known = item.steps.get("credit-note", "")
    if not known and item.uncertain:
        row = _by_ref(odoo, item)
        known = str(row["id"]) if row else ""
    if not known or odoo.client.read_one(MOVE, int(known), ["name"]) is None:
        _check_room(odoo, item, invoice)
        known = str(_reverse(odoo, item, invoice))
        yield Step("credit-note", known)
    note = odoo.needed(MOVE, known, MOVE_FIELDS)
    if note["state"] == "draft":
        note = post(odoo, _shaped(odoo, item, invoice, note))
        yield Step("posted", known)
    if not item.steps.get("paid") and not (item.uncertain and _paid(odoo, item)):
        yield Step("paid", str(register(odoo, item, note)))
    return Done(known, url=odoo.url(MOVE, known))


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    row = _by_ref(odoo, item)
    if row is None:
        return None
    id_ = str(row["id"])
    steps = {"credit-note": id_}
    if row["state"] == "posted":
        steps["posted"] = id_
    if payment := _paid(odoo, item):
        steps["paid"] = payment
    return Found(id_, steps, complete="paid" in steps)


def _by_ref(odoo: Target, item: WriteItem) -> Json | None:
    domain = [
        ["ref", "=like", f"%{item.ref}%"],
        ["move_type", "=", "out_refund"],
        ["state", "!=", "cancel"],
    ]
    return odoo.found(MOVE, domain, MOVE_FIELDS)


def _paid(odoo: Target, item: WriteItem) -> str:
    row = odoo.found("account.payment", [["memo", "=", item.ref]], ["name"])
    return str(row["id"]) if row else ""


def _invoice(odoo: Target, item: WriteItem) -> Json:
    order = odoo.needed("sale.order", item.body["order_id"], ["name", "invoice_ids"])
    invoice = open_invoice(odoo, order)
    if invoice is None or invoice["state"] != "posted":
        raise NotYet(
            f"Order {order['name']} isn't invoiced in Odoo yet: its payment must arrive first; "
            "we wait for it."
        )
    return invoice


def _check_room(odoo: Target, item: WriteItem, invoice: Json) -> None:
    domain = [["reversed_entry_id", "=", invoice["id"]], ["state", "!=", "cancel"]]
    notes = odoo.client.search_read(MOVE, domain, ["amount_total"])
    credited = sum((exact(note["amount_total"]) for note in notes), Decimal(0))
    room = exact(invoice["amount_total"]) - credited
    if exact(item.body["amount"]) > room:
        raise Rejected(
            f"The refund of {item.body['amount']} is more than the {room} left of invoice "
            f"{invoice['name']}: compare the refunds in the shop with the credit notes in Odoo.",
            code="refund-exceeds",
        )


def _reverse(odoo: Target, item: WriteItem, invoice: Json) -> int:
    """A draft of the whole invoice; `_shaped` cuts it down."""
    reason = " ".join(filter(None, [item.body.get("reason"), item.ref]))
    vals = {"reason": reason, "journal_id": _journal(odoo, invoice)}
    action = odoo.client.wizard(
        "account.move.reversal", vals, "refund_moves", (MOVE, invoice["id"])
    )
    return made(action, "credit note")


def _journal(odoo: Target, invoice: Json) -> int:
    return id_of(odoo.needed(MOVE, invoice["id"], ["journal_id"])["journal_id"])


def _shaped(odoo: Target, item: WriteItem, invoice: Json, note: Json) -> Json:
    """The draft with exactly what is refunded. Setting its lines again does no harm, so a crash
    between the wizard and here is mended by coming here again."""
    amount = exact(item.body["amount"])
    if exact(note["amount_total"]) != amount or _partial(item, invoice):
        lines = _wanted(odoo, item, invoice, amount)
        commands: list[Any] = [[5, 0, 0], *([0, 0, line] for line in lines)]
        vals = {"invoice_line_ids": commands}
        odoo.client.call(MOVE, "write", ids=[note["id"]], vals=vals)
        note = odoo.needed(MOVE, note["id"], MOVE_FIELDS)
    if exact(note["amount_total"]) != amount:
        odoo.client.act(MOVE, "unlink", note["id"])
        raise Rejected(
            f"Odoo makes {note['amount_total']} of a refund of {amount}: compare its taxes with "
            "the shop's, then resend.",
            code="rounding-out-of-tolerance",
        )
    return note


def _partial(item: WriteItem, invoice: Json) -> bool:
    return exact(item.body["amount"]) != exact(invoice["amount_total"])


def _wanted(odoo: Target, item: WriteItem, invoice: Json, amount: Decimal) -> list[Json]:
    """The refunded lines; what they don't explain of the amount is split over the invoice's
    taxes as the invoice is."""
    rows = odoo.client.search_read(
        "account.move.line",
        [["move_id", "=", invoice["id"]], ["display_type", "=", "product"]],
        LINE_FIELDS,
    )
    taxes = {id_of(row["product_id"]): row["tax_ids"] for row in rows}
    lines: list[Json] = []
    explained = Decimal(0)
    for line in item.body.get("lines") or []:
        product = int(line.get("product_id") or 0)
        gross = exact(line.get("net")) + exact(line.get("tax_total"))
        if product in taxes and gross > 0:
            explained += gross
            for part in priced(gross, exact(line["qty"])):
                lines.append(_line(line["name"], part.qty, part.unit, taxes[product], product))
    if explained > amount:
        lines, explained = [], Decimal(0)
    weights: dict[tuple[int, ...], Decimal] = {}
    for row in rows:
        group = tuple(row["tax_ids"])
        weights[group] = weights.get(group, Decimal(0)) + exact(row["price_total"])
    rest = shares(amount - explained, weights) if amount != explained else {}
    title = item.body.get("reason") or "Refund"
    return lines + [_line(title, Decimal(1), part, list(g)) for g, part in rest.items()]


def _line(
    name: str, qty: Decimal, unit: Decimal, taxes: list[int], product: int | bool = False
) -> Json:
    return {
        "name": name,
        "product_id": product,
        "quantity": edge(qty),
        "price_unit": edge(unit),
        "tax_ids": [[6, 0, taxes]],
    }
