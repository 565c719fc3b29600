"""The rule that cuts the wholesaler's invoices into a retailer's trading weeks.

Standard library only and pure, so that the counter can load this one file by its path and
share nothing else with the hub. ``docs/demo.md`` has the rule as a table, with reasons.

Every choice is a hash of the invoice's own number: the same extract always gives the same
orders, receipts, tenders and opening stock, on every machine.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

STORES = tuple(f"S{n:02d}" for n in range(1, 19))
WAREHOUSE = "CEN"
#: What the shop may sell: the warehouse and the flagship store, less a buffer.
CHOSEN_LOCATIONS = (WAREHOUSE, "S01")
BUFFER = 2
WEB_SHARE = 30

CARRIAGE = {"POST", "DOT", "C2"}
MANUAL = {"M", "D"}
NOT_RETAIL = {"B", "BANK CHARGES"}
VOUCHER = re.compile(r"^GIFT_")
#: Books carry no tax in the UK; furniture for books does. (Which article is a book is ours to say:
#: the data set knows no tax.)
BOOK = re.compile(r"\b(COOK)?BOOKS?\b")
NOT_A_BOOK = re.compile(r"\b(STAND|BOX|COVERS?|ENDS?|NOTE)\b")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the data set; ``at``: local time of the shop, ``YYYY-MM-DDTHH:MM:SS``."""

    invoice: str
    sku: str
    title: str
    qty: int
    at: str
    price: Decimal
    customer: str
    country: str


@dataclass(frozen=True, slots=True)
class Line:
    """``number`` counts from 1 on its document; ``origin``: the number of the line that a
    return or refund takes back, 0 if unknown. ``qty`` is positive, except on a write-off."""

    number: int
    sku: str
    title: str
    qty: int
    price: Decimal
    tax: str
    origin: int = 0

    @property
    def amount(self) -> Decimal:
        return self.price * self.qty

    @property
    def article(self) -> str:
        return article(self.sku)


@dataclass(frozen=True, slots=True)
class Document:
    """``kind``: order · refund (shop), sale · return · write_off · refused (till).

    ``original``: number of the document a refund or return takes back from, "" if unknown.
    """

    kind: str
    number: str
    invoice: str
    at: str
    lines: tuple[Line, ...]
    customer: str = ""
    country: str = ""
    store: str = ""
    till: int = 0
    original: str = ""
    tenders: tuple[tuple[str, Decimal], ...] = ()

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class Product:
    """``price``: shelf price with tax. ``kind``: goods (has stock) or service."""

    sku: str
    title: str
    price: Decimal
    tax: str
    kind: str


@dataclass
class Plan:
    """Everything that happens, in order, and what the shelves hold before it.

    ``opening``: {article: {location: quantity}}. ``unknown``: the article nobody has told the
    ERP about when the story begins.
    """

    documents: list[Document] = field(default_factory=list)
    products: dict[str, Product] = field(default_factory=dict)
    opening: dict[str, dict[str, int]] = field(default_factory=dict)
    unknown: str = ""

    def of(self, *kinds: str) -> list[Document]:
        return [d for d in self.documents if d.kind in kinds]


def number_of(text: str) -> int:
    """A stable number for a text, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def article(sku: str) -> str:
    """Codes that differ only by case are one article."""
    return sku.strip().upper()


def is_web(invoice: str) -> bool:
    """About 30 % of the invoices are orders of the shop."""
    return number_of(invoice) % 100 < WEB_SHARE


def tills_of(store: str) -> int:
    return 1 + number_of(store) % 3


def tax_amount(amount: Decimal, tax: str) -> Decimal:
    """The tax inside a price with tax: a sixth at 20 %, nothing at 0 %."""
    if tax != "VAT20":
        return Decimal("0.00")
    return (amount / 6).quantize(CENT, rounding=ROUND_HALF_UP)


def read(path: Path) -> list[Row]:
    """The rows of an extract, or of the original file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Row(
                invoice=r["InvoiceNo"],
                sku=r["StockCode"].strip(),
                title=" ".join(r["Description"].split()),
                qty=int(r["Quantity"]),
                at=r["InvoiceDate"].replace(" ", "T"),
                price=Decimal(r["UnitPrice"]).quantize(CENT),
                customer=r["CustomerID"].removesuffix(".0"),
                country=r["Country"],
            )
            for r in csv.DictReader(file)
        ]


