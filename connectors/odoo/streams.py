"""What Odoo tells: each stream's rows, completed with what a mapping needs to understand them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from connectors.odoo.catalogue import id_of
from connectors.odoo.changes import Tell, Told, Watch, pages
from connectors.odoo.client import Json
from connectors.odoo.target import Target
from connectors.sdk.records import Page

INTERNAL = ["location_id.usage", "=", "internal"]
OUR_REF = "xd-%"

PRODUCTS = Watch(
    "product.product",
    ["default_code", "name", "list_price", "barcode", "taxes_id", "type", "active"],
    [["default_code", "!=", False]],
    # Archived products are told too, as archived.
    {"active_test": False},
)
TAXES = Watch(
    "account.tax",
    ["name", "invoice_label", "amount", "price_include", "country_id"],
    [["type_tax_use", "=", "sale"]],
)
WAREHOUSES = Watch("stock.warehouse", ["code", "name"], [])
QUANTS = Watch("stock.quant", ["product_id", "warehouse_id"], [INTERNAL])
#: Odoo deletes quants that came to zero, and then only the move tells that something left.
MOVES = Watch(
    "stock.move", ["product_id", "location_id", "location_dest_id"], [["state", "=", "done"]]
)
DELIVERIES = Watch(
    "stock.picking",
    ["name", "origin", "sale_id", "date_done", "location_id"],
    [
        ["state", "=", "done"],
        ["picking_type_code", "=", "outgoing"],
        ["sale_id", "!=", False],
    ],
)
ORDERS = Watch(
    "sale.order",
    ["name", "state", "client_order_ref", "origin", "delivery_status", "amount_total"],
    [["client_order_ref", "=like", OUR_REF]],
)


def read(odoo: Target, stream: str, cursor: Json) -> Iterator[Page]:
    return pages(odoo.client, stream, _watches(odoo, stream, cursor), cursor)


def reread(odoo: Target, stream: str, ids: list[str]) -> dict[str, Json | None]:
    """Bodies by external id; None for what is gone."""
    if stream == "stock":
        pairs = {(int(p), code) for p, _, code in (i.partition("@") for i in ids)}
        houses = odoo.catalogue.warehouses()
        told = _levels(odoo, {(p, houses[c].id, c) for p, c in pairs if c in houses})
    else:
        watch, tell = _simple(odoo, stream)
        more = {"context": watch.context} if watch.context else {}
        domain = [*watch.domain, ["id", "in", [int(i) for i in ids]]]
        rows = odoo.client.search_read(watch.model, domain, [*watch.fields, "write_date"], **more)
        told = tell(rows)
    found = dict(told)
    return {id_: found.get(id_) for id_ in ids}


def _watches(odoo: Target, stream: str, cursor: Json) -> list[tuple[Watch, Tell]]:
    # A person may have made a tax or a warehouse since the last poll.
    odoo.catalogue.forget()
    if stream != "stock":
        return [_simple(odoo, stream)]
    watches: list[tuple[Watch, Tell]] = [(QUANTS, lambda rows: _from_quants(odoo, rows))]
    if cursor.get("at"):
        watches.append((MOVES, lambda rows: _from_moves(odoo, rows)))
    return watches


def _simple(odoo: Target, stream: str) -> tuple[Watch, Tell]:
    if stream == "products":
        return PRODUCTS, lambda rows: _products(odoo, rows)
    if stream == "deliveries":
        watch = DELIVERIES
        if odoo.catalogue.has_field("stock.picking", "carrier_tracking_ref"):
            fields = [*watch.fields, "carrier_tracking_ref"]
            watch = Watch(watch.model, fields, watch.domain)
        return watch, lambda rows: _deliveries(odoo, rows)
    if stream == "taxes":
        return TAXES, lambda rows: _taxes(odoo, rows)
    return {"warehouses": WAREHOUSES, "orders": ORDERS}[stream], _as_they_are


def _as_they_are(rows: list[Json]) -> list[Told]:
    return [(str(row["id"]), row) for row in rows]


def _products(odoo: Target, rows: list[Json]) -> list[Told]:
    """With the codes of their taxes and the company's currency."""
    taxes = {tax.id: tax for tax in odoo.catalogue.taxes()}
    told = []
    for row in rows:
        mine = [taxes[i] for i in row["taxes_id"] if i in taxes]
        more = {
            "variants": [{"sku": row["default_code"], "gtins": _gtins(row["barcode"])}],
            "tax_codes": [tax.code for tax in mine],
            "tax_included": all(tax.included for tax in mine),
            "currency": odoo.config.get("currency", "GBP"),
        }
        told.append((str(row["id"]), {**row, **more}))
    return told


def _gtins(barcode: Any) -> list[str]:
    """A barcode that can be a GTIN (GS1: 8, 12, 13 or 14 digits)."""
    text = str(barcode or "")
    return [text] if text.isdigit() and len(text) in (8, 12, 13, 14) else []


