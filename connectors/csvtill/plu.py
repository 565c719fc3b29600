"""Price look-up files: what a till has to know, in the till's own words.

H;PLU;PRICE              header: item, price or tax
P;sku;text;tax code;A    item; A = on sale, D = gone
C;sku;12,75;GBP;A        shelf price with tax
V;VAT20;20,00;text;A     tax rate
Z;1                      number of records between H and Z
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from connectors.sdk.errors import Rejected
from connectors.sdk.records import Json, WriteItem


def file_of(kind: str, rows: Iterable[Sequence[str]]) -> bytes:
    """Letters a till doesn't know become question marks: a price must not fail for its name."""
    lines = [";".join(_clean(field) for field in row) for row in rows]
    whole = [f"H;PLU;{kind.upper()}", *lines, f"Z;{len(lines)}", ""]
    return "\r\n".join(whole).encode("cp1252", "replace")


def rows_of(resource: str, item: WriteItem) -> list[list[str]]:
    """The records of one write. Raises Rejected when the body can't be a till's record."""
    gone = "D" if item.op == "delete" or item.body.get("gone") else "A"
    try:
        match resource:
            case "item":
                return [[*_article(item.body, one), gone] for one in item.body["items"]]
            case "price":
                body = item.body
                return [["C", _sku(body), _decimal(body["price"]), body["currency"], gone]]
            case _:
                body = item.body
                return [["V", body["code"], _decimal(body["percent"]), body["title"], gone]]
    except (KeyError, TypeError, InvalidOperation) as error:
        raise Rejected(
            f"The tills can't take this {resource} ({error!r} is missing or wrong): "
            "correct its mapping.",
            code="missing-required",
        ) from error


def external_id(resource: str, body: Json) -> str:
    """A till knows an article by its code and a rate by its letter."""
    if resource == "item":
        return _sku(body["items"][0])
    return str(body["sku"] if resource == "price" else body["code"])


def _article(body: Json, one: Json) -> list[str]:
    return ["P", _sku(one), str(body.get("title") or one["sku"]), str(body.get("tax_code") or "")]


def _sku(body: Json) -> str:
    sku = str(body["sku"])
    if not sku.strip():
        raise KeyError("sku")
    return sku


def _decimal(text: str) -> str:
    return f"{Decimal(text):.2f}".replace(".", ",")


def _clean(field: str) -> str:
    return " ".join(str(field).replace(";", ",").split())
