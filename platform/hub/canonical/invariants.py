"""What must add up in orders, sales, returns and refunds.

Source: the model's totals rule: grand total = Σ line.net + Σ tax + rounding, one currency
throughout, a tolerance of one minor unit per line (sources round per line or per document).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from hub.canonical.entities import Entity, Order, Refund, Return, Sale, Totals
from hub.canonical.problems import Problem
from hub.canonical.values import Money, quantum

#: Every currency in encoded content; text that only looks like one costs a closer look.
_CURRENCIES = re.compile(rb'"currency":"([A-Z]{3})"').findall


def invariant_problems(record: Entity, content: dict[str, Any]) -> Iterator[Problem]:
    """For content whose structure is sound; ``record``: the same, decoded."""
    currency = (
        record.amount.currency if isinstance(record, Refund) else getattr(record, "currency", "")
    )
    if currency and set(_CURRENCIES(msgspec.json.encode(content))) - {currency.encode()}:
        yield from _foreign(content, currency, "")
    check = _CHECKS.get(type(record))
    if check is not None:
        yield from check(record)


def _foreign(value: Any, currency: str, path: str) -> Iterator[Problem]:
    """Amounts in another currency than the document's."""
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            if value["currency"] != currency:
                message = f"{value['currency']} in a document in {currency}: never summed."
                yield Problem(path, "currency-mismatch", message)
            return
        for name, inner in value.items():
            if name != "ext":
                yield from _foreign(inner, currency, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _foreign(inner, currency, f"{path}[{index}]")


def _total(amounts: list[Money]) -> Decimal:
    return sum((money.decimal for money in amounts), Decimal(0))


def _differs(
    path: str, said: Decimal, found: Decimal, tolerance: Decimal, what: str
) -> Iterator[Problem]:
    if abs(said - found) > tolerance:
        message = f"It says {said}, but {what} is {found}: look at the document at its source."
        yield Problem(path, "rounding-out-of-tolerance", message)


def _document(record: Order | Sale) -> Iterator[Problem]:
    tolerance = quantum(record.currency) * max(1, len(record.lines))
    totals = record.totals
    yield from _sum_of_totals(totals, tolerance)
    net = _total([line.net for line in record.lines])
    yield from _differs("totals.net", totals.net.decimal, net, tolerance, "the lines' sum")
    tax = totals.tax.decimal
    taxes = [part.amount for line in record.lines for part in line.taxes]
    if taxes:
        yield from _differs("totals.tax", tax, _total(taxes), tolerance, "the lines' tax")
    if record.tax_summary:
        summary = _total([part.amount for part in record.tax_summary])
        yield from _differs("totals.tax", tax, summary, tolerance, "the tax summary")


def _sum_of_totals(totals: Totals, tolerance: Decimal) -> Iterator[Problem]:
    rounding = totals.rounding.decimal if totals.rounding else Decimal(0)
    parts = totals.net.decimal + totals.tax.decimal + rounding
    said = totals.grand_total.decimal
    yield from _differs("totals.grand_total", said, parts, tolerance, "net + tax + rounding")


def _sale(record: Sale) -> Iterator[Problem]:
    yield from _document(record)
    paid = _total([tender.amount for tender in record.tenders])
    due = record.totals.grand_total.decimal
    yield from _differs("tenders", paid, due, quantum(record.currency), "the grand total")


def _return(record: Return) -> Iterator[Problem]:
    if record.totals is None:
        return
    tolerance = quantum(record.currency) * max(1, len(record.lines))
    yield from _sum_of_totals(record.totals, tolerance)
    nets = [line.net for line in record.lines if line.net is not None]
    if nets and len(nets) == len(record.lines):
        said = record.totals.net.decimal
        yield from _differs("totals.net", said, _total(nets), tolerance, "the lines' sum")


_CHECKS: dict[type[Entity], Callable[[Any], Iterator[Problem]]] = {
    Order: _document,
    Sale: _sale,
    Return: _return,
}
