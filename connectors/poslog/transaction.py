"""One transaction of a POSLog: what kind it is, whose number it has, and what it amounts to.

Sources: ARTS / NRF IXRetail POSLog 6.0.0 (element and enumeration names), and what three makers
write in practice: roqqio (negative quantities, linked returns), NCR ACS (sales tax on the receipt,
rewards, control transactions) and Visma Retail (cash rounding, cancelled receipts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree.ElementTree import ParseError

from connectors.poslog.elements import Misread, Node
from connectors.poslog.lines import lines_of, receipt_taxes
from connectors.poslog.sides import Receipt, split
from connectors.poslog.tenders import tenders_of
from connectors.sdk.files.contents import Spoilt
from connectors.sdk.files.xmlcut import root_of
from connectors.sdk.records import Json, Nothing

#: Where a file's records are.
PATH = "POSLog/Transaction"
#: Statuses (TransactionStatusEnumeration) with which nothing has been sold yet or any more.
_WITHOUT_EFFECT = {
    "Canceled": "given up before it was paid",
    "Voided": "voided before it was finished",
    "TransactionVoided": "voided before it was finished",
    "Suspended": "put aside; its receipt comes when it is resumed",
    "SuspendedDeleted": "put aside and given up",
    "SuspendedRetrieved": "put aside and taken up again; its receipt is another one",
    "InProcess": "not finished",
    "InComplete": "not finished",
    "Subtotal": "not finished",
    "Totaled": "not finished",
    "Projection": "an estimate",
    "Failed": "failed at the till",
}
_FINISHED = {"", "Finished", "Tendered", "Delivered", "Resumed", "Returned", "Shipped", "Picked",
             "Packed", "Updated"}  # fmt: skip
_POST_VOIDED = "PostVoided"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Habits:
    """What receipts leave unsaid. ``zone``: of times without one. ``currency``: where none is
    named. ``sku_from``: the POSIDType that is the SKU, or "". ``rates``: percentages of tax in
    use, if they are known."""

    zone: str = "UTC"
    currency: str = ""
    sku_from: str = ""
    rates: tuple[Decimal, ...] = ()


def understand(body: bytes, habits: Habits) -> Json | Nothing:
    """The source record that mappings see. Raises Misread."""
    transaction = _transaction(body)
    head = _head(transaction, habits.zone)
    receipt = transaction.first("RetailTransaction")
    if transaction.flag("TrainingModeFlag"):
        return Nothing(f"{head['number']}: training, nothing was sold")
    if transaction.flag("CancelFlag"):
        return Nothing(f"{head['number']}: given up before it was paid")
    if receipt is None:
        return _without_receipt(transaction, head)
    status = receipt.attribute("TransactionStatus")
    if status in _WITHOUT_EFFECT:
        return Nothing(f"{head['number']}: {_WITHOUT_EFFECT[status]} ({status})")
    if status == "Waste":
        return head | {"moves": _moves(head, receipt, habits.sku_from)}
    if status not in {*_FINISHED, _POST_VOIDED}:
        raise Misread(f"its status {status!r} is none we know", "unmapped-value")
    return _receipt(transaction, receipt, head, status, habits)


def _transaction(body: bytes) -> Node:
    try:
        root = Node(root_of(body))
    except ParseError as error:
        line, column = getattr(error, "position", (1, 0))
        raise _Broken(f"it is no XML ({error})", line, column + 1) from error
    except Spoilt as error:
        raise Misread(str(error)) from error
    found = root.first("Transaction") if root.name == "POSLog" else None
    if found is None:
        raise Misread("there is no POSLog with a Transaction in it")
    return found


class _Broken(Misread):
    """Not well formed, at a line and column of the transaction's own bytes."""

    def __init__(self, why: str, line: int, column: int) -> None:
        super().__init__(why)
        self.line, self.column = line, column


def position(error: Misread) -> tuple[int, int]:
    """(line, column) from 1 within the bytes, (0, 0) if it is about the whole transaction."""
    return (error.line, error.column) if isinstance(error, _Broken) else (0, 0)


# ------------------------------------------------------------------ whose it is, and when


def _head(transaction: Node, zone: str) -> Json:
    """A receipt is known by store, workstation, business day and sequence number: sequence
    numbers are each workstation's own and begin anew."""
    store = transaction.say("BusinessUnit/UnitID", "RetailStoreID", "BusinessUnit")
    workstation, sequence = transaction.say("WorkstationID"), transaction.say("SequenceNumber")
    if not (store and workstation and sequence):
        raise Misread("store, workstation or sequence number is missing", "missing-required")
    receipt = transaction.first("RetailTransaction")
    said = transaction.say("EndDateTime", "POSLogDateTime", "ReceiptDateTime", "BeginDateTime")
    said = said or (receipt.say("ReceiptDateTime") if receipt else "")
    moment = _moment(said)
    local = transaction.say("ReceiptDateTime", "POSLogDateTime")
    day = _day(transaction) or (local or said)[:10]
    if not _DAY.fullmatch(day):
        raise Misread(f"its business day is none: {day[:20]!r}")
    operator = transaction.first("OperatorID")
    head: Json = {
        "number": _number(store, workstation, day, sequence),
        "store": store,
        "workstation": workstation,
        "sequence": sequence,
        "business_date": day,
        "zone": zone,
        "operator": operator.text if operator else "",
    }
    # With an offset it is an instant; without one it is what the till's clock showed.
    head["utc" if moment.tzinfo else "local"] = (
        moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        if moment.tzinfo
        else moment.isoformat(timespec="seconds")
    )
    if receipt_number := transaction.say("ReceiptNumber", "TransactionID"):
        head["receipt"] = receipt_number
    return head


