"""A receipt's two sides: what was sold, and what came back, each adding up by itself.

Goods that come back on a sale's receipt are a return of their own; what the halves settle between
each other is a tender called Exchange. A receipt that undoes another one is a return of all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from connectors.poslog.elements import Misread, Node, number_of
from connectors.poslog.lines import ZERO, Line, TaxPart
from connectors.poslog.tenders import EXCHANGE, Tender
from connectors.sdk.records import Json

_CENT = Decimal("0.01")
#: Percentages of value-added tax are whole or halves nearly everywhere (EU, UK, CH 8.1 and 2.6).
_STEPS = (Decimal(1), Decimal("0.5"), Decimal("0.1"))


@dataclass(slots=True)
class Receipt:
    """``taxes``: of the receipt as a whole. ``grand``, ``tax``: its stated totals. ``originals``:
    by line, (number of the sale it came from or "", how the till named it); ``original``: the
    same for all of it. ``voids``: the receipt it undoes, or "". ``rates``: percentages
    of tax in use, if they are known. Amounts are signed."""

    number: str
    lines: list[Line]
    taxes: list[TaxPart]
    tenders: list[Tender]
    rounding: Decimal
    grand: Decimal | None
    tax: Decimal | None
    originals: dict[str, tuple[str, str]]
    original: tuple[str, str]
    voids: str
    rates: tuple[Decimal, ...] = ()

    @staticmethod
    def number_in(total: Node) -> Decimal:
        return number_of(total.text, total.attribute("TotalType") or "a total")


@dataclass(slots=True)
class _Side:
    """Lines of one direction; all amounts as positive numbers."""

    lines: list[Line]
    taxes: list[TaxPart] = field(default_factory=list)
    rounding: Decimal = ZERO
    tenders: list[Tender] = field(default_factory=list)


def split(receipt: Receipt) -> Json:
    """{"tax_included", "sale"?, "returns"?}. Raises Misread where it doesn't add up."""
    if receipt.voids:
        _reverse(receipt)
    included = _tax_included(receipt)
    _share_tax(receipt, included)
    if all(line.comes_back or line.kind == "discount" for line in receipt.lines):
        for line in receipt.lines:
            line.comes_back = True  # what is taken off belongs to the goods that come back
    sold = [line for line in receipt.lines if not line.comes_back]
    back = [line for line in receipt.lines if line.comes_back]
    sale = _Side(sold) if sold else None
    returns = [(original, _Side(lines)) for original, lines in _by_original(receipt, back)]
    main = sale or returns[0][1]
    if not included:
        main.taxes = receipt.taxes
    main.rounding = receipt.rounding
    _pay(receipt, sale, [side for _, side in returns], included)
    told: Json = {"tax_included": included}
    if sale:
        told["sale"] = _told(sale, included, sign=1)
    if returns:
        alone = sale is None and len(returns) == 1
        told["returns"] = [
            _told(side, included, sign=-1)
            | {"number": receipt.number if alone else f"{receipt.number}-R{count}"}
            | _origin(original)
            for count, (original, side) in enumerate(returns, start=1)
        ]
        if receipt.voids == receipt.number:
            told["returns"][0]["number"] = f"{receipt.number}-V"
    return told


def _reverse(receipt: Receipt) -> None:
    """A receipt that undoes another is written with the other's signs, or turned round already."""
    turn = -1 if sum((line.amount for line in receipt.lines), ZERO) > 0 else 1
    for line in receipt.lines:
        line.amount *= turn
        line.comes_back = True
        for tax in line.taxes:
            tax.amount *= turn
        line.original_line = line.seq if receipt.voids == receipt.number else line.original_line
        receipt.originals[line.seq] = (receipt.voids, receipt.voids)
    for charged in receipt.taxes:
        charged.amount *= turn
    for tender in receipt.tenders:
        tender.amount *= turn
    receipt.rounding *= turn
    receipt.grand = None if receipt.grand is None else receipt.grand * turn
    receipt.tax = None if receipt.tax is None else receipt.tax * turn


# ------------------------------------------------------------------ tax


