"""The shop's memory: settings, ids, indexes, and what happened since the last answer.

Orders, refunds and products draw their ids from one sequence, as WordPress posts do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from aiohttp import web

from connectors.sdk.simulation.store import Row, Store
from connectors.woocommerce.simulator import dates

DEMO_KEY = "ck_crossdock_demo_shop"
DEMO_SECRET = "cs_crossdock_demo_shop"  # noqa: S105 - opens nothing but this simulator
DEMO_READ_KEY = "ck_crossdock_demo_shop_read_only"

SETTINGS: Row = {
    "title": "The shop",
    "currency": "GBP",
    "zone": "Europe/London",
    "country": "GB",
    "state": "",
    "prices_include_tax": True,
    "tick": 1.0,
    "round_at_subtotal": False,
    "tls": True,
    "strips_header": False,
    "url": "http://127.0.0.1",
}
SYMBOLS = {"GBP": "£", "USD": "$", "EUR": "€"}
#: The stock rates of a British shop; country "" taxes every address, so shelf prices hold.
TAXES = (
    {"rate": "20.0000", "name": "VAT20", "class": "standard"},
    {"rate": "0.0000", "name": "VAT0", "class": "zero-rate"},
)


class Shop:
    """``happened``: (resource, event, id) since the last flush to the webhook queue. ``nonces``:
    of signed requests, with their time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.happened: list[tuple[str, str, int]] = []
        self.nonces: dict[str, int] = {}
        if store.get("settings", "shop") is None:
            self._open()
        self.settings = store.table("settings")["shop"]
        self.by_sku: dict[str, int] = {}
        for id_, row in self.table("product").items():
            self.index(id_, row)

    def _open(self) -> None:
        self.store.put("settings", "shop", {**SETTINGS, "store_id": str(uuid4())})
        for key, rights in ((DEMO_KEY, "read_write"), (DEMO_READ_KEY, "read")):
            self.store.put("key", key, {"secret": DEMO_SECRET, "permissions": rights})
        for rate in TAXES:
            id_ = self.store.next_id("tax")
            self.store.put("tax", id_, {**tax_defaults(), **rate, "id": id_})
        self.store.save()

    # ---- rows
    def table(self, kind: str) -> dict[int, Row]:
        return self.store.table(kind)  # type: ignore[return-value]

    def get(self, kind: str, id_: int) -> Row | None:
        return self.store.get(kind, id_)

    def put(self, kind: str, row: Row) -> Row:
        return self.store.put(kind, row["id"], row)

    def post_id(self) -> int:
        return self.store.next_id("post")

    def item_id(self) -> int:
        return self.store.next_id("item")

    def reserve_ids(self, kind: str, at_least: int) -> None:
        """Move a sequence on, so that rows seeded with ids of their own don't collide."""
        counter = self.store.table("_counters").get(kind, {"last": 0})
        counter["last"] = max(counter["last"], at_least)
        self.store.put("_counters", kind, counter)

    # ---- SKUs: compared without case, as the shop's database does
    def index(self, id_: int, row: Row) -> None:
        if row["sku"] and row["status"] != "auto-draft":
            self.by_sku[row["sku"].lower()] = id_

    def unindex(self, row: Row) -> None:
        if self.by_sku.get(row["sku"].lower()) == row["id"]:
            del self.by_sku[row["sku"].lower()]

    def product_by_sku(self, sku: str) -> Row | None:
        id_ = self.by_sku.get(sku.strip().lower())
        return None if id_ is None else self.get("product", id_)

    # ---- time and events
    def now(self) -> int:
        return int(time.time())

    def stamps(self, name: str, epoch: int | None) -> dict[str, str | None]:
        """``date_<name>`` in the site's zone and in GMT."""
        return {
            f"date_{name}": dates.local(epoch, self.settings["zone"]),
            f"date_{name}_gmt": dates.gmt(epoch),
        }

    def happen(self, resource: str, event: str, id_: int) -> None:
        """Note an event once per request, as the shop does."""
        if (resource, event, id_) not in self.happened:
            self.happened.append((resource, event, id_))

    def live_webhooks(self) -> Iterator[Row]:
        for hook in self.table("webhook").values():
            if hook["status"] == "active":
                yield hook

    # ---- metadata
    def merge_meta(self, have: list[Row], changes: Any) -> list[Row]:
        """Metadata after a write: by id, else by key, else added; a null value removes it."""
        meta = [dict(m) for m in have]
        for change in changes or []:
            key, value = change.get("key"), change.get("value")
            known = next((m for m in meta if m["id"] == change.get("id") or m["key"] == key), None)
            if known is None:
                meta.append({"id": self.store.next_id("meta"), "key": key, "value": value})
            elif value is None:
                meta.remove(known)
            else:
                known["value"] = value
        return meta


def tax_defaults() -> Row:
    """A tax rate as `POST /taxes` fills it (recording 014)."""
    return {
        "country": "", "state": "", "postcode": "", "city": "", "rate": "0.0000", "name": "Tax",
        "priority": 1, "compound": False, "shipping": True, "order": 0, "class": "standard",
        "postcodes": [], "cities": [],
    }  # fmt: skip


SHOP: web.AppKey[Shop] = web.AppKey("shop", Shop)
