"""What was paid with, change given back, and cash rounded to the smallest coin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connectors.poslog.elements import Node
from connectors.poslog.lines import ZERO

#: What settles the two halves of an exchange between each other; no money moves.
EXCHANGE = "Exchange"


@dataclass(slots=True)
class Tender:
    """``amount``: signed; below zero is money that left the till."""

    kind: str
    amount: Decimal
    auth: str = ""
    brand: str = ""
    last4: str = ""


def tenders_of(receipt: Node) -> tuple[list[Tender], Decimal]:
    """(tenders with their change taken off, what was rounded on top of the sum).

    Change comes as a tender below zero that repeats it inside (NCR), or as a line of its own
    (roqqio). Rounding comes as a tender that holds nothing else (Visma).
    """
    found: list[Tender] = []
    rounding = ZERO
    for item in receipt.all("LineItem"):
        if item.flag("VoidFlag") or item.flag("CancelFlag"):
            continue
        for node in item:
            if node.name == "Tender":
                amount = node.number("Amount")
                if amount is None:
                    rounding += _rounding(node)
                    continue
                found.append(_tender(node, amount))
                rounding += _rounding(node)
                if amount > 0:
                    found += _change(node, node.attribute("TenderType"))
            elif node.name == "TenderChange":
                found += _change_line(node)
    return _netted(found), rounding


def _tender(node: Node, amount: Decimal) -> Tender:
    out = node.attribute("TypeCode") in ("Refund", "Return") or amount < 0
    card = node.first("CreditDebit")
    number = node.say("CreditDebit/PrimaryAccountNumber", "CreditDebit/AccountNumber")
    digits = "".join(letter for letter in number[-4:] if letter.isdigit())
    return Tender(
        kind=node.attribute("TenderType") or "Unknown",
        amount=-abs(amount) if out else amount,
        auth=node.say("Authorization/AuthorizationCode"),
        brand=(card.attribute("CardType") if card else "") or node.attribute("SubTenderType"),
        last4=digits if len(digits) == 4 else "",
    )


def _rounding(node: Node) -> Decimal:
    """Signed: up is paid on top."""
    rounded = node.first("Rounding")
    amount = node.number("Rounding")
    if rounded is None or not amount:
        return ZERO
    return -abs(amount) if rounded.attribute("RoundingDirection") == "Down" else amount


def _change(node: Node, kind: str) -> list[Tender]:
    return [
        Tender(change.attribute("TenderType") or kind, -abs(amount))
        for change in node.all("TenderChange")
        if (amount := change.number("Amount"))
    ]


def _change_line(node: Node) -> list[Tender]:
    inner = list(node.all("TenderChange"))
    return [
        Tender(change.attribute("TenderType") or "Cash", -abs(amount))
        for change in inner or [node]
        if (amount := change.number("Amount"))
    ]


def _netted(found: list[Tender]) -> list[Tender]:
    """Change is taken off what was given in the same kind. Cash given back on a card or voucher
    stays a tender below zero: that money did leave the drawer."""
    given = [one for one in found if one.amount > 0]
    taken = [one for one in found if one.amount < 0]
    for change in taken:
        for other in (one for one in given if one.kind == change.kind):
            off = min(other.amount, -change.amount)
            other.amount -= off
            change.amount += off
    return [one for one in [*given, *taken] if one.amount]
