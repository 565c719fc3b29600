"""An order of Square's as the receipt it stands for: a sale, what came back, and how it was paid.

Square keeps one order for everything that happens at a counter at once. Lines are a sale; entries
in ``returns`` are goods coming back, mostly in an order of their own; both together are an
exchange. What changes after it was completed (processing fees, later refunds) is left out, so that
the same sale always reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Json
from connectors.square import money

#: States of a refund that never gave any money back.
_VOID = {"REJECTED", "FAILED"}


class Reader:
    """One order with what had to be looked up beside it: ``skus`` by variation, ``ways`` (type of
    tender) by tender and refund, ``zone`` of its location."""

    def __init__(self, told: Json) -> None:
        self.order: Json = told["order"]
        self.skus: Mapping[str, str] = told.get("skus") or {}
        self.ways: Mapping[str, str] = told.get("ways") or {}
        self.zone = str(told.get("zone") or "UTC")
        self.currency = str(_total(self.order)["currency"])

    def units(self, amount: Mapping[str, Any] | None) -> int:
        """Raises Unreadable for an amount in another currency than the order's."""
        if amount and amount.get("currency", self.currency) != self.currency:
            raise Unreadable(
                f"Order {self.order['id']} holds {amount['currency']} and {self.currency}: look at "
                "it at Square and book it by hand.",
                code="currency-mismatch",
            )
        return money.units(amount)

    def text(self, units: int) -> str:
        return money.text(units, self.currency)


def unfolded(told: Json) -> Json:
    """What mappings see: {order, store, currency, number, register, at, local, zone, business_date,
    sale?, returns}. Raises KeyError, TypeError, ValueError for what is no order, Unreadable."""
    read = Reader(told)
    order = read.order
    at = str(order.get("closed_at") or order["created_at"])
    local = datetime.fromisoformat(at).astimezone(ZoneInfo(read.zone))
    record: Json = {
        "order": order, "store": told["store"], "currency": read.currency,
        "number": str(order.get("reference_id") or order["id"]),
        "register": str((order.get("source") or {}).get("name") or "Square"),
        "at": at, "local": local.strftime("%Y-%m-%dT%H:%M:%S"), "zone": read.zone,
        "business_date": local.date().isoformat(), "returns": [],
    }  # fmt: skip
    if order.get("state") != "COMPLETED":
        return record
    record["returns"] = _returns(read, record)
    if order.get("line_items") or order.get("service_charges"):
        record["sale"] = _sale(read, record["returns"])
    return record


# ------------------------------------------------------------------ a sale


def _sale(read: Reader, returns: list[Json]) -> Json:
    order = read.order
    taxes = {tax["uid"]: tax for tax in order.get("taxes") or ()}
    lines = [_line(read, line, taxes) for line in order.get("line_items") or ()]
    lines += [_charge(read, charge, taxes) for charge in order.get("service_charges") or ()]
    tip = read.units(order.get("total_tip_money"))
    if tip:
        lines.append(_plain(read, "tip", "Tip", tip))
    for number, line in enumerate(lines, 1):
        line["seq"] = number
    total, tax = read.units(_total(order)), read.units(order.get("total_tax_money"))
    rounding = read.units((order.get("rounding_adjustment") or {}).get("amount_money"))
    tenders = [_tender(read, tender) for tender in order.get("tenders") or ()]
    paid = sum(read.units(t["amount_money"]) for t in order.get("tenders") or ())
    if returns and total > paid:
        # An exchange: what came back pays for a part of what was taken along.
        tenders.append({"kind": "EXCHANGE", "amount": read.text(total - paid)})
    return {
        "tax_included": any(t.get("type") == "INCLUSIVE" for t in taxes.values()),
        "lines": lines, "rates": _rates(read, lines),
        "net": read.text(total - tax - rounding), "tax": read.text(tax),
        "total": read.text(total), "tenders": [t for t in tenders if _counts(t)],
        **({"rounding": read.text(rounding)} if rounding else {}),
    }  # fmt: skip


def _line(read: Reader, line: Json, taxes: Mapping[str, Json]) -> Json:
    """A line sold or brought back. ``kind``: what was typed in without an article is a fee."""
    kinds = {"CUSTOM_AMOUNT": "fee", "GIFT_CARD": "gift_card_sale"}
    total, tax = read.units(line["total_money"]), read.units(line.get("total_tax_money"))
    discount = read.units(line.get("total_discount_money"))
    variation = str(line.get("catalog_object_id") or "")
    told: Json = {
        "id": str(line["uid"]), "kind": kinds.get(str(line.get("item_type")), "item"),
        "text": _title(line), "qty": str(line["quantity"]), "variation": variation,
        "unit_price": read.text(read.units(line.get("base_price_money"))),
        "net": read.text(total - tax), "taxes": _taxes(read, line, taxes, total - tax),
    }  # fmt: skip
    if read.skus.get(variation):
        told["sku"] = read.skus[variation]
    if discount:
        told["discount"] = read.text(discount)
    if line.get("source_line_item_uid"):
        told["original_line"] = str(line["source_line_item_uid"])
    return told


