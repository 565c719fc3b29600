"""How a till writes its journal: the same format that ``journal.py`` reads, from the other side.

Written apart on purpose: a mistake shared by writer and reader would never be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Receipt = dict[str, Any]

PERCENT = {"VAT20": Decimal(20), "VAT0": Decimal(0)}
HEADS = {"sale": "S", "return": "R", "write_off": "W", "void": "X"}
CENT = Decimal("0.01")


def comma(value: Decimal) -> str:
    return f"{value:.2f}".replace(".", ",")


def amount_of(line: dict[str, Any]) -> Decimal:
    return (Decimal(str(line["qty"])) * Decimal(line["price"])).quantize(CENT, ROUND_HALF_UP)


def total_of(receipt: Receipt) -> Decimal:
    return sum((amount_of(line) for line in receipt.get("lines", [])), Decimal("0.00"))


def lines_of(receipt: Receipt) -> list[str]:
    """The records of one receipt. ``refused``: what the till prints for bookings that are no
    retail transaction, which no reader of journals is meant to understand."""
    number, at = receipt["number"], receipt["at"]
    stamp = f"{at[:10].replace('-', '')};{at[11:19].replace(':', '')}"
    if receipt["kind"] == "refused":
        return [
            f"B;{number};{stamp};{plain(line['text'])};{comma(amount_of(line))}"
            for line in receipt["lines"]
        ]
    head = f"{HEADS[receipt['kind']]};{number};{stamp};{receipt.get('operator', 'OP01')}"
    if receipt["kind"] == "void":
        return [head]
    last = receipt.get("reason", "COUNT") if receipt["kind"] == "write_off" else "GBP"
    head += f";{last}"
    if receipt["kind"] == "return":
        head += f";{receipt.get('original', '')}"
    total = comma(total_of(receipt))
    return [
        head,
        *(item(index, line) for index, line in enumerate(receipt["lines"], 1)),
        *(tender(t) for t in receipt.get("tenders", [])),
        f"E;{number};{total};{len(receipt['lines'])}",
    ]


def item(index: int, line: dict[str, Any]) -> str:
    code = line.get("tax", "VAT20")
    amount, percent = amount_of(line), PERCENT[code]
    inside = (amount * percent / (100 + percent)).quantize(CENT, ROUND_HALF_UP)
    qty = str(line["qty"]).replace(".", ",")
    return (
        f"I;{index};{line['sku']};{plain(line.get('text', ''))};{qty};"
        f"{comma(Decimal(line['price']))};{comma(amount)};{code};{comma(percent)};"
        f"{comma(inside)};{line.get('origin') or 0}"
    )


def tender(given: dict[str, Any]) -> str:
    base = f"T;{given['kind'].upper()};{comma(Decimal(given['amount']))}"
    return base + (";A7741;VISA;4242" if given["kind"] == "card" else ";;;")


def plain(text: str) -> str:
    return " ".join(text.replace(";", ",").split())


def journal(
    store: str, till: int, day: str, sequence: int, receipts: Sequence[Receipt],
    *, spoil: bool = False,
) -> bytes:  # fmt: skip
    """A whole file. ``spoil``: the first item of the first receipt is damaged on its way."""
    records = [record for receipt in receipts for record in lines_of(receipt)]
    if spoil:
        first = next(i for i, record in enumerate(records) if record.startswith("I;"))
        records[first] = records[first][:12] + "\x7f\x7f"
    return encoded([f"H;JOURNAL;{store};{till};{day.replace('-', '')};{sequence:04d}", *records])


def encoded(lines: Iterable[str]) -> bytes:
    """With the trailer, in the till's own letters."""
    whole = list(lines)
    text = "\r\n".join([*whole, f"Z;{len(whole) - 1}", ""])
    return text.encode("cp1252", "replace")
