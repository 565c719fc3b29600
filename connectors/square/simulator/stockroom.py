"""Inventory: a ledger of quantities by variation, location and state.

A count says what is there; an adjustment takes a quantity out of one state into another. ``NONE``
is the world outside; it and ``SOLD`` hold no count.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.replies import bad, missing, need, page_of
from connectors.square.simulator.seller import Seller, now

#: What an application may do; anything else is done by Square itself when something is sold.
ALLOWED = {
    ("NONE", "IN_STOCK"), ("IN_STOCK", "WASTE"), ("IN_STOCK", "SOLD"),
    ("UNLINKED_RETURN", "IN_STOCK"), ("UNLINKED_RETURN", "WASTE"),
}  # fmt: skip
UNTRACKED = {"NONE", "SOLD", "UNLINKED_RETURN"}
CHANGES = 100


class Stockroom:
    def __init__(self, seller: Seller) -> None:
        self.seller = seller

    @property
    def counts(self) -> dict[Any, Row]:
        return self.seller.table("count")

    def on_hand(self, variation: str, location: str, state: str = "IN_STOCK") -> Decimal:
        row = self.counts.get(f"{variation}|{location}|{state}")
        return Decimal(row["quantity"]) if row else Decimal(0)

    # ---- changing
    def change(self, body: Row) -> Row:
        """``POST /v2/inventory/changes/batch-create``: all of it or nothing."""
        wanted = need(body, "changes")
        if len(wanted) > CHANGES:
            raise bad("ARRAY_LENGTH_TOO_LONG", f"At most {CHANGES} changes.", "changes")
        for change in wanted:
            self._judge(change)
        made, touched = [], []
        for change in wanted:
            told = change.get(change["type"].lower()) or {}
            if change["type"] == "PHYSICAL_COUNT":
                unchanged = self.on_hand(told["catalog_object_id"], told["location_id"]) == Decimal(
                    told["quantity"]
                )
                if not (unchanged and body.get("ignore_unchanged_counts", True)):
                    made.append(self._count(told))
            elif change["type"] == "ADJUSTMENT":
                made.append(self.adjust(told))
            else:
                made.append(self._transfer(told))
            places = [told.get(name) for name in ("location_id", "from_location_id")]
            places.append(told.get("to_location_id"))
            touched += [f"{told['catalog_object_id']}|{p}|IN_STOCK" for p in places if p]
        counts = [self.counts[key] for key in dict.fromkeys(touched) if key in self.counts]
        return {"counts": counts, "changes": made}

    def _judge(self, change: Row) -> None:
        kind = need(change, "type")
        told = need(change, str(kind).lower())
        if kind not in ("PHYSICAL_COUNT", "ADJUSTMENT", "TRANSFER"):
            raise bad("INVALID_ENUM_VALUE", f"No such type: {kind}.", "type")
        variation = self.seller.store.get("object", need(told, "catalog_object_id"))
        if variation is None or variation["type"] != "ITEM_VARIATION":
            raise missing("Item variation", told["catalog_object_id"])
        names = ("from_location_id", "to_location_id") if kind == "TRANSFER" else ("location_id",)
        for name in names:
            if need(told, name) not in self.seller.table("location"):
                raise bad("INVALID_VALUE", f"No location {told[name]}.", name)
        quantity = need(told, "quantity")
        try:
            if not isinstance(quantity, str) or Decimal(quantity) < 0:
                raise InvalidOperation
        except InvalidOperation:
            raise bad("INVALID_VALUE", "Quantity must be a decimal string.", "quantity") from None
        states = (told.get("from_state"), told.get("to_state"))
        if kind == "ADJUSTMENT" and states not in ALLOWED:
            raise bad("INVALID_VALUE", f"No adjustment from {states[0]} to {states[1]}.")
        occurred = datetime.fromisoformat(need(told, "occurred_at"))
        age = datetime.now(UTC) - occurred
        if age > timedelta(hours=24) or age < timedelta(minutes=-1):
            raise bad("INVALID_TIME", "occurred_at is in the future or too old.", "occurred_at")

    def adjust(self, told: Row) -> Row:
        """Also for Square itself (sold, returned), whatever the states."""
        quantity, variation = Decimal(told["quantity"]), told["catalog_object_id"]
        for state, sign in ((told["from_state"], -1), (told["to_state"], 1)):
            if state not in UNTRACKED:
                self._add(variation, told["location_id"], state, sign * quantity)
        return self._noted("ADJUSTMENT", told)

    def _count(self, told: Row) -> Row:
        held = self.on_hand(told["catalog_object_id"], told["location_id"])
        by = Decimal(told["quantity"]) - held
        self._add(told["catalog_object_id"], told["location_id"], "IN_STOCK", by)
        return self._noted("PHYSICAL_COUNT", {"state": "IN_STOCK", **told})

    def _transfer(self, told: Row) -> Row:
        quantity, variation = Decimal(told["quantity"]), told["catalog_object_id"]
        self._add(variation, told["from_location_id"], "IN_STOCK", -quantity)
        self._add(variation, told["to_location_id"], "IN_STOCK", quantity)
        return self._noted("TRANSFER", {"state": "IN_STOCK", **told})

    def _add(self, variation: str, location: str, state: str, by: Decimal) -> None:
        row = self.seller.put("count", f"{variation}|{location}|{state}", {
            "catalog_object_id": variation, "catalog_object_type": "ITEM_VARIATION",
            "state": state, "location_id": location, "calculated_at": now(),
            "quantity": f"{self.on_hand(variation, location, state) + by:f}",
        })  # fmt: skip
        told = {"inventory_counts": [row]}
        self.seller.tell("inventory.count.updated", "inventory", variation, told)

    def _noted(self, kind: str, told: Row) -> Row:
        id_ = self.seller.new_id("change")
        inner = {**told, "id": id_, "created_at": now(), "catalog_object_type": "ITEM_VARIATION"}
        self.seller.put("change", id_, {"type": kind, "_at": now(), kind.lower(): inner})
        return {"type": kind, kind.lower(): inner}

    # ---- reading
    def find_counts(self, body: Row) -> Row:
        ids, places = body.get("catalog_object_ids"), body.get("location_ids")
        states, since = body.get("states"), body.get("updated_after") or ""
        rows = [
            row
            for row in self.counts.values()
            if (not ids or row["catalog_object_id"] in ids)
            and (not places or row["location_id"] in places)
            and (not states or row["state"] in states)
            and row["calculated_at"] > since
        ]
        rows.sort(key=lambda r: (r["calculated_at"], r["catalog_object_id"], r["location_id"]))
        return page_of(rows, body, "counts", most=1000)

    def find_changes(self, body: Row) -> Row:
        ids, places = body.get("catalog_object_ids"), body.get("location_ids")
        types = body.get("types") or ["PHYSICAL_COUNT", "ADJUSTMENT"]
        since, until = body.get("updated_after") or "", body.get("updated_before") or "9"
        rows = []
        for row in self.seller.table("change").values():
            told = row[row["type"].lower()]
            place = told.get("location_id") or told.get("from_location_id")
            if (
                (row["type"] in types or row["type"] == "TRANSFER")
                and (not ids or told["catalog_object_id"] in ids)
                and (not places or place in places)
                and since < row["_at"] < until
            ):
                rows.append(row)
        rows.sort(key=lambda row: row["_at"])
        shown = page_of(rows, body, "changes", most=1000)
        if "changes" in shown:
            shown["changes"] = [_shown(row) for row in shown["changes"]]
        return shown

    def adjustment(self, id_: str) -> Row:
        row = self.seller.table("change").get(id_)
        if row is None or row["type"] != "ADJUSTMENT":
            raise missing("Inventory adjustment", id_)
        return {"adjustment": row["adjustment"]}


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "_at"}
