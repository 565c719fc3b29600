"""Records with what a mapping needs laid beside it: no field of the shop's is changed.

WooCommerce points from a tax of a line to the rate by number, from a refunded line to the
original by metadata, and says whether goods came back on the *order's* line.
"""

from __future__ import annotations

from connectors.sdk.records import Json
from connectors.woocommerce.cents import CARRIAGE, CART, amount, settle

LINES = ("line_items", "shipping_lines", "fee_lines")


def unfolded(stream: str, row: Json) -> Json:
    """A copy with fields that begin with ``_``; the source's own fields stay as they are."""
    return _order(row) if stream == "orders" else _product(row)


def _product(row: Json) -> Json:
    """``_skus``: every SKU sold under this product. ``_variants``: each with its options (size,
    colour), as far as a variation names one value and not *any*."""
    variations = [v for v in row.get("_variations") or [row] if v.get("sku")]
    variants = [{"sku": v["sku"], "_options": _options(v)} for v in variations]
    return {**row, "_skus": [v["sku"] for v in variations], "_variants": variants}


def _options(variation: Json) -> dict[str, str] | None:
    """Only a variation's attributes carry ``option``; a product's own list ``options``."""
    named = {
        str(a["name"]): str(a["option"])
        for a in variation.get("attributes") or ()
        if a.get("option")
    }
    return named or None


def _order(row: Json) -> Json:
    """``_addresses``: billing, and shipping if it differs; ``_emails``, ``_phones``: those of the
    bill, as lists. ``_money_back``: refunds of an amount
    (one without any is possible, finding 25). ``_goods_back``: refunds that name quantities."""
    refunds = [_refund(row, refund) for refund in row.get("_refunds") or ()]
    billing, shipping = row["billing"], row["shipping"]
    addresses = [billing]
    if shipping.get("address_1") and shipping["address_1"] != billing.get("address_1"):
        addresses.append(shipping)
    whole = {
        **row,
        "_addresses": [a for a in addresses if a.get("country") or a.get("address_1")],
        "_emails": [billing["email"]] if billing.get("email") else [],
        "_phones": [billing["phone"]] if billing.get("phone") else [],
        "_money_back": [r for r in refunds if _positive(r["amount"])],
        "_goods_back": _goods_back(row, refunds),
    }
    joined = _with_rates(whole, row["tax_lines"])
    settle([line for name in LINES for line in joined[name]], row["tax_lines"])
    return joined


def _with_rates(row: Json, tax_lines: list[Json]) -> Json:
    """Each tax of a line with its rate's label and percentage, what a compound one was reckoned on
    (``_base``: net and the taxes before it, recording 113), and its cents (``_total``). Lines
    without a quantity say nothing (finding 21 makes such) and are left out."""
    rates = {t["rate_id"]: t for t in tax_lines}

    def taxed(line: Json) -> Json:
        taxes = []
        before = amount(line.get("total"))
        for tax in line.get("taxes") or ():
            rate = rates.get(tax["id"], {})
            code = rate.get("label") or str(tax["id"])
            joined = {**tax, "_code": code, "_percent": rate.get("rate_percent", 0)}
            joined["_total"] = tax.get("total")
            if rate.get("compound"):
                joined["_base"] = str(before)
            before += amount(tax.get("total"))
            taxes.append(joined)
        kind = CARRIAGE if "method_id" in line else CART
        return {**line, "_kind": kind, "taxes": taxes}

    joined = {name: [taxed(line) for line in row.get(name) or ()] for name in LINES}
    joined["line_items"] = [x for x in joined["line_items"] if x["quantity"]]
    return {**row, **joined}


def _refund(order: Json, refund: Json) -> Json:
    lines = {
        name: [{**line, "_order_line": _origin(line)} for line in refund.get(name) or ()]
        for name in LINES
    }
    tax_lines = [*order["tax_lines"], *(refund.get("tax_lines") or ())]
    return _with_rates({**refund, **lines}, tax_lines)


def _origin(line: Json) -> str:
    for meta in line.get("meta_data") or ():
        if meta.get("key") == "_refunded_item_id":
            return str(meta["value"])
    return ""


def _goods_back(order: Json, refunds: list[Json]) -> list[Json]:
    """Refunds with quantities, each line saying whether the shop put the goods back on the shelf.

    The shop keeps one count per order line (recording 171); it is shared out from the oldest
    refund on, which is exact unless a person mixed both for one line.
    """
    shelved = {str(line["id"]): _restocked(line) for line in order["line_items"]}
    returns = []
    for refund in refunds:
        lines = []
        for line in refund["line_items"]:
            if line["quantity"] >= 0:
                continue
            origin, quantity = line["_order_line"], -line["quantity"]
            back = shelved.get(origin, 0) >= quantity
            shelved[origin] = shelved.get(origin, 0) - (quantity if back else 0)
            lines.append({**line, "_restocked": back})
        if lines:
            returns.append({**refund, "line_items": lines})
    return returns


def _restocked(line: Json) -> int:
    return sum(
        int(meta["value"])
        for meta in line.get("meta_data") or ()
        if meta.get("key") == "_restock_refunded_items" and str(meta["value"]).isdigit()
    )


def _positive(text: str) -> bool:
    return amount(text) > 0
