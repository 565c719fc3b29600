"""How three makers' tills write the same receipt. Shapes as observed in files of roqqio, NCR ACS
and Visma Retail; goods, people and amounts are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

ARTS = "http://www.nrf-arts.org/IXRetail/namespace/"
NAMESPACES = {
    "roqqio": 'xmlns:fu="http://www.futura4retail.com/pos/namespace/"',
    "ncr": 'xmlns:acs="http://www.ncr.com/rsd/acs/tlog/markup/poslog/2.1"',
    "visma": 'xmlns:VRArtsPoslogExt="http://schemas.vismaretail.com/poslog/"',
}
DIALECTS = tuple(NAMESPACES)


@dataclass(frozen=True)
class Item:
    """``qty`` below zero: it comes back. ``void``: rung up and taken back."""

    sku: str
    text: str
    qty: str
    price: str
    percent: str = "19"
    void: bool = False
    original: tuple[str, str] | None = None
    """Business day and sequence number of the receipt it was sold on, at the same workstation."""

    @property
    def amount(self) -> Decimal:
        return (Decimal(self.qty) * Decimal(self.price)).quantize(Decimal("0.01"))


@dataclass(frozen=True)
class Written:
    """One transaction. ``status``: TransactionStatus. ``inner``: what stands in place of a
    receipt (a control transaction)."""

    sequence: int
    items: Sequence[Item] = ()
    store: str = "S01"
    workstation: str = "1"
    day: str = "2024-08-08"
    time: str = "09:15:12"
    currency: str = "EUR"
    tender: str = "Cash"
    status: str = ""
    inner: str = ""
    link: str = ""
    given: str = ""
    grand: str = ""
    """What was due, where ``extra`` holds lines that count (NCR)."""
    rounding: str = ""
    attributes: str = ""
    extra: str = field(default="", compare=False)


def file_of(dialect: str, written: Sequence[Written], encoding: str = "utf-8") -> bytes:
    """A whole POSLog file."""
    body = "\n".join(_WRITERS[dialect](one) for one in written)
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    root = f'<POSLog xmlns="{ARTS}" {NAMESPACES[dialect]} MajorVersion="6">'
    return f"{head}\n{root}\n{body}\n</POSLog>\n".encode(encoding)


def _sums(one: Written) -> tuple[Decimal, Decimal]:
    """(sum of the lines, tax within it), without what was taken back."""
    total, tax = Decimal(0), Decimal(0)
    for item in one.items:
        if not item.void:
            total += item.amount
            rate = Decimal(item.percent)
            tax += (item.amount * rate / (100 + rate)).quantize(Decimal("0.01"))
    return total, tax


def _comma(amount: Decimal | str) -> str:
    return str(amount).replace(".", ",")


# ------------------------------------------------------------------ roqqio


def _roqqio(one: Written) -> str:
    """Prices with tax, tax known for the receipt only, quantities below zero for what comes back
    with amounts above it, times in UTC beside local ones; some write a decimal comma."""
    total, tax = _sums(one)
    lines = [_roqqio_line(n, i) for n, i in enumerate(one.items, start=1) if not i.void]
    refund = total < 0
    given = Decimal(one.given) if one.given else abs(total)
    lines.append(
        f'<LineItem><Tender TenderType="{one.tender}" TypeCode="{"Refund" if refund else "Sale"}">'
        f'<Amount Currency="{one.currency}">{_comma(given)}0</Amount><Rounding>0.000</Rounding>'
        f"<fu:PaymentTypeDescription>Bar</fu:PaymentTypeDescription></Tender>"
        f"<SequenceNumber>{len(one.items) + 2}</SequenceNumber></LineItem>"
    )
    if one.given:
        change = given - total
        lines.append(
            f'<LineItem><TenderChange TypeCode="Refund"><TenderChange TenderType="Cash">'
            f'<Amount Currency="{one.currency}">{_comma(change)}</Amount></TenderChange>'
            f"</TenderChange><SequenceNumber>{len(one.items) + 3}</SequenceNumber></LineItem>"
        )
    totals = [("TransactionGrandAmount", total), ("TransactionNetAmount", total - tax),
              ("TransactionTaxAmount", tax), ("TransactionGrossAmount", total)]  # fmt: skip
    told = "".join(
        f'<Total TotalType="{kind}" CurrencyCode="{one.currency}">{_comma(amount)}0</Total>'
        for kind, amount in totals
    )
    status = f' TransactionStatus="{one.status}"' if one.status else ""
    receipt = one.inner or (
        f"<RetailTransaction{status}>{one.link}{''.join(lines)}{one.extra}{told}"
        "</RetailTransaction>"
    )
    return (
        f'<Transaction{one.attributes}><BusinessUnit><UnitID Name="Laden">{one.store}</UnitID>'
        f'</BusinessUnit><WorkstationID TypeCode="POS">{one.workstation}</WorkstationID>'
        f"<SequenceNumber>{one.sequence}</SequenceNumber>"
        f"<POSLogDateTime>{one.day}T{one.time}.741</POSLogDateTime>"
        f'<OperatorID OperatorType="Cashier">7</OperatorID>'
        f"<ReceiptNumber>{one.sequence}</ReceiptNumber>\n{receipt}\n"
        f"<BusinessDayDate>{one.day}</BusinessDayDate>"
        f"<EndDateTime>{one.day}T{one.time}.741+02:00</EndDateTime>"
        f"<fu:Hashcode>LNK/{one.sequence}</fu:Hashcode></Transaction>"
    )


def _roqqio_line(number: int, item: Item) -> str:
    link = ""
    if item.original:
        day, sequence = item.original
        link = (
            f"<TransactionLink><TransactionID>{sequence}</TransactionID>"
            f"<BusinessDayDate><Date>{day}</Date></BusinessDayDate>"
            f"<SequenceNumber>{sequence}</SequenceNumber>"
            f"<LineItemSequenceNumber>1</LineItemSequenceNumber></TransactionLink>"
        )
    return (
        f"<LineItem><Sale><ItemID Name={quoteattr(item.text)}>{escape(item.sku)}</ItemID>"
        f"<ActualSalesUnitPrice>{_comma(item.price)}</ActualSalesUnitPrice>"
        f"<ExtendedAmount>{_comma(abs(item.amount))}</ExtendedAmount>"
        f'<ExtendedDiscountAmount Currency="XXX">0</ExtendedDiscountAmount>'
        f'<Quantity UnitOfMeasureCode="EA">{_comma(item.qty)}</Quantity>{link}'
        f"<fu:SalesMode>{'RETOUR' if Decimal(item.qty) < 0 else 'MODE_NORMAL'}</fu:SalesMode>"
        f"</Sale><SequenceNumber>{number}</SequenceNumber></LineItem>"
    )


# ------------------------------------------------------------------ NCR ACS


def _ncr(one: Written) -> str:
    """Sales tax on top, told for the receipt; a line taken back is a line of its own with a
    quantity below zero; change is a tender below zero."""
    lines, total = [], Decimal(0)
    tax = Decimal(0)
    for number, item in enumerate(one.items, start=1):
        lines.append(_ncr_line(number, item))
        if item.void:
            taken = Item(item.sku, item.text, f"-{item.qty}", item.price)
            lines.append(_ncr_line(number + 100, taken, void=True))
        else:
            total += item.amount
            tax += (item.amount * Decimal(item.percent) / 100).quantize(Decimal("0.01"))
    if tax:
        lines.insert(
            0, f'<LineItem EntryMethod="acs:Auto"><SequenceNumber>90</SequenceNumber>'
            f'<Tax acs:TaxID="1"><TaxableAmount>{total}</TaxableAmount><Amount>{tax}</Amount>'
            f"<Percent>{one.items[0].percent}</Percent></Tax></LineItem>",
        )  # fmt: skip
    due = Decimal(one.grand) if one.grand else total + tax
    given = Decimal(one.given) if one.given else due
    lines.append(_ncr_tender(one.tender, given))
    if given != due:
        lines.append(_ncr_tender("Cash", due - given, change=True))
    told = "".join(
        f'<Total TotalType="{kind}">{amount}</Total>'
        for kind, amount in (("TransactionGrandAmount", due), ("TransactionTaxAmount", tax))
    )
    status = f' TransactionStatus="{one.status}"' if one.status else ""
    receipt = one.inner or (
        f'<RetailTransaction Version="2.1"{status}>{one.link}{"".join(lines)}{one.extra}{told}'
        "</RetailTransaction>"
    )
    return (
        f"<Transaction{one.attributes}><RetailStoreID>{one.store}</RetailStoreID>"
        f"<WorkstationID>{one.workstation}</WorkstationID>"
        f"<SequenceNumber>{one.sequence}</SequenceNumber>"
        f"<BusinessDayDate>{one.day}</BusinessDayDate>"
        f"<EndDateTime>{one.day}T{one.time}</EndDateTime>"
        f'<OperatorID OperatorName="FL 3">94</OperatorID>'
        f"<CurrencyCode>{one.currency}</CurrencyCode>{receipt}</Transaction>"
    )


def _ncr_line(number: int, item: Item, void: bool = False) -> str:
    return (
        f'<LineItem{" VoidFlag=" + quoteattr("true") if void else ""} EntryMethod="Scanned">'
        f"<SequenceNumber>{number}</SequenceNumber>"
        f'<Sale ItemType="Stock"><POSIdentity POSIDType="GTIN"><POSItemID>{item.sku}</POSItemID>'
        f"</POSIdentity><ItemID>{item.sku}</ItemID>"
        f"<Description>{escape(item.text).ljust(20)}</Description>"
        f"<RegularSalesUnitPrice>{item.price}</RegularSalesUnitPrice>"
        f"<ExtendedAmount>{item.amount}</ExtendedAmount><Quantity>{item.qty}</Quantity>"
        f"<acs:ReportCode>0</acs:ReportCode></Sale></LineItem>"
    )


def _ncr_tender(kind: str, amount: Decimal, change: bool = False) -> str:
    inner = f"<TenderChange><Amount>{amount}</Amount></TenderChange>" if change else ""
    card = (
        "<Authorization><AuthorizationCode>365217</AuthorizationCode></Authorization>"
        '<CreditDebit CardType="Debit"/>'
        if kind == "CreditDebit"
        else ""
    )
    return (
        f'<LineItem EntryMethod="Keyed"><SequenceNumber>95</SequenceNumber>'
        f'<Tender TenderType="{kind}" TypeCode="Sale"><Amount>{amount}</Amount>{inner}{card}'
        f"</Tender></LineItem>"
    )


# ------------------------------------------------------------------ Visma Retail


def _visma(one: Written) -> str:
    """Tax by line within the prices, cash rounding as a tender of its own, no business day, and a
    drawer that opens within the same transaction."""
    total, _ = _sums(one)
    lines = [_visma_line(n, i) for n, i in enumerate(one.items, start=1)]
    rounded = total + Decimal(one.rounding or 0)
    lines.append(
        f'<LineItem CancelFlag="false"><Tender TypeCode="Sale" TenderType="{one.tender}" '
        f'VRArtsPoslogExt:InternalTenderId="1"><Amount>{rounded}000</Amount></Tender>'
        "<SequenceNumber>98</SequenceNumber></LineItem>"
    )
    if one.rounding:
        way = "Down" if one.rounding.startswith("-") else "Up"
        lines.append(
            f'<LineItem CancelFlag="false"><Tender><Rounding RoundingDirection="{way}">'
            f"{one.rounding.lstrip('-')}000</Rounding></Tender>"
            "<SequenceNumber>99</SequenceNumber></LineItem>"
        )
    status = one.status or "Finished"
    receipt = one.inner or (
        f'<RetailTransaction TransactionStatus="{status}">{one.link}{"".join(lines)}{one.extra}'
        f'<Total CurrencyCode="{one.currency}" TotalType="TransactionNetAmount">{total}</Total>'
        "</RetailTransaction>"
    )
    return (
        f'<Transaction VRArtsPoslogExt:PosType="RSPOS" TrainingModeFlag="false"{one.attributes}>'
        f"<BusinessUnit><UnitID>{one.store}</UnitID></BusinessUnit>"
        f'<WorkstationID TypeCode="POS">{one.workstation}</WorkstationID>'
        f"<SequenceNumber>{one.sequence}</SequenceNumber>"
        f"<TransactionID>{one.day.replace('-', '')}{one.sequence}</TransactionID>"
        f'<OperatorID OperatorType="Cashier">1234</OperatorID>'
        f"<CurrencyCode>{one.currency}</CurrencyCode>{receipt}<TillID/>"
        f"<BeginDateTime>{one.day}T{one.time}</BeginDateTime>"
        f"<EndDateTime>{one.day}T{one.time}</EndDateTime>"
        "<ControlTransaction><ApplicationEvent>CashDrawerOpen</ApplicationEvent>"
        "</ControlTransaction></Transaction>"
    )


def _visma_line(number: int, item: Item) -> str:
    rate = Decimal(item.percent)
    tax = (abs(item.amount) * rate / (100 + rate)).quantize(Decimal("0.01"))
    element = "Return" if Decimal(item.qty) < 0 else "Sale"
    return (
        f'<LineItem CancelFlag="{str(item.void).lower()}" EntryMethod="Keyed">'
        f'<{element} ItemType="Stock" VRArtsPoslogExt:ScanningItem="false">'
        f'<POSIdentity POSIDType="GTIN"><POSItemID>{item.sku}</POSItemID></POSIdentity>'
        f'<POSIdentity POSIDType="RSID"><POSItemID>R-{item.sku}</POSItemID></POSIdentity>'
        f'<Description TypeCode="Short">{escape(item.text)}</Description>'
        f"<SuggestedPrice>{item.price}000</SuggestedPrice>"
        f"<ExtendedAmount>{abs(item.amount)}000</ExtendedAmount>"
        f'<Quantity Units="0.00" UnitOfMeasureCode="EA">{item.qty.lstrip("-")}.00000</Quantity>'
        f'<Tax TaxSubType="Standard"><Amount>{tax}000</Amount><Percent>{item.percent}</Percent>'
        f'<TaxGroupID Name="ArticleGroupCode">T{item.percent}</TaxGroupID></Tax>'
        f"</{element}><SequenceNumber>{number}</SequenceNumber></LineItem>"
    )


_WRITERS = {"roqqio": _roqqio, "ncr": _ncr, "visma": _visma}
