"""What the ids in Square's rows stand for: stores, SKUs, and how money was given back.

Orders, counts and changes name catalogue objects and locations by id only, so each page is read
together with what those ids mean; what is kept is enough to understand it later without asking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from connectors.sdk.records import Json
from connectors.square.api import ORDERS, Api, chunks

#: Around the time of an order: refunds are made within it.
BEFORE = timedelta(minutes=2)


class Places:
    """The seller's locations: ``wanted`` are the ids this connection reads."""

    def __init__(self, api: Api) -> None:
        self.rows = api.locations()
        only = {str(name).casefold() for name in api.config.get("only") or ()}
        self.wanted = sorted(
            id_
            for id_, row in self.rows.items()
            if not only or {id_.casefold(), str(row.get("name", "")).casefold()} & only
        )
        self._codes = {
            str(k).casefold(): str(v) for k, v in (api.config.get("stores") or {}).items()
        }

    def store(self, id_: str) -> str:
        """Our code of a location: as the connection says by its name or id, else its name."""
        row = self.rows.get(id_) or {}
        name = str(row.get("name") or id_)
        return self._codes.get(id_.casefold()) or self._codes.get(name.casefold()) or name

    def zone(self, id_: str) -> str:
        return str((self.rows.get(id_) or {}).get("timezone") or "UTC")


def places_of(api: Api) -> dict[str, str]:
    """{our code: location id} for every location this connection works with."""
    known = Places(api)
    return {known.store(id_): id_ for id_ in known.wanted}


def inner(change: Json) -> Json:
    """Of an inventory change: the part that its type names."""
    told: Json = change[str(change["type"]).lower()]
    return told


def told(api: Api, stream: str, rows: Iterable[Json], known: Places | None = None) -> list[Json]:
    """Rows with what had to be looked up for them."""
    rows, known = list(rows), known or Places(api)
    match stream:
        case "orders":
            return _whole_orders(api, rows, known)
        case "stock":
            skus = _skus(api, (row["catalog_object_id"] for row in rows))
            return [{"count": row, "sku": skus.get(row["catalog_object_id"], ""),
                     "store": known.store(str(row["location_id"]))} for row in rows]  # fmt: skip
        case "movements":
            return _whole_changes(api, rows, known)
        case "catalog":
            return _whole_objects(api, rows)
        case "customers":
            return [{"customer": row} for row in rows]
    return [{"location": row, "store": known.store(str(row["id"]))} for row in rows]


def _whole_orders(api: Api, orders: list[Json], known: Places) -> list[Json]:
    skus = _skus(api, (id_ for order in orders for id_ in _named(order)))
    ways = _ways(api, orders)
    whole = []
    for order in orders:
        place = str(order["location_id"])
        refunds = order.get("refunds") or ()
        about = {str(r[name]) for r in refunds for name in ("id", "tender_id") if r.get(name)}
        whole.append({
            "order": order, "store": known.store(place), "zone": known.zone(place),
            "skus": {id_: skus[id_] for id_ in sorted(_named(order)) if id_ in skus},
            "ways": {id_: ways[id_] for id_ in sorted(about) if id_ in ways},
        })  # fmt: skip
    return whole


def _named(order: Json) -> set[str]:
    """The variations an order names."""
    lines = [*(order.get("line_items") or ())]
    for back in order.get("returns") or ():
        lines += back.get("return_line_items") or ()
    return {str(line["catalog_object_id"]) for line in lines if line.get("catalog_object_id")}


def _whole_objects(api: Api, objects: list[Json]) -> list[Json]:
    """Items with the name of each of their taxes, and whether prices hold it already."""
    named = {id_ for row in objects for id_ in (row.get("item_data") or {}).get("tax_ids") or ()}
    taxes = api.objects(named, deleted=True) if named else {}
    whole = []
    for row in objects:
        data = [taxes[id_]["tax_data"] for id_ in (row.get("item_data") or {}).get("tax_ids") or ()
                if id_ in taxes and not taxes[id_].get("is_deleted")]  # fmt: skip
        included = any(tax.get("inclusion_type") == "INCLUSIVE" for tax in data)
        whole.append({"object": row, "taxes": [str(tax["name"]) for tax in data],
                      "tax_included": included})  # fmt: skip
    return whole


def _whole_changes(api: Api, changes: list[Json], known: Places) -> list[Json]:
    skus = _skus(api, (inner(change)["catalog_object_id"] for change in changes))
    told = []
    for change in changes:
        row = inner(change)
        sku = skus.get(row["catalog_object_id"])
        one: Json = {"type": change["type"], "change": row, "sku": sku}
        for name in ("location_id", "from_location_id", "to_location_id"):
            if row.get(name):
                one[name.replace("location_id", "store")] = known.store(str(row[name]))
        told.append(one)
    return told


def _skus(api: Api, variations: Iterable[str]) -> dict[str, str]:
    """SKUs by variation, deleted ones too: what was sold was sold."""
    found = api.objects((str(v) for v in variations), deleted=True)
    skus = {id_: (row.get("item_variation_data") or {}).get("sku") for id_, row in found.items()}
    return {id_: str(sku) for id_, sku in skus.items() if sku}


def _ways(api: Api, orders: Sequence[Json]) -> dict[str, str]:
    """How money went back: the type of each tender that a refund names, from the sale it was part
    of; for a refund that names none, what the refund itself says."""
    refunds = [(o, r) for o in orders for r in o.get("refunds") or ()]
    held = {str(t["id"]): str(t["type"]) for o in orders for t in o.get("tenders") or ()}
    sales = {
        str(r.get("transaction_id") or "") for _, r in refunds
        if r.get("tender_id") and str(r["tender_id"]) not in held
    }  # fmt: skip
    for order in by_id(api, sorted(sales - {""})):
        held |= {str(t["id"]): str(t["type"]) for t in order.get("tenders") or ()}
    loose = [o for o, r in refunds if str(r.get("tender_id") or "") not in held]
    return held | _destinations(api, loose)


def _destinations(api: Api, orders: Sequence[Json]) -> dict[str, str]:
    """Refunds of these orders by id, as they say where the money went."""
    kinds = {"EXTERNAL": "OTHER"}
    found: dict[str, str] = {}
    for place in sorted({str(o["location_id"]) for o in orders}):
        mine = {str(o["id"]): str(o["created_at"]) for o in orders if o["location_id"] == place}
        begin = earlier(min(mine.values()), BEFORE)
        params: Json = {
            "location_id": place,
            "begin_time": begin,
            "sort_order": "ASC",
            "limit": 100,
        }
        params["end_time"] = earlier(max(mine.values()), -BEFORE)
        cursor = ""
        while True:
            told = api.get("/v2/refunds", **params, cursor=cursor)
            for refund in told.get("refunds", ()):
                if str(refund.get("order_id")) in mine:
                    way = str(refund.get("destination_type") or "OTHER")
                    found[str(refund["id"])] = kinds.get(way, way)
            cursor, before = str(told.get("cursor") or ""), cursor
            if not cursor or cursor == before:
                break
    return found


def by_id(api: Api, ids: Sequence[str]) -> list[Json]:
    """Orders by id; those that aren't there are left out."""
    found: list[Json] = []
    for some in chunks(ids, ORDERS):
        told = api.read("/v2/orders/batch-retrieve", {"order_ids": some})
        found += told.get("orders", ())
    return found


def earlier(stamp: str, by: timedelta) -> str:
    when = datetime.fromisoformat(stamp).astimezone(UTC) - by
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
