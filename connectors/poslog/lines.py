"""A receipt's lines: what was sold or came back, what was taken off, what tax was charged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from connectors.poslog.elements import Misread, Node

ZERO = Decimal(0)
#: Items that pay the customer without being goods bought before (a bottle's deposit).
_PAYS_BACK = {"DepositRefund", "FeeRefund", "acs:NegativeItem"}
_KINDS = {"Deposit": "deposit", "DepositRefund": "deposit", "Fee": "fee", "FeeRefund": "fee"}
_VOIDED = ("VoidFlag", "CancelFlag", "DeleteFlag")
#: Vendor words for goods coming back within an ordinary sale line (roqqio).
_RETURNING = {"RETOUR"}


@dataclass(slots=True)
class TaxPart:
    code: str
    amount: Decimal
    percent: Decimal | None = None
    base: Decimal | None = None


@dataclass(slots=True)
class Line:
    """``amount``: what it adds to the receipt as printed, signed: below zero for what is paid
    back. ``qty``: never below zero. ``comes_back``: goods of an earlier sale."""

    seq: str
    kind: str
    sku: str
    gtin: str
    text: str
    qty: Decimal
    unit_price: Decimal
    amount: Decimal
    comes_back: bool = False
    discount: Decimal = ZERO
    taxes: list[TaxPart] = field(default_factory=list)
    link: Node | None = None
    original_line: str = ""
    reason: str = ""


def lines_of(receipt: Node, sku_from: str) -> list[Line]:
    """A line marked void counts for nothing; one with a quantity below zero besides (NCR ACS)
    takes back a line before it. Raises Misread."""
    found: list[Line] = []
    for number, item in enumerate(receipt.all("LineItem"), start=1):
        void = any(item.flag(mark) for mark in _VOIDED)
        seq = item.say("SequenceNumber") or str(number)
        for sold in (node for node in item if node.name in ("Sale", "Return")):
            if not void:
                found.append(_line(sold, seq, sku_from))
            elif sold.name == "Sale" and (sold.number("Quantity") or ZERO) < 0:
                _take_back(found, _line(sold, seq, sku_from))
        if void:
            continue
        for off in item.all("Discount"):
            amount = off.number("Amount") or ZERO
            if amount:
                found.append(_discount(seq, off.say("Description", "ReasonCode"), -abs(amount)))
    return found + list(_rewards(receipt))


def _take_back(found: list[Line], void: Line) -> None:
    """Raises Misread where there is nothing to take back."""
    for line in reversed(found):
        fits = line.sku == void.sku and not line.comes_back
        if fits and line.qty >= void.qty and line.amount >= -void.amount:
            line.qty -= void.qty
            line.amount += void.amount
            if not line.qty:
                found.remove(line)
            return
    raise Misread(f"line {void.seq} takes back {void.sku}, and no line before it sold that")


def _line(sold: Node, seq: str, sku_from: str) -> Line:
    gtin, sku = _numbers(sold, sku_from)
    said = sold.number("Quantity")
    qty = Decimal(1) if said is None else said
    unit = sold.number(
        "ActualSalesUnitPrice", "RegularSalesUnitPrice", "SuggestedPrice", "UnitListPrice"
    )
    extended = sold.number("ExtendedAmount")
    if extended is None:
        if unit is None:
            raise Misread(f"line {seq} has neither an amount nor a price", "missing-required")
        extended = abs(qty) * unit
    kind = sold.attribute("ItemType")
    # A till marks what comes back by the element, a quantity below zero, or a word of its own;
    # the amount beside it has a sign at some of them and none at others.
    back = sold.name == "Return" or qty < 0 or sold.say("SalesMode") in _RETURNING
    pays_back = not back and extended < 0
    if pays_back and kind not in _PAYS_BACK and not sku:
        return _discount(seq, sold.say("Description"), extended)
    if not sku:
        raise Misread(f"line {seq} names no article", "sku-missing")
    amount = -abs(extended) if back or pays_back else extended
    taxes = [_tax(tax) for tax in sold.all("Tax") if tax.say("Amount")]
    for tax in taxes:
        tax.amount = -abs(tax.amount) if amount < 0 else tax.amount
    named = sold.first("ItemID")
    text = sold.say("Description") or (named.attribute("Name") if named else "") or sku
    if unit is None:
        unit = abs(extended / qty) if qty else extended
    return Line(
        seq=seq,
        kind=_KINDS.get(kind, "deposit" if pays_back and kind in _PAYS_BACK else "item"),
        sku=sku,
        gtin=gtin,
        text=text,
        qty=abs(qty),
        unit_price=abs(unit),
        amount=amount,
        comes_back=back,
        discount=_taken_off(sold),
        taxes=taxes,
        link=sold.first("TransactionLink"),
        original_line=sold.say("TransactionLink/LineItemSequenceNumber"),
        reason=sold.say("Reason", "ReasonCode"),
    )


def _numbers(sold: Node, sku_from: str) -> tuple[str, str]:
    """(barcode or "", the number the article is known by)."""
    known = {
        one.attribute("POSIDType") or "?": one.say("POSItemID") for one in sold.all("POSIdentity")
    }
    named = sold.say("ItemID")
    gtin = known.get("GTIN", "")
    first = next((number for number in known.values() if number), "")
    return gtin, (known.get(sku_from) if sku_from else "") or named or first


def _taken_off(sold: Node) -> Decimal:
    """What the line's price was lowered by; the line's amount has it already."""
    said = sold.number("ExtendedDiscountAmount")
    if said:
        return abs(said)
    total = ZERO
    for change in sold.all("RetailPriceModifier"):
        amount = change.first("Amount")
        value = change.number("Amount") or ZERO
        if amount is not None and amount.attribute("Action") != "Add":
            total += abs(value)
    return total


def _discount(seq: str, text: str, amount: Decimal) -> Line:
    return Line(
        seq=seq, kind="discount", sku="", gtin="", text=text or "Discount", qty=Decimal(1),
        unit_price=abs(amount), amount=amount,
    )  # fmt: skip


def _rewards(receipt: Node) -> Iterator[Line]:
    """Money off by a loyalty programme (NCR ACS): told per item and once more in sum; the sum
    counts, and the items where there is none. What isn't money (points, messages) is left out."""
    found = [
        (item, reward)
        for item in receipt.all("LineItem")
        for reward in item.all("LoyaltyReward")
        if reward.say("RewardCategory") == "Monetary" and not item.flag("VoidFlag")
    ]
    summed = [pair for pair in found if pair[1].flag("summarizedActivity")]
    for item, reward in summed or found:
        amount = reward.number("ExtendedRewardAmount") or ZERO
        if amount:
            text = f"Promotion {reward.say('PromotionID')}".strip()
            yield _discount(item.say("SequenceNumber"), text, amount)


# ------------------------------------------------------------------ taxes of the whole receipt


def receipt_taxes(receipt: Node) -> list[TaxPart]:
    """Tax charged on the receipt as a whole, as tills in countries with sales tax tell it."""
    return [
        _tax(tax)
        for item in receipt.all("LineItem")
        if not any(item.flag(mark) for mark in _VOIDED)
        for tax in item.all("Tax")
        if tax.say("Amount")
    ]


def _tax(tax: Node) -> TaxPart:
    """``percent`` only where it makes the amount: some tills write a rough one for information."""
    amount = tax.number("Amount") or ZERO
    percent, base = tax.number("Percent"), tax.number("TaxableAmount")
    code = (
        tax.say("TaxGroupID", "TaxRuleID")
        or tax.attribute("TaxID")
        or tax.attribute("TaxType")
        or (f"{percent.normalize():f}" if percent is not None else "")
        or "tax"
    )
    return TaxPart(code, amount, percent, base)
