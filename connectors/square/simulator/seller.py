"""The seller's account: settings, locations, ids and times, and what happened just now."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from connectors.sdk.simulation.store import Row, Store

#: A chain whose second half of stores runs on Square; `/_sim/locations` says otherwise.
STORES = tuple(f"S{n:02d}" for n in range(10, 19))
SETTINGS: Row = {
    "merchant_id": "MLTHISTLE0001",
    "business": "Thistle & Twine",
    "currency": "GBP",
    "country": "GB",
    "zone": "Europe/London",
    # Seconds until the first retry of a webhook; Square waits a minute.
    "retry": 1.0,
    "tick": 0.2,
    # Seconds an access token lives; Square says 30 days.
    "token_life": 30 * 86_400,
}


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as Square writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def now() -> str:
    return stamp(datetime.now(UTC))


class Seller:
    """``happened``: (event type, what kind of thing, its id, its object) since the last look."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bitten: Counter[str] = Counter()
        self.happened: list[tuple[str, str, str, Row]] = []
        self.settings: Row = {**SETTINGS, **(store.get("settings", "all") or {})}
        if not self.table("location"):
            self.open_stores(STORES)

    def table(self, kind: str) -> dict[Any, Row]:
        return self.store.table(kind)

    def put(self, kind: str, id_: str, row: Row) -> Row:
        return self.store.put(kind, id_, row)

    def set(self, **settings: Any) -> None:
        self.settings |= settings
        self.store.put("settings", "all", dict(self.settings))

    def new_id(self, kind: str, length: int = 24) -> str:
        """Letters and digits, as Square's; the next of its kind, so that a run can be repeated."""
        number = self.store.next_id(kind)
        raw = hashlib.sha256(f"{self.settings['merchant_id']} {kind} {number}".encode()).digest()
        return base64.b32encode(raw).decode()[:length]

    def version(self) -> int:
        """Of a catalogue object: milliseconds, and never the same twice."""
        counter = self.store.get("_version", "catalog") or {"last": 0}
        counter["last"] = max(counter["last"] + 1, int(time.time() * 1000))
        self.store.put("_version", "catalog", counter)
        return int(counter["last"])

    def money(self, amount: int) -> Row:
        return {"amount": amount, "currency": self.settings["currency"]}

    # ---- stores
    def open_stores(self, names: Any) -> None:
        """The seller's locations from now on are these, and the name of each is its code."""
        for id_ in list(self.table("location")):
            self.store.drop("location", id_)
        for name in names:
            id_ = "L" + hashlib.sha256(f"location {name}".encode()).hexdigest()[:12].upper()
            self.put("location", id_, {
                "id": id_, "name": name, "status": "ACTIVE", "type": "PHYSICAL",
                "merchant_id": self.settings["merchant_id"],
                "business_name": self.settings["business"],
                "country": self.settings["country"], "currency": self.settings["currency"],
                "timezone": self.settings["zone"], "language_code": "en-GB",
                "created_at": now(), "capabilities": ["CREDIT_CARD_PROCESSING"],
            })  # fmt: skip

    def location_of(self, name: str) -> Row:
        """Raises KeyError for a name no location has."""
        for row in self.table("location").values():
            if row["name"] == name:
                return row
        raise KeyError(f"no location is called {name}")

    def tell(self, event: str, kind: str, id_: str, told: Row) -> None:
        self.happened.append((event, kind, id_, told))
