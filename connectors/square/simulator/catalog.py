"""The catalogue: items with variations, and taxes; each with a version that an update must name.

Kept flat (an item without its variations) and shown nested, as Square shows it. Unlike a shop's,
SKUs needn't be unique here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.replies import SquareError, bad, missing, need, page_of
from connectors.square.simulator.seller import Seller, now

DATA = {"ITEM": "item_data", "ITEM_VARIATION": "item_variation_data", "TAX": "tax_data"}
BATCH, OBJECTS, FOUND, SET = 1000, 10_000, 1000, 250


class Catalog:
    def __init__(self, seller: Seller) -> None:
        self.seller = seller
        self.by_sku: dict[str, list[str]] = defaultdict(list)
        self.of_item: dict[str, list[str]] = defaultdict(list)
        for row in self.rows.values():
            self._index(row)

    @property
    def rows(self) -> dict[Any, Row]:
        return self.seller.table("object")

    def _index(self, row: Row) -> None:
        if row["type"] == "ITEM_VARIATION" and not row["is_deleted"]:
            data = row["item_variation_data"]
            for ids in (self.by_sku[str(data.get("sku", "")).casefold()],
                        self.of_item[data["item_id"]]):  # fmt: skip
                if row["id"] not in ids:
                    ids.append(row["id"])

    def view(self, row: Row) -> Row:
        """An item with its variations inside."""
        if row["type"] != "ITEM":
            return row
        inside = [self.rows[id_] for id_ in self.of_item[row["id"]]]
        kept = [v for v in inside if not v["is_deleted"]]
        return {**row, "item_data": {**row["item_data"], "variations": kept}}

    def variation(self, sku: str) -> Row | None:
        """The first that has the SKU, whatever its case."""
        for id_ in self.by_sku.get(sku.strip().casefold(), ()):
            row = self.rows[id_]
            same = str(row["item_variation_data"].get("sku", "")).casefold() == sku.casefold()
            if same and not row["is_deleted"]:
                return row
        return None

    def tax(self, name: str) -> Row | None:
        for row in self.rows.values():
            if row["type"] == "TAX" and row["tax_data"]["name"] == name and not row["is_deleted"]:
                return row
        return None

    # ---- writing
    def batch_upsert(self, body: Row) -> Row:
        """Each batch whole or not at all; one that fails leaves the others be. Errors don't say
        which object they are about."""
        batches = need(body, "batches")
        if sum(len(b.get("objects", ())) for b in batches) > OBJECTS:
            raise bad("REQUEST_ENTITY_TOO_LARGE", "Too many objects.")
        errors, objects, mappings = [], [], []
        for batch in batches:
            try:
                shown, mapped = self.upsert(need(batch, "objects"))
            except SquareError as error:
                errors.append(error.error())
                continue
            objects += shown
            mappings += mapped
        if errors and not objects:
            raise Refused(errors)
        told: Row = {"objects": objects, "updated_at": now(), "id_mappings": mappings}
        return told | ({"errors": errors} if errors else {})

    def upsert(self, objects: list[Row]) -> tuple[list[Row], list[Row]]:
        """All or nothing. Returns the objects as they are now, and the ids given to new ones."""
        if len(objects) > BATCH:
            raise bad("ARRAY_LENGTH_TOO_LONG", f"At most {BATCH} objects in a batch.")
        flat = [one for thing in objects for one in _flat(thing)]
        for thing in flat:
            self._judge(thing)
        ids = {t["id"]: self.seller.new_id("object") for t in flat if t["id"].startswith("#")}
        for thing in flat:
            self._store(thing, ids)
        self.seller.tell("catalog.version.updated", "catalog", "", {
            "catalog_version": {"updated_at": now()}
        })  # fmt: skip
        shown = [self.view(self.rows[ids.get(t["id"], t["id"])]) for t in objects]
        return shown, [{"client_object_id": k, "object_id": v} for k, v in ids.items()]

    def _judge(self, thing: Row) -> None:
        if thing.get("type") not in DATA:
            raise bad("INVALID_ENUM_VALUE", f"No such type: {thing.get('type')}.", "type")
        data = need(thing, DATA[thing["type"]])
        if thing["type"] != "ITEM_VARIATION":
            need(data, "name")
        price = data.get("price_money")
        if price is not None and price.get("currency") != self.seller.settings["currency"]:
            raise bad("INVALID_VALUE", "The currency is not the one of the seller.", "price_money")
        if price is not None and (type(price.get("amount")) is not int or price["amount"] < 0):
            raise bad("EXPECTED_INTEGER", "Expected an integer value.", "price_money.amount")
        if data.get("pricing_type") == "FIXED_PRICING" and price is None:
            raise bad("INVALID_VALUE", "FIXED_PRICING needs price_money.", "price_money")
        if thing["id"].startswith("#"):
            return
        known = self.rows.get(thing["id"])
        if known is None or known["is_deleted"]:
            raise missing("Catalog object", thing["id"])
        if thing.get("version") != known["version"]:
            raise bad("VERSION_MISMATCH", "Object version does not match latest database version.")

    def _store(self, thing: Row, ids: dict[str, str]) -> None:
        """Replaces the whole of it: what is not said is gone. Taxes alone are added to those an
        item has."""
        name = DATA[thing["type"]]
        data = {k: v for k, v in thing[name].items() if k != "variations" and v is not None}
        id_ = str(ids.get(thing["id"]) or thing["id"])
        before = self.rows.get(id_)
        if name == "item_data" and before is not None:
            had = before["item_data"].get("tax_ids", [])
            data["tax_ids"] = list(dict.fromkeys([*had, *data.get("tax_ids", [])]))
        if name == "item_variation_data":
            data["item_id"] = ids.get(data["item_id"], data["item_id"])
        row = {
            "type": thing["type"], "id": id_, "updated_at": now(),
            "created_at": before["created_at"] if before else now(),
            "version": self.seller.version(), "is_deleted": False,
            "present_at_all_locations": thing.get("present_at_all_locations", True), name: data,
        }  # fmt: skip
        self.seller.put("object", id_, row)
        self._index(row)

    def update_taxes(self, body: Row) -> Row:
        for id_ in need(body, "item_ids"):
            row = self.rows.get(id_)
            if row is None or row["type"] != "ITEM":
                raise missing("Item", id_)
            gone, more = body.get("taxes_to_disable") or [], body.get("taxes_to_enable") or []
            kept = [t for t in row["item_data"].get("tax_ids", []) if t not in gone]
            row["item_data"]["tax_ids"] = list(dict.fromkeys([*kept, *more]))
            self._touch(row)
        return {"updated_at": now()}

    def delete(self, id_: str) -> Row:
        """An item takes its variations along."""
        row = self.rows.get(id_)
        if row is None or row["is_deleted"]:
            raise missing("Catalog object", id_)
        ids = [id_, *self.of_item.get(id_, ())] if row["type"] == "ITEM" else [id_]
        for gone in ids:
            self.rows[gone]["is_deleted"] = True
            self._touch(self.rows[gone])
        return {"deleted_object_ids": ids, "deleted_at": now()}

    def _touch(self, row: Row) -> None:
        row |= {"version": self.seller.version(), "updated_at": now()}
        self.seller.put("object", row["id"], row)
        self.seller.tell("catalog.version.updated", "catalog", "", {
            "catalog_version": {"updated_at": now()}
        })  # fmt: skip

    # ---- reading
    def retrieve(self, ids: Iterable[str], *, deleted: bool = False) -> list[Row]:
        found = [self.rows[id_] for id_ in ids if id_ in self.rows]
        return [self.view(row) for row in found if deleted or not row["is_deleted"]]

    def search(self, body: Row) -> Row:
        """By time of change, by exact text of an attribute, or by a set of them; the whole of the
        named types otherwise."""
        types = body.get("object_types") or list(DATA)
        query, since = body.get("query") or {}, body.get("begin_time") or ""
        rows = [
            row
            for row in self.rows.values()
            if row["type"] in types
            and row["updated_at"] > since
            and (body.get("include_deleted_objects") or not row["is_deleted"])
            and _fits(row, query)
        ]
        rows.sort(key=lambda row: (row["updated_at"], row["id"]))
        shown = page_of(rows, body, "objects", most=FOUND)
        if "objects" in shown:
            shown["objects"] = [self.view(row) for row in shown["objects"]]
        return shown | {"latest_time": now()}


class Refused(SquareError):
    """Every batch was refused: all their errors, in one answer."""

    def __init__(self, errors: list[Row]) -> None:
        super().__init__(400, errors[0]["code"])
        self.errors = errors

    def body(self) -> Row:
        return {"errors": self.errors}


def _flat(thing: Row) -> Iterable[Row]:
    """An item and its variations, each with an id."""
    if not thing.get("id"):
        raise bad("MISSING_REQUIRED_PARAMETER", "Every object needs an id; a new one begins with #")
    yield thing
    for variation in (thing.get("item_data") or {}).get("variations") or ():
        data = {**variation["item_variation_data"], "item_id": thing["id"]}
        yield {**variation, "item_variation_data": data}


def _fits(row: Row, query: Row) -> bool:
    if not query:
        return True
    asked = query.get("exact_query") or query.get("set_query")
    if not asked:
        raise bad("NOT_IMPLEMENTED", "The stand-in knows exact_query and set_query only.")
    values = asked.get("attribute_values") or [asked.get("attribute_value", "")]
    if len(values) > SET:
        raise bad("ARRAY_LENGTH_TOO_LONG", f"At most {SET} values.", "query.set_query")
    held = str(row[DATA[row["type"]]].get(asked["attribute_name"], "")).casefold()
    return held in {str(value).casefold() for value in values}