def _number(store: str, workstation: str, day: str, sequence: str) -> str:
    return f"{store}-{workstation}-{day}-{sequence}"


def _day(node: Node) -> str:
    return node.say("BusinessDayDate", "BusinessDayDate/Date")[:10]


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Misread(f"its time is none: {text[:40]!r}") from error


def _linked(link: Node, head: Json) -> tuple[str, str]:
    """(the number of the receipt a link names or "", how the till named it)."""
    store = link.say("BusinessUnit/UnitID", "RetailStoreID", "BusinessUnit") or head["store"]
    workstation = link.say("WorkstationID") or head["workstation"]
    sequence, day = link.say("SequenceNumber"), _day(link)
    named = link.say("TransactionID") or sequence
    if not (sequence and day):
        return "", named
    return _number(store, workstation, day, sequence), named


# ------------------------------------------------------------------ no receipt


def _without_receipt(transaction: Node, head: Json) -> Json | Nothing:
    stock = transaction.first("InventoryControlTransaction")
    if stock is not None:
        moves = [
            _move(head, number, item, "damage", out=True)
            for number, item in enumerate(stock.all("InventoryLoss"), start=1)
        ]
        if moves:
            return head | {"moves": moves}
    for node in transaction:
        if node.name.endswith("Transaction"):
            inner = ", ".join(one.name for one in node if one.name != "ReasonCode")
            reason = node.say("ReasonCode")
            what = " ".join(part for part in (inner, f"({reason})" if reason else "") if part)
            return Nothing(f"{head['number']}: {node.name} {what}: no goods and no sale".strip())
    return Nothing(f"{head['number']}: no sale")


def _moves(head: Json, receipt: Node, sku_from: str) -> list[Json]:
    return [
        {
            "id": f"{head['number']}/{line.seq}",
            "sku": line.sku,
            "qty": f"{line.qty.normalize():f}",
            "out": not line.comes_back,
            "reason": "damage",
        }
        for line in lines_of(receipt, sku_from)
        if line.sku and line.qty
    ]


def _move(head: Json, number: int, item: Node, reason: str, *, out: bool) -> Json:
    sku = item.say("ItemID")
    if not sku:
        raise Misread(f"loss {number} names no article", "sku-missing")
    qty = item.number("Quantity")
    return {
        "id": f"{head['number']}/{number}",
        "sku": sku,
        "qty": f"{abs(Decimal(1) if qty is None else qty).normalize():f}",
        "out": out,
        "reason": reason,
    }


# ------------------------------------------------------------------ a receipt


def _receipt(
    transaction: Node, receipt: Node, head: Json, status: str, habits: Habits
) -> Json | Nothing:
    totals = {total.attribute("TotalType"): total for total in receipt.all("Total")}
    lines = lines_of(receipt, habits.sku_from)
    tenders, rounding = tenders_of(receipt)
    if not lines:
        if tenders:
            raise Misread("money was taken and no line says what for", "missing-required")
        return Nothing(f"{head['number']}: a receipt without lines")
    head["currency"] = _currency(transaction, receipt, habits.currency)
    voids = _voided(receipt, head, status)
    whole = Receipt(
        number=head["number"],
        lines=lines,
        taxes=receipt_taxes(receipt),
        tenders=tenders,
        rounding=rounding,
        grand=_total(totals, "TransactionGrandAmount"),
        tax=_total(totals, "TransactionTaxAmount"),
        originals={line.seq: _linked(line.link, head) for line in lines if line.link is not None},
        original=_receipts_link(receipt, head),
        voids=voids,
        rates=habits.rates,
    )
    customer = receipt.say("Customer/CustomerID")
    return head | split(whole) | ({"customer": customer} if customer else {})


def _total(totals: dict[str, Node], kind: str) -> Decimal | None:
    from_whole = totals.get(kind)
    if from_whole is None or not from_whole.text:
        return None
    return Receipt.number_in(from_whole)


def _receipts_link(receipt: Node, head: Json) -> tuple[str, str]:
    """The receipt that all of it refers to, where goods come back. A link to a receipt that was
    put aside and resumed says nothing about goods."""
    for link in receipt.all("TransactionLink"):
        if link.attribute("ReasonCode") in ("", "Return"):
            return _linked(link, head)
    return "", ""


def _voided(receipt: Node, head: Json, status: str) -> str:
    """The number of the receipt that this one undoes, or ""."""
    for link in receipt.all("TransactionLink"):
        if link.attribute("ReasonCode") in ("Voided", "Void"):
            number, named = _linked(link, head)
            if not number:
                raise Misread(
                    f"it undoes the receipt {named!r} and doesn't name its day", "reference-missing"
                )
            return number
    return str(head["number"]) if status == _POST_VOIDED else ""


def _currency(transaction: Node, receipt: Node, default: str) -> str:
    said = transaction.say("CurrencyCode") or next(
        (total.attribute("CurrencyCode") for total in receipt.all("Total")
         if total.attribute("CurrencyCode")), ""
    )  # fmt: skip
    if not (said or default):
        raise Misread("it names no currency: set one in the connection's settings",
                      "missing-required")  # fmt: skip
    return said or default