def invoices(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by invoice, invoices in the order of their time."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: r.at):
        found.setdefault(row.invoice, []).append(row)
    return found


def plan(rows: list[Row]) -> Plan:
    """Cut the whole extract."""
    products = _catalogue(rows)
    cutter = _Cutter({sku: p.tax for sku, p in products.items()})
    for invoice, lines in invoices(rows).items():
        cutter.cut(invoice, lines)
    made = Plan(documents=cutter.documents)
    used = {line.article for d in made.documents if d.kind != "refused" for line in d.lines}
    made.products = {sku: p for sku, p in sorted(products.items()) if sku in used}
    made.unknown = _unknown(made)
    made.opening = _opening(made)
    return made


def kind_of(sku: str) -> str:
    return "service" if sku in CARRIAGE | MANUAL or VOUCHER.match(sku) else "goods"


def tax_of(sku: str, title: str) -> str:
    words = title.upper()
    zero = VOUCHER.match(sku) or (BOOK.search(words) and not NOT_A_BOOK.search(words))
    return "VAT0" if zero else "VAT20"


def _catalogue(rows: list[Row]) -> dict[str, Product]:
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, Counter[Decimal]] = defaultdict(Counter)
    for row in rows:
        titles[article(row.sku)][row.title if row.customer else ""] += 1
        titles[article(row.sku)][row.title] += 1
        if row.price > 0 and row.qty > 0:
            prices[article(row.sku)][row.price] += 1
    made = {}
    for sku, counted in titles.items():
        counted[""] = 0
        title = max(counted, key=lambda t: (counted[t], t)) or f"Article {sku}"
        seen = prices[sku]
        price = max(seen, key=lambda p: (seen[p], -p)) if seen else Decimal("1.00")
        made[sku] = Product(sku, title, price, tax_of(sku, title), kind_of(sku))
    return made


@dataclass(slots=True)
class _Sold:
    kind: str
    number: str
    store: str
    till: int
    line: int
    price: Decimal
    left: int


class _Cutter:
    """Walks through the invoices in the order of time, remembering what can come back."""

    def __init__(self, taxes: dict[str, str]) -> None:
        self.taxes = taxes
        self.documents: list[Document] = []
        self.sold: dict[tuple[str, str], list[_Sold]] = defaultdict(list)
        self.counters: Counter[tuple[str, int]] = Counter()

    def cut(self, invoice: str, rows: list[Row]) -> None:
        retail = [r for r in rows if article(r.sku) not in NOT_RETAIL]
        if invoice.startswith("A") or not retail:
            self._refused(invoice, rows)
        elif invoice.startswith("C"):
            self._cancelled(invoice, retail)
        elif all(r.price == 0 and not r.customer for r in retail):
            self._adjusted(invoice, retail)
        elif is_web(invoice):
            self._ordered(invoice, retail)
        else:
            self._sold_at_tills(invoice, retail)

    def _line(self, number: int, row: Row, *, qty: int, origin: int = 0) -> Line:
        code = article(row.sku)
        return Line(number, row.sku, row.title, qty, row.price, self.taxes[code], origin)

    def _till(self, key: str, store: str = "") -> tuple[str, int, str]:
        store = store or STORES[number_of(key + "store") % len(STORES)]
        till = 1 + number_of(key + "till") % tills_of(store)
        self.counters[store, till] += 1
        return store, till, f"{store}-{till}-{self.counters[store, till]:06d}"

    def _ordered(self, invoice: str, rows: list[Row]) -> None:
        lines = tuple(self._line(n, r, qty=r.qty) for n, r in enumerate(rows, 1))
        order = Document("order", invoice, invoice, rows[0].at, lines,
                         customer=rows[0].customer, country=rows[0].country)  # fmt: skip
        self.documents.append(order)
        self._remember(order)

    def _sold_at_tills(self, invoice: str, rows: list[Row]) -> None:
        for index, chunk in enumerate(_chunks(invoice, rows)):
            key = f"{invoice}/{index}"
            store, till, number = self._till(key)
            lines = tuple(self._line(n, r, qty=r.qty) for n, r in enumerate(chunk, 1))
            total = sum((line.amount for line in lines), Decimal("0.00"))
            receipt = Document("sale", number, invoice, rows[0].at, lines, rows[0].customer,
                               rows[0].country, store, till, "", _tenders(key, total))  # fmt: skip
            self.documents.append(receipt)
            self._remember(receipt)

    def _remember(self, d: Document) -> None:
        for line in d.lines:
            if d.customer and kind_of(line.article) == "goods":
                self.sold[d.customer, line.article].append(
                    _Sold(d.kind, d.number, d.store, d.till, line.number, line.price, line.qty)
                )

    def _original(self, row: Row) -> _Sold | None:
        """The latest earlier line of the same customer, article and price with enough left."""
        for sold in reversed(self.sold[row.customer, article(row.sku)] if row.customer else []):
            if sold.price == row.price and sold.left >= -row.qty:
                sold.left += row.qty
                return sold
        return None

    def _cancelled(self, invoice: str, rows: list[Row]) -> None:
        linked: dict[str, list[tuple[Row, _Sold]]] = defaultdict(list)
        loose = []
        for row in rows:
            sold = self._original(row)
            if sold is None:
                loose.append(row)
            else:
                linked[sold.number].append((row, sold))
        for pairs in linked.values():
            self._taken_back(invoice, pairs)
        for index, chunk in enumerate(_chunks(invoice, loose)):
            store, till, number = self._till(f"{invoice}/{index}")
            lines = tuple(self._line(n, r, qty=-r.qty) for n, r in enumerate(chunk, 1))
            self._give_back("return", number, chunk[0], lines, store, till, "")

    def _taken_back(self, invoice: str, pairs: list[tuple[Row, _Sold]]) -> None:
        first = pairs[0][1]
        lines = tuple(
            self._line(n, row, qty=-row.qty, origin=sold.line)
            for n, (row, sold) in enumerate(pairs, 1)
        )
        if first.kind == "order":
            number = f"{invoice}-{first.number}"
            self._give_back("refund", number, pairs[0][0], lines, "", 0, first.number)
        else:
            store, till, number = self._till(f"{invoice}/{first.number}", first.store)
            self._give_back("return", number, pairs[0][0], lines, store, till, first.number)

    def _give_back(
        self, kind: str, number: str, row: Row, lines: tuple[Line, ...],
        store: str, till: int, original: str,
    ) -> None:  # fmt: skip
        total = sum((line.amount for line in lines), Decimal("0.00"))
        tenders = (("card" if number_of(number) % 3 else "cash", total),) if store else ()
        self.documents.append(
            Document(kind, number, row.invoice, row.at, lines, row.customer, row.country,
                     store, till, original, tenders)
        )  # fmt: skip

    def _adjusted(self, invoice: str, rows: list[Row]) -> None:
        store, till, number = self._till(invoice)
        lines = tuple(self._line(n, r, qty=r.qty) for n, r in enumerate(rows, 1))
        self.documents.append(
            Document("write_off", number, invoice, rows[0].at, lines, store=store, till=till)
        )

    def _refused(self, invoice: str, rows: list[Row]) -> None:
        store, till, number = self._till(invoice)
        lines = tuple(
            Line(n, r.sku, r.title, r.qty, r.price, "VAT0") for n, r in enumerate(rows, 1)
        )
        self.documents.append(
            Document("refused", number, invoice, rows[0].at, lines, store=store, till=till)
        )