def _tax_included(receipt: Receipt) -> bool:
    """Told by arithmetic, since no dialect says it: what was due is the sum of the lines, or that
    and the tax."""
    amounts = _sum(line.amount for line in receipt.lines)
    paid = _sum(tender.amount for tender in receipt.tenders) - receipt.rounding
    due = receipt.grand if receipt.grand is not None else paid if receipt.tenders else amounts
    tax = _tax_of(receipt)
    tolerance = _CENT * max(1, len(receipt.lines))
    within, on_top = abs(due - amounts), abs(due - amounts - tax)
    if min(within, on_top) > tolerance:
        raise Misread(
            f"{due} was due, but its lines make {amounts} and its tax {tax}",
            "rounding-out-of-tolerance",
        )
    included = within <= on_top
    receipt.rounding += due - (amounts if included else amounts + tax)
    return included


def _tax_of(receipt: Receipt) -> Decimal:
    """Signed. Stated in total, else added up."""
    added = _sum(tax.amount for line in receipt.lines for tax in line.taxes)
    added += _sum(tax.amount for tax in receipt.taxes)
    return added if receipt.tax is None or added else receipt.tax


def _share_tax(receipt: Receipt, included: bool) -> None:
    """Where only a total of tax within the prices is known, every line gets its part of it; the
    largest takes what rounding leaves over."""
    tax = _tax_of(receipt)
    if not included or not tax or any(line.taxes for line in receipt.lines):
        return
    amounts = _sum(line.amount for line in receipt.lines)
    if not amounts:
        raise Misread("it has tax on a sum of nothing", "rounding-out-of-tolerance")
    code, percent = _rate(amounts - tax, tax, len(receipt.lines), receipt.rates)
    for line in receipt.lines:
        part = percent / (100 + percent) if percent is not None else tax / amounts
        line.taxes = [TaxPart(code, (line.amount * part).quantize(_CENT, ROUND_HALF_UP), percent)]
    largest = max(receipt.lines, key=lambda line: abs(line.amount))
    largest.taxes[0].amount += tax - _sum(line.taxes[0].amount for line in receipt.lines)
    receipt.taxes = []


def _rate(
    net: Decimal, tax: Decimal, lines: int, known: tuple[Decimal, ...]
) -> tuple[str, Decimal | None]:
    """The percentage that makes the tax, a cent per line aside: of those in use if they are known,
    else the plainest. ("mixed", None) if none does."""
    effective = abs(tax / net * 100) if net else ZERO
    plain = ((effective / step).quantize(Decimal(1), ROUND_HALF_UP) * step for step in _STEPS)
    candidates = sorted(known, key=lambda one: abs(one - effective)) if known else plain
    for percent in candidates:
        if abs(abs(net) * percent / 100 - abs(tax)) <= _CENT * lines:
            return _percent(percent), percent
    return "mixed", None


def _percent(percent: Decimal) -> str:
    return f"{percent.normalize():f}"


# ------------------------------------------------------------------ who paid what


def _pay(receipt: Receipt, sale: _Side | None, returns: list[_Side], included: bool) -> None:
    """Each side's tenders add up to its total; the halves settle the rest between each other."""
    if sale is not None and not returns:
        sale.tenders = receipt.tenders
        return
    if sale is None and len(returns) == 1:
        returns[0].tenders = [_turned(tender) for tender in receipt.tenders]
        return
    moved = _sum(tender.amount for tender in receipt.tenders)
    takes = sale is not None and moved >= 0
    if sale is not None:
        sale.tenders = list(receipt.tenders) if takes else []
        _settle(sale, _grand(sale, included, 1))
    pool = [] if takes else [_turned(tender) for tender in receipt.tenders]
    for side in returns:
        total = _grand(side, included, -1)
        while pool and total > _sum(t.amount for t in side.tenders):
            tender = pool.pop(0)
            lacking = total - _sum(t.amount for t in side.tenders)
            if tender.amount > lacking:
                pool.insert(0, Tender(tender.kind, tender.amount - lacking, tender.auth))
                tender = Tender(tender.kind, lacking, tender.auth, tender.brand, tender.last4)
            side.tenders.append(tender)
        _settle(side, total)


def _settle(side: _Side, total: Decimal) -> None:
    missing = total - _sum(tender.amount for tender in side.tenders)
    if missing:
        side.tenders.append(Tender(EXCHANGE, missing))


