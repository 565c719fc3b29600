"""The journal a till drops: its records, cut into receipts and read.

A journal is text in Windows-1252 with ``;`` between the fields, decimal commas and local time::

    H;JOURNAL;S01;2;20110808;0003              header: store, till, business date, sequence
    S;S01-2-000123;20110808;091512;OP07;GBP    sale: number, date, time, operator, currency
    I;1;85123A;WHITE HEART;6;2,55;15,30;VAT20;20,00;2,55;0
                                               item: line, code, text, quantity, unit price,
                                               amount, tax code, tax %, tax inside, original line
    T;CARD;15,30;auth;VISA;1234                tender: kind, amount, authorisation, brand, last 4
    E;S01-2-000123;15,30;1                     end of receipt: number, total, number of items
    R;…;…;…;…;GBP;S01-2-000101                 return: as a sale, then the original's number or ""
    W;…;…;…;…;BREAKAGE                         write-off: as a sale, with a reason for a currency
    X;…;…;…;…                                  void: a sale given up before it was paid
    Z;7                                        trailer: number of records between H and Z
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Json

HEADS = (b"S", b"R", b"W", b"X")
PARTS = (b"I", b"T", b"E")
KINDS = {"S": "sale", "R": "return", "W": "write_off", "X": "void"}
_AMOUNT = re.compile(r"^-?\d{1,9},\d{2}$")
_QUANTITY = re.compile(r"^-?\d{1,7}(,\d{1,3})?$")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Block:
    """A receipt's own raw lines, or lines that belong to none. ``number`` "" if unreadable."""

    number: str
    raw: bytes

    @property
    def identity(self) -> str:
        """Equal for the same receipt in any file: the header is not part of it."""
        return hashlib.sha256(self.number.encode() + b"\0" + self.raw).hexdigest()


def records(raw: bytes) -> list[bytes]:
    return [line for line in raw.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]


def is_complete(raw: bytes) -> bool:
    """The till has finished writing: the trailer is there and counts what we hold."""
    lines = records(raw)
    if len(lines) < 2 or not raw.endswith(b"\n"):
        return False
    trailer = lines[-1].split(b";")
    return trailer[0] == b"Z" and trailer[1:] == [str(len(lines) - 2).encode()]


def blocks(raw: bytes) -> tuple[bytes, list[Block]]:
    """The header line, and the receipts between header and trailer.

    A line that fits nowhere becomes a block of its own, so that it spoils no other receipt.
    """
    lines = records(raw)
    cut: list[list[bytes]] = []
    state = "closed"
    for line in lines[1:-1]:
        kind = line.split(b";", 1)[0]
        if kind in HEADS or state == "closed" or (state == "stray" and kind not in PARTS):
            cut.append([])
        cut[-1].append(line)
        if kind in HEADS or kind in PARTS:
            state = "closed" if kind == b"E" else "open"
        elif state != "open":
            # Lines that follow a spoilt head are parts of its receipt, up to its end.
            state = "stray"
    return lines[0], [Block(_number(group), b"\n".join(group) + b"\n") for group in cut]


def _number(group: list[bytes]) -> str:
    fields = group[0].split(b";")
    if fields[0] not in HEADS or len(fields) < 2:
        return ""
    return fields[1].decode("cp1252", "replace")


def understand(body: bytes, zone: str) -> Json:
    """Read a header line and one receipt into the source record that mappings see.

    Raises Unreadable (code ``unreadable-line``) naming the line and the till.
    """
    lines = [_text(line) for line in records(body)]
    header = _fields(lines[0] if lines else "", "H", 6, "the file's header")
    store, till, day = header[2], header[3], _day(header[4])
    if len(lines) < 2:
        raise _bad(f"till {till} of {store}", lines[0], "a header stands alone")
    where = f"till {till} of {store} on {day}"
    kind = KINDS.get(lines[1].split(";", 1)[0])
    if kind is None:
        raise _bad(where, lines[1], "it is no record a till may write")
    grouped: dict[str, list[str]] = defaultdict(list)
    for line in lines[2:]:
        grouped[line.split(";", 1)[0]].append(line)
    for unknown in set(grouped) - {"I", "T", "E"}:
        raise _bad(where, grouped[unknown][0], "it is no part of a receipt")
    try:
        receipt = _head(lines[1], kind, zone)
        receipt |= {"store": store, "till": till, "business_date": day}
        if kind == "void":
            return receipt
        receipt["lines"] = [_item(line, receipt["number"]) for line in grouped["I"]]
        receipt["tenders"] = [_tender(line) for line in grouped["T"]]
        _prove(receipt, grouped["E"])
        if not receipt["number"].startswith(f"{store}-{till}-"):
            raise _bad(where, lines[1], "the receipt belongs to another till")
    except _Misread as error:
        raise _bad(where, error.line, error.why) from error
    return _totalled(receipt)


