"""Till receipts and till returns, through the call Odoo's own tills use.

`sync_from_ui` gives back the order it already has for a uuid, so ours is made from our reference
and sending again is harmless. A batch is stored whole or not at all. Odoo believes the amounts it
is told; so they are made here, from exact lines, and compared with what it stored.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from connectors.odoo.catalogue import Till, id_of
from connectors.odoo.client import Json
from connectors.odoo.lines import Priced, edge, exact, priced, shares
from connectors.odoo.sessions import Sessions
from connectors.odoo.target import Target
from connectors.sdk.errors import ConnectorError, DocumentLocked, Rejected
from connectors.sdk.records import Done, Found, WriteItem

MODEL = "pos.order"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "crossdock:odoo:pos")

Outcome = Done | ConnectorError
#: A line of the original receipt and how much of it comes back.
Original = tuple[int, Decimal]


def uuid_of(*parts: str) -> str:
    return str(uuid.uuid5(SPACE, "/".join(parts)))


def write_batch(
    odoo: Target, sessions: Sessions, items: Sequence[WriteItem], *, back: bool
) -> list[Outcome]:
    """One outcome per item. A receipt that can't even be said is left out of the call; an error
    of the call itself is raised, for the hub to try the receipts apart.
    """
    outcomes: dict[str, Outcome] = {}
    orders: list[tuple[int, Json]] = []
    taken: dict[int, Decimal] = defaultdict(Decimal)
    for item in items:
        try:
            early = _early(item)
            if early is not None:
                outcomes[item.ref] = early
            else:
                orders.append(_order(odoo, sessions, item, taken if back else None))
        except ConnectorError as error:
            outcomes[item.ref] = _refused(odoo, item, error)
    if orders:
        stored = _send(odoo, sessions, orders)
        for item in items:
            if item.ref not in outcomes:
                outcomes[item.ref] = _outcome(odoo, item, stored, back)
    return [outcomes[item.ref] for item in items]


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    row = odoo.found(MODEL, [["uuid", "=", uuid_of(item.ref)]], ["name"])
    return Found(str(row["id"])) if row else None


def _early(item: WriteItem) -> Outcome | None:
    """Outcomes that need no call: a stored receipt never changes."""
    if not item.external_id:
        return None
    if item.op == "update" and item.body == item.delivered:
        return Done(item.external_id, unchanged=True)
    return DocumentLocked(
        "A paid receipt can't be changed in Odoo: correct it by a return and a new receipt."
    )


def _refused(odoo: Target, item: WriteItem, error: ConnectorError) -> Outcome:
    """A return that seems to take back too much may be there already: what it took back is then
    no longer out."""
    if error.code != "refund-exceeds":
        return error
    found = look_up(odoo, item)
    return Done(found.external_id, url=odoo.url(MODEL, found.external_id)) if found else error


def _send(odoo: Target, sessions: Sessions, orders: list[tuple[int, Json]]) -> Json:
    """Store receipts, each with the id of its till."""
    receipts = [order for _, order in orders]
    try:
        return dict(odoo.client.call(MODEL, "sync_from_ui", orders=receipts))
    except Rejected as error:
        if error.code != "not-ready":
            raise
    # Somebody closed a session meanwhile: nothing was stored; ask for the open ones again, once.
    sessions.forget()
    for till, order in orders:
        order["session_id"] = sessions.open(till)
    return dict(odoo.client.call(MODEL, "sync_from_ui", orders=receipts))


def _outcome(odoo: Target, item: WriteItem, stored: Json, back: bool) -> Outcome:
    wanted = -exact(item.body["total"]) if back else exact(item.body["total"])
    mine = uuid_of(item.ref)
    order = next((row for row in stored[MODEL] if row["uuid"] == mine), None)
    if order is None:
        return Rejected("Odoo's till took the batch without this receipt: resend it.")
    if exact(order["amount_total"]) != wanted:
        return Rejected(
            f"Odoo holds this receipt with a total of {order['amount_total']} instead of "
            f"{wanted}: compare both and decide.",
            code="replay-conflict",
        )
    parts = {
        str(line["id"]): str(row["id"])
        for line in item.body["lines"]
        for row in stored["pos.order.line"]
        if row["uuid"] == uuid_of(item.ref, str(line["id"]), "0")
    }
    return Done(str(order["id"]), parts, url=odoo.url(MODEL, order["id"]))


# ------------------------------------------------------------------ saying a receipt


def _order(
    odoo: Target, sessions: Sessions, item: WriteItem, taken: dict[int, Decimal] | None
) -> tuple[int, Json]:
    """Its till, and the receipt.

    ``taken``: for returns, what this batch already takes back, by line of the original.
    """
    body = item.body
    till = odoo.catalogue.till(body["store"])
    sign = Decimal(1) if taken is None else Decimal(-1)
    sold = [] if taken is None else _sold_lines(odoo, body)
    lines = [
        vals
        for line in body["lines"]
        for vals in _lines(odoo, item, line, sign, _originals(line, sold, taken))
    ]
    payments = [_payment(odoo, item, till, n, t, sign) for n, t in enumerate(body["tenders"])]
    total = sign * exact(body["total"])
    _check(total, lines, payments)
    order = {
        "uuid": uuid_of(item.ref),
        "session_id": sessions.open(till.id),
        "user_id": odoo.catalogue.user(),
        "company_id": int(odoo.config.get("company", 1)),
        "partner_id": int(body["partner_id"]) if body.get("partner_id") else False,
        "date_order": body["date_order"],
        "amount_paid": edge(total),
        "amount_total": edge(total),
        "amount_tax": edge(sign * exact(body["tax"])),
        "amount_return": 0,
        "state": "paid",
        "to_invoice": False,
        "lines": [[0, 0, vals] for vals in lines],
        "payment_ids": [[0, 0, vals] for vals in payments],
        "sequence_number": 1,
        "access_token": uuid_of(item.ref, "token"),
        "general_customer_note": body["number"],
    }
    return till.id, {**order, "is_refund": True} if taken is not None else order


def _check(total: Decimal, lines: list[Json], payments: list[Json]) -> None:
    """Odoo only compares total and payments, and books the lines: all three must agree."""
    listed = sum((exact(line["price_subtotal_incl"]) for line in lines), Decimal(0))
    paid = sum((exact(payment["amount"]) for payment in payments), Decimal(0))
    if not total == listed == paid:
        raise Rejected(
            f"The receipt's total is {total}, its lines make {listed} and its payments {paid}: "
            "correct it at the till.",
            code="rounding-out-of-tolerance",
        )


def _lines(
    odoo: Target, item: WriteItem, line: Json, sign: Decimal, originals: list[Original]
) -> list[Json]:
    """A canonical line as Odoo's: split where the unit price isn't a whole cent, and by the
    lines it takes back. The last part takes what rounding leaves of the tax."""
    taxes = [odoo.catalogue.tax(code) for code in dict.fromkeys(line.get("taxes") or [])]
    net, tax = exact(line["net"]), exact(line.get("tax_total"))
    base = net + tax if all(t.included for t in taxes) else net
    product = int(line.get("product_id") or odoo.catalogue.product_for(line.get("kind", "item")))
    parts = _parted(priced(base, exact(line["qty"])), originals)
    nets = shares(net, {n: part.total for n, (part, _) in enumerate(parts)})
    grosses = shares(net + tax, {n: part.total for n, (part, _) in enumerate(parts)})
    return [
        {
            "uuid": uuid_of(item.ref, str(line["id"]), str(index)),
            "product_id": product,
            "full_product_name": line["name"],
            "qty": edge(sign * part.qty),
            "price_unit": edge(part.unit),
            "discount": 0,
            "price_subtotal": edge(sign * nets.get(index, Decimal(0))),
            "price_subtotal_incl": edge(sign * grosses.get(index, Decimal(0))),
            "tax_ids": [[6, 0, [t.id for t in taxes]]],
            "price_type": "original",
            **({"refunded_orderline_id": original} if original else {}),
        }
        for index, (part, original) in enumerate(parts)
    ]


def _parted(parts: list[Priced], originals: list[Original]) -> list[tuple[Priced, int]]:
    """Priced parts cut along the lines they take back (0: none)."""
    if not originals:
        return [(part, 0) for part in parts]
    cut: list[tuple[Priced, int]] = []
    waiting = list(originals)
    for part in parts:
        left = part.qty
        while left > 0 and waiting:
            id_, out = waiting.pop(0)
            take = min(left, out)
            cut.append((Priced(take, part.unit), id_))
            left -= take
            if out > take:
                waiting.insert(0, (id_, out - take))
    return cut


def _payment(
    odoo: Target, item: WriteItem, till: Till, index: int, tender: Json, sign: Decimal
) -> Json:
    return {
        "uuid": uuid_of(item.ref, "payment", str(index)),
        "payment_method_id": _method(odoo, till, tender["tender"]),
        "amount": edge(sign * exact(tender["amount"])),
        "name": item.body["date_order"],
    }


def _method(odoo: Target, till: Till, tender: str) -> int:
    named = odoo.config.get("till_methods", {}).get(tender)
    kind = {"cash": "cash", "on_account": "pay_later"}.get(tender, "bank")
    found = till.methods.get(named) if named else till.kinds.get(kind)
    if found is None:
        raise Rejected(
            f"Odoo's till has no payment method {named or kind} for {tender}: add it there, or "
            "name another in this connection's settings.",
            code="tender-unmapped",
        )
    return found


# ------------------------------------------------------------------ what comes back


def _sold_lines(odoo: Target, body: Json) -> list[Json]:
    if not body.get("original_id"):
        return []
    return odoo.client.search_read(
        "pos.order.line",
        [["order_id", "=", int(body["original_id"])]],
        ["product_id", "qty", "refunded_qty"],
    )


def _originals(line: Json, sold: list[Json], taken: dict[int, Decimal] | None) -> list[Original]:
    """Lines of the original receipt that this one takes back, with quantities; [] = unlinked.

    Raises Rejected when more comes back than is still out.
    """
    if taken is None or not sold:
        return []
    need = exact(line["qty"])
    found: list[Original] = []
    for row in sold:
        if id_of(row["product_id"]) != int(line.get("product_id") or 0):
            continue
        out = exact(row["qty"]) - exact(row["refunded_qty"]) - taken[row["id"]]
        take = min(out, need)
        if take > 0:
            found.append((row["id"], take))
            taken[row["id"]] += take
            need -= take
    if need > 0:
        raise Rejected(
            f"{line['name']}: more comes back than the original receipt still has out: compare "
            "both receipts, then resend it without the original.",
            code="refund-exceeds",
        )
    return found