def _title(line: Json) -> str:
    """Square calls the only variation of an article "Regular"."""
    name, variation = str(line.get("name") or ""), str(line.get("variation_name") or "")
    extra = [str(m.get("name") or "") for m in line.get("modifiers") or ()]
    shown = [name, *([variation] if variation not in ("", "Regular", name) else []), *extra]
    return ", ".join(part for part in shown if part) or str(line.get("note") or "Custom amount")


def _charge(read: Reader, charge: Json, taxes: Mapping[str, Json]) -> Json:
    total, tax = read.units(charge["total_money"]), read.units(charge.get("total_tax_money"))
    made = _plain(read, str(charge["uid"]), str(charge.get("name") or "Service charge"), total)
    return made | {"net": read.text(total - tax), "taxes": _taxes(read, charge, taxes, total - tax)}


def _plain(read: Reader, id_: str, text: str, total: int) -> Json:
    return {"id": id_, "kind": "fee", "text": text, "qty": "1", "variation": "",
            "unit_price": read.text(total), "net": read.text(total), "taxes": []}  # fmt: skip


def _taxes(read: Reader, line: Json, taxes: Mapping[str, Json], net: int) -> list[Json]:
    found = []
    for applied in line.get("applied_taxes") or ():
        tax = taxes.get(str(applied.get("tax_uid"))) or {}
        found.append({
            "code": str(tax.get("name") or "tax"), "percent": str(tax.get("percentage") or "0"),
            "net": read.text(net), "tax": read.text(read.units(applied.get("applied_money"))),
        })  # fmt: skip
    return found


def _rates(read: Reader, lines: Iterable[Json]) -> list[Json]:
    """Net and tax by rate, added up line by line."""
    sums: dict[tuple[str, str], list[int]] = {}
    for tax in (tax for line in lines for tax in line["taxes"]):
        held = sums.setdefault((tax["code"], tax["percent"]), [0, 0])
        for place, name in enumerate(("net", "tax")):
            held[place] += money.money(tax[name], read.currency)["amount"]
    return [
        {"code": code, "percent": percent, "net": read.text(net), "tax": read.text(tax)}
        for (code, percent), (net, tax) in sorted(sums.items())
    ]


def _tender(read: Reader, tender: Json) -> Json:
    """Square's amount is what stays in the drawer: change is taken off already."""
    amount = read.text(read.units(tender["amount_money"]))
    told: Json = {"kind": str(tender["type"]), "amount": amount}
    card = (tender.get("card_details") or {}).get("card") or {}
    named = (("brand", card.get("card_brand")), ("last4", card.get("last_4")))
    return told | {name: str(value) for name, value in named if value}


def _counts(tender: Json) -> bool:
    return any(digit not in "0.-" for digit in tender["amount"])


# ------------------------------------------------------------------ what comes back


def _returns(read: Reader, record: Json) -> list[Json]:
    """One for each sale that something comes back from. Money that is given back isn't told per
    entry, so each takes from it as much as it comes to, in order."""
    pool = [
        [read.ways.get(str(r["id"])) or read.ways.get(str(r.get("tender_id"))) or "OTHER",
         read.units(r["amount_money"])]
        for r in read.order.get("refunds") or () if r.get("status") not in _VOID
    ]  # fmt: skip
    found = []
    for index, entry in enumerate(read.order.get("returns") or ()):
        id_ = str(read.order["id"]) + (f"/{index}" if index else "")
        number = record["number"] + (f"/{index}" if index else "")
        found.append({"id": id_, "number": number, **_return(read, entry, pool)})
    return found


def _return(read: Reader, entry: Json, pool: list[list[Any]]) -> Json:
    taxes = {tax["uid"]: tax for tax in entry.get("return_taxes") or ()}
    lines = [_line(read, line, taxes) for line in entry.get("return_line_items") or ()]
    lines += [_charge(read, c, taxes) for c in entry.get("return_service_charges") or ()]
    tips = sum(read.units(t.get("applied_money")) for t in entry.get("return_tips") or ())
    if tips:
        lines.append(_plain(read, "tip", "Tip", tips))
    amounts = entry.get("return_amounts") or read.order["return_amounts"]
    total, tax = read.units(amounts["total_money"]), read.units(amounts.get("tax_money"))
    rounding = read.units((entry.get("rounding_adjustment") or {}).get("amount_money"))
    tenders = _taken(read, pool, total)
    told: Json = {
        "tax_included": any(t.get("type") == "INCLUSIVE" for t in taxes.values()),
        "lines": lines, "net": read.text(total - tax - rounding), "tax": read.text(tax),
        "total": read.text(total), "tenders": tenders,
        **({"rounding": read.text(rounding)} if rounding else {}),
    }  # fmt: skip
    if entry.get("source_order_id"):
        told["original"] = str(entry["source_order_id"])
    return told


def _taken(read: Reader, pool: list[list[Any]], total: int) -> list[Json]:
    """Refunds up to ``total``; in an exchange the rest was paid in goods."""
    found, left = [], total
    for refund in pool:
        take = min(left, refund[1])
        if take > 0:
            found.append({"kind": refund[0], "amount": read.text(take)})
            refund[1] -= take
            left -= take
    if left and read.order.get("line_items"):
        found.append({"kind": "EXCHANGE", "amount": read.text(left)})
    return found


def _total(order: Json) -> Json:
    told: Json = order["total_money"]
    return told