class _Misread(ValueError):
    def __init__(self, line: str, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


def _bad(where: str, line: str, why: str) -> Unreadable:
    return Unreadable(
        f"A line of {where} can't be read ({line[:80]!r}: {why}): "
        "look the receipt up at the till and have it sent again or book it by hand.",
        code="unreadable-line",
        detail=line,
    )


def _text(line: bytes) -> str:
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError as error:
        shown = line.decode("cp1252", "replace")
        raise _bad("a till", shown, "a letter is not of Windows-1252") from error


def _fields(line: str, kind: str, least: int, what: str) -> list[str]:
    fields = [field.strip() for field in line.split(";")]
    if fields[0] != kind or len(fields) < least:
        raise _bad("a till", line, f"{what} needs {least} fields and begins with {kind}")
    return fields


def _day(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"


def _head(line: str, kind: str, zone: str) -> Json:
    fields = [field.strip() for field in line.split(";")]
    if len(fields) < (5 if kind == "void" else 6):
        raise _Misread(line, "fields are missing")
    _, number, day, time, operator = fields[:5]
    if not (re.fullmatch(r"\d{8}", day) and re.fullmatch(r"\d{6}", time) and number):
        raise _Misread(line, "date, time or number is no such thing")
    head: Json = {
        "kind": kind,
        "number": number,
        "operator": operator,
        "local": f"{_day(day)}T{time[:2]}:{time[2:4]}:{time[4:6]}",
        "zone": zone,
    }
    if kind in ("sale", "return"):
        head["currency"] = fields[5]
    if kind == "write_off":
        head["reason"] = fields[5]
    if kind == "return" and len(fields) > 6 and fields[6]:
        head["original"] = fields[6]
    return head


def _money(text: str, line: str) -> Decimal:
    if not _AMOUNT.match(text):
        raise _Misread(line, f"{text!r} is no amount")
    return Decimal(text.replace(",", "."))


def _quantity(text: str, line: str) -> Decimal:
    if not _QUANTITY.match(text):
        raise _Misread(line, f"{text!r} is no quantity")
    return Decimal(text.replace(",", "."))


def _item(line: str, number: str) -> Json:
    fields = [field.strip() for field in line.split(";")]
    if len(fields) < 10:
        raise _Misread(line, "fields are missing")
    _, index, sku, text, qty, price, amount, tax_code, percent, tax = fields[:10]
    quantity, unit, gross = _quantity(qty, line), _money(price, line), _money(amount, line)
    if (quantity * unit).quantize(_CENT) != gross:
        raise _Misread(line, "quantity times price is not the amount")
    if not (sku and index.isdigit()):
        raise _Misread(line, "line number or article is missing")
    inside = _money(tax, line)
    rate: Json = {
        "code": tax_code,
        "percent": f"{_money(percent, line).normalize():f}",
        "net": str(gross - inside),
        "tax": str(inside),
    }
    item: Json = {
        "id": f"{number}/{index}",
        "line": int(index),
        "sku": sku,
        "text": text or sku,
        "qty": str(quantity),
        "out": quantity < 0,
        "unit_price": str(unit),
        "amount": str(gross),
        "net": rate["net"],
        "taxes": [rate],
    }
    if len(fields) > 10 and fields[10] not in ("", "0"):
        item["original_line"] = fields[10]
    return item


def _tender(line: str) -> Json:
    fields = [*(field.strip() for field in line.split(";")), "", "", ""]
    if len(fields) < 6:
        raise _Misread(line, "fields are missing")
    tender: Json = {"kind": fields[1].upper(), "amount": str(_money(fields[2], line))}
    named = zip(("auth", "brand", "last4"), fields[3:6], strict=True)
    return tender | {name: value for name, value in named if value}


def _prove(receipt: Json, ends: list[str]) -> None:
    """The receipt's last line says what it should add up to."""
    if len(ends) != 1:
        raise _Misread(ends[1] if ends else "E", "a receipt has exactly one end")
    fields = [*(field.strip() for field in ends[0].split(";")), "", "", ""]
    total = _money(fields[2], ends[0])
    if fields[1] != receipt["number"] or fields[3] != str(len(receipt["lines"])):
        raise _Misread(ends[0], "it ends another receipt than it began, or lines are missing")
    if sum((Decimal(i["amount"]) for i in receipt["lines"]), Decimal(0)) != total:
        raise _Misread(ends[0], "the lines don't add up to the total")
    paid = sum((Decimal(t["amount"]) for t in receipt["tenders"]), Decimal(0))
    if receipt["kind"] in ("sale", "return") and paid != total:
        raise _Misread(ends[0], "what was tendered is not the total")
    receipt["total"] = str(total)


def _totalled(receipt: Json) -> Json:
    """Net, tax and a summary by rate, added up line by line."""
    rates: dict[tuple[str, str], list[Decimal]] = {}
    for rate in (rate for item in receipt["lines"] for rate in item["taxes"]):
        sums = rates.setdefault((rate["code"], rate["percent"]), [Decimal(0), Decimal(0)])
        sums[0] += Decimal(rate["net"])
        sums[1] += Decimal(rate["tax"])
    receipt["rates"] = [
        {"code": code, "percent": percent, "net": str(net), "tax": str(tax)}
        for (code, percent), (net, tax) in sorted(rates.items())
    ]
    receipt["net"] = str(sum((net for net, _ in rates.values()), Decimal("0.00")))
    receipt["tax"] = str(sum((tax for _, tax in rates.values()), Decimal("0.00")))
    return receipt