def _taxes(odoo: Target, rows: list[Json]) -> list[Told]:
    """With the code we know them by and the two letters of their country."""
    codes = {tax.id: tax.code for tax in odoo.catalogue.taxes()}
    ids = sorted({id_of(row["country_id"]) for row in rows} - {0})
    countries = {
        row["id"]: row["code"]
        for row in odoo.client.call("res.country", "read", ids=ids, fields=["code"])
    }
    return [
        (
            str(row["id"]),
            {
                **row,
                "code": codes.get(row["id"], row["name"]),
                "country": countries.get(id_of(row["country_id"]), ""),
            },
        )
        for row in rows
    ]


# ------------------------------------------------------------------ stock

#: Product id, warehouse id, warehouse code.
Shelf = tuple[int, int, str]


def _from_quants(odoo: Target, rows: list[Json]) -> list[Told]:
    codes = {house.id: house.code for house in odoo.catalogue.all_warehouses().values()}
    pairs = {(id_of(row["product_id"]), id_of(row["warehouse_id"])) for row in rows}
    return _levels(odoo, {(p, w, codes[w]) for p, w in pairs if w in codes})


def _from_moves(odoo: Target, rows: list[Json]) -> list[Told]:
    """Only shelves that no longer have a quant: the others are told from their quants."""
    houses = {house.stock: house for house in odoo.catalogue.all_warehouses().values()}
    moved: dict[str, str] = {}
    shelves: set[Shelf] = set()
    for row in rows:
        product = id_of(row["product_id"])
        for place in (id_of(row["location_id"]), id_of(row["location_dest_id"])):
            if place in houses:
                house = houses[place]
                shelves.add((product, house.id, house.code))
                name = f"{product}@{house.code}"
                moved[name] = max(moved.get(name, ""), row["write_date"])
    return [
        (name, {**body, "counted_at": moved[name]})
        for name, body in _levels(odoo, shelves)
        if not body["counted_at"]
    ]


def _levels(odoo: Target, shelves: Iterable[Shelf]) -> list[Told]:
    """On hand and reserved of each shelf, summed over the warehouse's internal locations."""
    wanted = sorted(set(shelves))
    products = sorted({product for product, _, _ in wanted})
    houses = sorted({house for _, house, _ in wanted})
    if len(products) * len(houses) <= 2 * len(wanted):
        groups = _sums(odoo, products, houses)
    else:
        groups = [
            group
            for house in houses
            for group in _sums(odoo, [p for p, h, _ in wanted if h == house], [house])
        ]
    sums = {(id_of(g["product_id"]), id_of(g["warehouse_id"])): g for g in groups}
    skus = _skus(odoo, set(products))
    return [
        _level(product, code, skus[product], sums.get((product, house)))
        for product, house, code in wanted
        if skus.get(product)
    ]


def _sums(odoo: Target, products: list[int], houses: list[int]) -> list[Json]:
    domain: list[Any] = [
        ["product_id", "in", products],
        ["warehouse_id", "in", houses],
        INTERNAL,
    ]
    groups: list[Json] = odoo.client.call(
        "stock.quant",
        "formatted_read_group",
        domain=domain,
        groupby=["warehouse_id", "product_id"],
        aggregates=["quantity:sum", "reserved_quantity:sum", "write_date:max"],
    )
    return groups


def _level(product: int, code: str, sku: str, group: Json | None) -> Told:
    return (
        f"{product}@{code}",
        {
            "product_id": product,
            "sku": sku,
            "warehouse": code,
            "on_hand": group["quantity:sum"] if group else 0.0,
            "reserved": group["reserved_quantity:sum"] if group else 0.0,
            "counted_at": group["write_date:max"] if group else "",
        },
    )


def _skus(odoo: Target, products: set[int]) -> dict[int, str]:
    rows = odoo.client.call(
        "product.product", "read", ids=sorted(products), fields=["default_code"]
    )
    return {row["id"]: row["default_code"] or "" for row in rows}


# ------------------------------------------------------------------ deliveries


def _deliveries(odoo: Target, rows: list[Json]) -> list[Told]:
    """With their lines, and the short name of the warehouse they left."""
    domain = [["picking_id", "in", [row["id"] for row in rows]], ["state", "=", "done"]]
    fields = ["picking_id", "product_id", "quantity", "sale_line_id"]
    moves = odoo.client.search_read("stock.move", domain, fields)
    skus = _skus(odoo, {id_of(move["product_id"]) for move in moves})
    codes = {house.stock: house.code for house in odoo.catalogue.warehouses().values()}
    lines: dict[int, list[Json]] = defaultdict(list)
    for move in moves:
        line = {"sku": skus.get(id_of(move["product_id"]), ""), "qty": move["quantity"]}
        lines[id_of(move["picking_id"])].append(line)
    return [
        (
            str(row["id"]),
            {
                **row,
                "order_id": id_of(row["sale_id"]),
                "warehouse": codes.get(id_of(row["location_id"]), ""),
                "tracking": [ref] if (ref := row.get("carrier_tracking_ref")) else [],
                "lines": lines[row["id"]],
            },
        )
        for row in rows
    ]
