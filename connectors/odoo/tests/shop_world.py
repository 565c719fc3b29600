"""The world the tests of the connector play in: the stand-in with a few articles, and a driver
that does with a connector what the hub does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.odoo.connector import Odoo
from connectors.odoo.simulator.app import build
from connectors.sdk.records import Done, SourceRecord, WriteItem
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running

KEY = "odoo-sim-key"
ARTICLES = [
    {"sku": "22423", "title": "Cakestand", "price": "12.75", "stock": {"CEN": 50, "S01": 20}},
    {"sku": "84879", "title": "Bird ornament", "price": "1.69", "stock": {"CEN": 90, "S01": 30}},
    {"sku": "BOOK", "title": "A book", "price": "8.00", "tax": "VAT0", "stock": {"CEN": 10}},
    {"sku": "POST", "title": "Carriage", "price": "5.00", "kind": "service"},
]


class World:
    """``odoo``: the connector; ``sim``: the stand-in it speaks to."""

    def __init__(self, sim: Running) -> None:
        self.sim = sim
        self.http = PlainHttp()
        self.odoo = self.connector()
        self.ids = {r["default_code"]: r["id"] for r in self.rows("product.product")}

    def connector(self, key: str = KEY, **config: Any) -> Odoo:
        defaults = {f.name: f.default for f in Odoo.manifest.fields if f.default is not None}
        settings = {**defaults, "url": self.sim.url, **config}
        return Odoo(config=settings, secrets={"api_key": key}, http=self.http)

    def rows(self, model: str, domain: list[Any] | None = None) -> list[dict[str, Any]]:
        """What the stand-in holds, read by its API as anybody may."""
        answer = self.api(model, "search_read", domain=domain or [])
        assert isinstance(answer, list), answer
        return answer

    def api(self, model: str, method: str, **arguments: Any) -> Any:
        headers = {"Authorization": f"bearer {KEY}"}
        return self.sim.call("POST", f"/json/2/{model}/{method}", arguments, **headers).json()

    def stock(self, sku: str, code: str) -> tuple[float, float]:
        """On hand and reserved."""
        domain = [["product_id", "=", self.ids[sku]], ["warehouse_id.code", "=", code]]
        found = self.rows("stock.quant", domain)
        return sum(q["quantity"] for q in found), sum(q["reserved_quantity"] for q in found)

    def arm(self, kind: str, **how: Any) -> None:
        self.sim.control("faults", {"kind": kind, **how})

    def read(self, stream: str, cursor: dict[str, Any]) -> tuple[list[SourceRecord], Any]:
        """All pages of a poll, understood; and the cursor after them."""
        records = []
        for page in self.odoo.read(stream, cursor):
            cursor = page.cursor
            for heard in page.heard:
                record = self.odoo.understand(heard)
                assert isinstance(record, SourceRecord)
                records.append(record)
        return records, cursor

    # ---- items
    def customer(self, ref: str = "xd-c1") -> str:
        body = {"name": "Ann Archer", "email": "ann@example.com", "country": "GB"}
        return write(self.odoo, "customer", item(ref, body)).external_id

    def order_body(self, number: str = "1001", **more: Any) -> dict[str, Any]:
        lines = [self.line("22423", 2, "21.25", "4.25"), self.line("84879", 3, "8.34", "1.66")]
        body = {"partner_id": self.customer(), "origin": f"web/{number}", "total": "35.50"}
        return {**body, "lines": lines, **more}

    def line(self, sku: str, qty: int, net: str, tax: str, code: str = "VAT20") -> dict[str, Any]:
        line = {"id": sku, "product_id": str(self.ids[sku]), "name": sku, "qty": str(qty)}
        return {**line, "net": net, "tax_total": tax, "taxes": [code]}

    def order(self, ref: str = "xd-o1", **more: Any) -> str:
        return write(self.odoo, "order", item(ref, self.order_body(**more))).external_id

    def receipt_body(self, number: str = "S01-1-7", **more: Any) -> dict[str, Any]:
        lines = [self.line("84879", 3, "4.23", "0.84"), self.line("22423", 1, "10.63", "2.12")]
        body = {"store": "S01", "number": number, "date_order": "2011-08-08 09:15:00"}
        body |= {"total": "17.82", "tax": "2.96"}
        tenders = [{"tender": "cash", "amount": "7.82"}, {"tender": "card", "amount": "10.00"}]
        return {**body, "lines": lines, "tenders": tenders, **more}


def item(ref: str, body: dict[str, Any], **more: Any) -> WriteItem:
    return WriteItem(ref=ref, key=ref, op=more.pop("op", "create"), body=body, **more)


def write(odoo: Odoo, resource: str, wanted: WriteItem) -> Done:
    """Run a write to its end."""
    writing = odoo.write(resource, wanted)
    while True:
        try:
            next(writing)
        except StopIteration as end:
            assert isinstance(end.value, Done)
            return end.value


def resumed(wanted: WriteItem, steps: dict[str, str]) -> WriteItem:
    return replace(wanted, steps=steps, uncertain=True)


def earlier(cursor: dict[str, str], seconds: int) -> dict[str, str]:
    """The cursor of a poll that was that long ago."""
    then = datetime.fromisoformat(cursor["at"]) - timedelta(seconds=seconds)
    moment = then.strftime("%Y-%m-%d %H:%M:%S")
    return {"at": moment, "swept": moment}


@contextmanager
def world() -> Iterator[World]:
    with running(build) as sim:
        sim.control("seed", {"products": ARTICLES})
        yield World(sim)
