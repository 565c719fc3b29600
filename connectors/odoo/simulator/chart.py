"""The company the stand-in starts with: taxes, journals, warehouses, tills."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator.generic import create
from connectors.odoo.simulator.records import Env, insert
from connectors.sdk.simulation.store import Row

WAREHOUSES = [
    ("CEN", "Central warehouse"),
    *((f"S{n:02d}", f"Store {n:02d}") for n in range(1, 19)),
]

#: ISO 3166-1 codes the stand-in knows.
COUNTRIES = (
    "AE AT AU BE BG BH BR CA CH CN CY CZ DE DK EE ES FI FR GB GR HK HR HU IE IL IN IS IT JP KR "
    "LB LT LU LV MT MX NL NO NZ PL PT RO RS SA SE SG SI SK TR US ZA"
)


def build(env: Env, currency: str = "GBP", warehouses: list[tuple[str, str]] | None = None) -> None:
    """Once: a second call changes nothing."""
    if env.db.rows("res.company"):
        return
    money = insert(env, "res.currency", {"name": currency, "symbol": "£", "rounding": 0.01})
    insert(env, "res.company", {"name": "Retail company", "currency_id": money}, 1)
    for code in COUNTRIES.split():
        insert(env, "res.country", {"name": code, "code": code})
    for name, label, percent in (("20% VAT", "VAT20", 20.0), ("0% VAT", "VAT0", 0.0)):
        country = env.db.where("res.country", "code", "GB")[0]["id"]
        tax = {"name": name, "invoice_label": label, "amount": percent, "amount_type": "percent"}
        tax |= {"type_tax_use": "sale", "price_include": True, "country_id": country}
        insert(env, "account.tax", tax)
    for name, code, kind in JOURNALS:
        insert(env, "account.journal", {"name": name, "code": code, "type": kind})
    for name, code in (("VAT collected", "vat"), ("Sales", "sales"), ("Customers (PoS)", "pos")):
        insert(env, "account.account", {"name": name, "code": code})
    for name, usage in LOCATIONS:
        insert(env, "stock.location", {"name": name, "complete_name": name, "usage": usage})
    for code, name in warehouses or WAREHOUSES:
        warehouse(env, code, name)
    tills(env)


JOURNALS = [
    ("Sales", "INV", "sale"),
    ("Bank", "BNK1", "bank"),
    ("Cash", "CSH1", "cash"),
    ("Miscellaneous", "MISC", "general"),
    ("Point of Sale", "POSS", "general"),
]
LOCATIONS = [("Vendors", "supplier"), ("Customers", "customer"), ("Inventory loss", "inventory")]
TYPES = [
    ("in", "Receipts", "incoming", "IN"),
    ("out", "Delivery Orders", "outgoing", "OUT"),
    ("int", "Internal Transfers", "internal", "INT"),
    ("pos", "PoS Orders", "outgoing", "POS"),
]


def warehouse(env: Env, code: str, name: str) -> int:
    """A warehouse with its stock location and the four picking types that matter here."""
    house = insert(env, "stock.warehouse", {"code": code, "name": name})
    place: Row = {"name": "Stock", "complete_name": f"{code}/Stock", "usage": "internal"}
    stock = insert(env, "stock.location", {**place, "warehouse_id": house})
    links: dict[str, Any] = {"lot_stock_id": stock}
    for key, title, kind, letters in TYPES:
        vals: Row = {"name": title, "code": kind, "sequence_code": letters, "warehouse_id": house}
        end = "default_location_dest_id" if kind == "incoming" else "default_location_src_id"
        links[f"{key}_type_id"] = insert(env, "stock.picking.type", {**vals, end: stock})
    env.db.update("stock.warehouse", house, links)
    return house


def tills(env: Env) -> None:
    """A point of sale for every warehouse but the first, with cash of its own."""
    journals = {j["code"]: j["id"] for j in env.db.rows("account.journal").values()}
    bank: Row = {"type": "bank", "journal_id": journals["BNK1"]}
    card = insert(env, "pos.payment.method", {"name": "Card", **bank})
    house_rows = sorted(env.db.rows("stock.warehouse").values(), key=lambda r: r["id"])
    for house in house_rows[1:]:
        cash: Row = {"name": f"Cash {house['code']}", "type": "cash", "is_cash_count": True}
        cash_id = insert(env, "pos.payment.method", {**cash, "journal_id": journals["CSH1"]})
        vals: Row = {"name": f"Till {house['code']}", "picking_type_id": house["pos_type_id"]}
        vals["payment_method_ids"] = [[6, 0, [cash_id, card]]]
        vals |= {"journal_id": journals["POSS"], "invoice_journal_id": journals["INV"]}
        insert(env, "pos.config", vals)


def product(env: Env, wanted: Row) -> int:
    """A product by SKU (made if it isn't there) and its opening stock per warehouse.

    ``wanted``: sku, title, price (text or number), tax (label), kind (goods|service), barcode,
    stock {warehouse code: quantity}.
    """
    known = env.db.where("product.product", "default_code", wanted["sku"])
    if known:
        return int(known[0]["id"])
    label = wanted.get("tax") or "VAT20"
    taxes = [t["id"] for t in env.db.rows("account.tax").values() if t["invoice_label"] == label]
    service = wanted.get("kind", "goods") not in ("goods", "bundle")
    vals: Row = {"name": wanted["title"], "default_code": wanted["sku"]}
    vals |= {"list_price": float(wanted["price"]), "taxes_id": [[6, 0, taxes]]}
    vals |= {"type": "service" if service else "consu", "is_storable": not service}
    vals["barcode"] = wanted.get("barcode") or False
    id_ = create(env, "product.product", [vals])[0]
    for code, quantity in (wanted.get("stock") or {}).items():
        house = env.db.where("stock.warehouse", "code", code)[0]
        quant: Row = {"product_id": id_, "location_id": house["lot_stock_id"]}
        quant |= {"warehouse_id": house["id"], "quantity": float(quantity)}
        insert(env, "stock.quant", quant)
    return id_