def _chunks(invoice: str, rows: list[Row]) -> Iterator[list[Row]]:
    """Pieces of one to five lines."""
    start = 0
    while start < len(rows):
        size = 1 + number_of(f"{invoice}@{start}") % 5
        yield rows[start : start + size]
        start += size


def _tenders(key: str, total: Decimal) -> tuple[tuple[str, Decimal], ...]:
    """Seven in ten pay by card, two in cash, one with both."""
    choice = number_of(key + "tender") % 10
    if choice == 9 and total > 2:
        cash = (total / 2).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return (("cash", cash), ("card", total - cash))
    return (("cash" if choice >= 7 else "card", total),)


def _unknown(made: Plan) -> str:
    """The article sold most often of those sold at tills in the later half only and never
    brought back."""
    seen: dict[str, list[Document]] = defaultdict(list)
    for d in made.of("order", "sale", "return", "refund", "write_off"):
        for code in {line.article for line in d.lines}:
            seen[code].append(d)
    middle = made.documents[len(made.documents) // 2].at if made.documents else ""
    fit = [
        code
        for code, docs in seen.items()
        if len(docs) >= 2 and all(d.kind == "sale" and d.at > middle for d in docs)
    ]
    return min(fit, key=lambda code: (-len(seen[code]), number_of(code))) if fit else ""


def _opening(made: Plan) -> dict[str, dict[str, int]]:
    """Enough of everything everywhere it is sold; every fortieth article is tight."""
    need: dict[str, Counter[str]] = defaultdict(Counter)
    for d in made.of("order", "sale", "write_off"):
        for line in d.lines:
            out = -line.qty if d.kind == "write_off" else line.qty
            need[line.article][d.store or WAREHOUSE] += max(out, 0)
    opening: dict[str, dict[str, int]] = {}
    for sku, product in made.products.items():
        if product.kind != "goods":
            continue
        tight = number_of(sku + "tight") % 40 == 0
        spare = BUFFER if tight else 5 + number_of(sku + "spare") % 40
        opening[sku] = {place: qty + spare for place, qty in sorted(need[sku].items())}
        opening[sku].setdefault(WAREHOUSE, spare)
    return opening
