"""Payments: the order's invoice is made and posted if it isn't yet, then the payment registered.

Nothing is backdated: Odoo would silently move the accounting date out of a locked period.
"""

from __future__ import annotations

from collections.abc import Generator

from connectors.odoo.client import Json
from connectors.odoo.lines import edge, exact
from connectors.odoo.target import Target, Writing, made, must
from connectors.sdk.errors import NotYet, Rejected
from connectors.sdk.records import Done, Found, Step, WriteItem

MODEL = "account.payment"
MOVE = "account.move"
MOVE_FIELDS = ["name", "state", "amount_total", "amount_residual", "payment_state"]


def write(odoo: Target, item: WriteItem) -> Writing:
    paid = item.steps.get("paid", "")
    if not paid and item.uncertain:
        paid = _by_ref(odoo, item)
    if paid:
        return Done(paid, url=odoo.url(MODEL, paid))
    invoice = yield from _invoice(odoo, item)
    if invoice["state"] == "draft":
        invoice = post(odoo, invoice)
        yield Step("posted", str(invoice["id"]))
    payment = register(odoo, item, invoice)
    yield Step("paid", str(payment))
    return Done(str(payment), url=odoo.url(MODEL, payment))


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    """The payment by its memo; an invoice alone isn't ours to find: the order owns it."""
    paid = _by_ref(odoo, item)
    return Found(paid, {"paid": paid}) if paid else None


def _by_ref(odoo: Target, item: WriteItem) -> str:
    row = odoo.found(MODEL, [["memo", "=", item.ref]], ["name"])
    return str(row["id"]) if row else ""


# ------------------------------------------------------------------ the invoice


def _invoice(odoo: Target, item: WriteItem) -> Generator[Step, None, Json]:
    """The order's own invoice. One order has one, however many payments it gets: it is looked
    for on the order each time, so that no crash can make a second."""
    order = odoo.needed(
        "sale.order", item.body["order_id"], ["name", "state", "amount_total", "invoice_ids"]
    )
    invoice = open_invoice(odoo, order)
    if invoice is None:
        invoice = _make_invoice(odoo, order)
        yield Step("invoice", str(invoice["id"]))
    wrong = exact(invoice["amount_total"]) != exact(order["amount_total"])
    if wrong and invoice["state"] == "draft":
        raise Rejected(
            f"Odoo invoices {invoice['amount_total']} of order {order['name']} over "
            f"{order['amount_total']}: set its products to invoice what was ordered, delete the "
            "draft, then resend.",
            code="rounding-out-of-tolerance",
        )
    return invoice


def _make_invoice(odoo: Target, order: Json) -> Json:
    if order["state"] == "cancel":
        raise Rejected(
            f"Order {order['name']} is cancelled in Odoo and was paid in the shop: refund the "
            "payment or revive the order.",
            code="paid-order-locked",
        )
    if order["state"] not in ("sale", "done"):
        raise NotYet(f"Order {order['name']} isn't confirmed in Odoo yet; we wait for it.")
    vals = {
        "advance_payment_method": "delivered",
        "sale_order_ids": [[6, 0, [order["id"]]]],
    }
    active = ("sale.order", order["id"])
    action = odoo.client.wizard("sale.advance.payment.inv", vals, "create_invoices", active)
    return odoo.needed(MOVE, made(action, "invoice"), MOVE_FIELDS)


def open_invoice(odoo: Target, order: Json) -> Json | None:
    """The order's invoice that isn't cancelled, or None. Raises Rejected for two."""
    if not order["invoice_ids"]:
        return None
    domain = [
        ["id", "in", order["invoice_ids"]],
        ["move_type", "=", "out_invoice"],
        ["state", "!=", "cancel"],
    ]
    return odoo.found(MOVE, domain, MOVE_FIELDS)


def post(odoo: Target, move: Json) -> Json:
    """Post a draft; its state is read again, because Odoo's answer is ``false`` either way."""
    odoo.client.act(MOVE, "action_post", move["id"])
    posted = odoo.needed(MOVE, move["id"], MOVE_FIELDS)
    must(posted["state"] == "posted", f"document {move['id']} is still {posted['state']}")
    return posted


# ------------------------------------------------------------------ the payment


def register(odoo: Target, item: WriteItem, move: Json) -> int:
    """Pay an invoice, or pay back a credit note; our reference is the payment's memo."""
    amount, open_ = exact(item.body["amount"]), exact(move["amount_residual"])
    if amount > open_:
        raise Rejected(
            f"{move['name']} has {open_} left to pay in Odoo and the payment is {amount}: find "
            "the payment that was entered there by hand, then resend or ignore this one.",
            code="duplicate-near",
        )
    vals = {
        "journal_id": odoo.catalogue.journal(item.body.get("tender", "")),
        "amount": edge(amount),
        "communication": item.ref,
    }
    action = odoo.client.wizard(
        "account.payment.register", vals, "action_create_payments", (MOVE, move["id"])
    )
    payment = made(action, "payment")
    left = exact(odoo.needed(MOVE, move["id"], MOVE_FIELDS)["amount_residual"])
    must(left == open_ - amount, f"{move['name']} still has {left} left to pay")
    return payment