def _turned(tender: Tender) -> Tender:
    return Tender(tender.kind, -tender.amount, tender.auth, tender.brand, tender.last4)


# ------------------------------------------------------------------ in a mapping's words


def _by_original(receipt: Receipt, back: list[Line]) -> list[tuple[tuple[str, str], list[Line]]]:
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in back:
        groups.setdefault(receipt.originals.get(line.seq, receipt.original), []).append(line)
    return list(groups.items())


def _origin(original: tuple[str, str]) -> Json:
    number, named = original
    if number:
        return {"original": number}
    why = f"the till names {named} and not its day" if named else "no receipt was shown"
    return {"unlinked_reason": why}


def _told(side: _Side, included: bool, sign: int) -> Json:
    lines = [_line(line, included, sign) for line in side.lines]
    net = _sum(Decimal(line["net"]) for line in lines)
    rates = _rates(side, lines, sign)
    tax = _sum(Decimal(rate["tax"]) for rate in rates)
    told: Json = {
        "lines": lines,
        "rates": rates,
        "net": _text(net),
        "tax": _text(tax),
        "total": _text(net + tax + side.rounding * sign),
        "tenders": [_tender(tender) for tender in side.tenders],
    }
    if side.rounding:
        told["rounding"] = _text(side.rounding * sign)
    return told


def _grand(side: _Side, included: bool, sign: int) -> Decimal:
    amounts = _sum(line.amount for line in side.lines)
    if not included:
        amounts += _sum(tax.amount for line in side.lines for tax in line.taxes)
        amounts += _sum(tax.amount for tax in side.taxes)
    return (amounts + side.rounding) * sign


def _line(line: Line, included: bool, sign: int) -> Json:
    amount = line.amount * sign
    tax = _sum(part.amount for part in line.taxes) * sign
    net = amount - tax if included else amount
    below = amount < 0
    told: Json = {
        "id": line.seq,
        "kind": line.kind,
        "text": line.text,
        "qty": f"{(-line.qty if below and line.sku else line.qty).normalize():f}",
        "unit_price": _text(-line.unit_price if below and not line.sku else line.unit_price),
        "amount": _text(amount),
        "net": _text(net),
        "taxes": [_rate_told(part, sign, net) for part in line.taxes],
    }
    named = {"sku": line.sku, "gtin": line.gtin, "reason": line.reason}
    told |= {name: value for name, value in named.items() if value}
    if line.discount:
        told["discount"] = _text(line.discount)
    return told | ({"original_line": line.original_line} if line.original_line else {})


def _rate_told(part: TaxPart, sign: int, net: Decimal) -> Json:
    base = abs(part.base) if part.base is not None else net
    told: Json = {"code": part.code, "tax": _text(part.amount * sign), "net": _text(base)}
    if part.percent is not None and abs(base * part.percent / 100 - abs(part.amount)) <= _CENT:
        told["percent"] = _percent(part.percent)
    return told


def _rates(side: _Side, lines: list[Json], sign: int) -> list[Json]:
    """By code and percentage, added up."""
    rates: dict[tuple[str, str], Json] = {}
    told = [rate for line in lines for rate in line["taxes"]]
    told += [_rate_told(part, sign, ZERO) for part in side.taxes]
    for rate in told:
        known = rates.setdefault(
            (rate["code"], rate.get("percent", "")), rate | {"net": "0", "tax": "0"}
        )
        for name in ("net", "tax"):
            known[name] = _text(Decimal(known[name]) + Decimal(rate[name]))
    return list(rates.values())


def _tender(tender: Tender) -> Json:
    named = {"auth": tender.auth, "brand": tender.brand, "last4": tender.last4}
    told: Json = {"kind": tender.kind, "amount": _text(tender.amount)}
    return told | {name: value for name, value in named.items() if value}


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _text(amount: Decimal) -> str:
    """Cents at least, more only where there are more; never an exponent."""
    plain = amount.normalize() + 0
    exponent = plain.as_tuple().exponent
    if isinstance(exponent, int) and exponent > -2:
        plain = plain.quantize(_CENT)
    return f"{plain:f}"
