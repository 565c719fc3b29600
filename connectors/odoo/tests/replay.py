"""The recorded session played against the stand-in, and how its answers are compared.

The stand-in is given the recorded company's ids, so that every recorded request can be sent as it
was. Compared are the status, the words of every refusal, and the shape (keys and types) of every
answer; numbers, names and times are the installation's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.odoo.simulator.app import build
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.records import Env, insert
from connectors.sdk.simulation.store import Store
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running

RECORDED = Path(__file__).parent / "recorded" / "session.json"
#: Recorded with an administrator's key, all others with the integration user's.
ADMINS = ("071-", "078-")
Json = dict[str, Any]


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def recorded() -> list[Json]:
    """The session; dates that were *today* when it was recorded are today's."""
    text = RECORDED.read_text(encoding="utf-8")
    day = today()
    text = text.replace("11/23/2026", f"{day[5:7]}/{day[8:]}/{day[:4]}")
    session: list[Json] = json.loads(text)
    for exchange in session:
        if exchange["nr"].startswith("078-"):
            exchange["request"]["vals"]["fiscalyear_lock_date"] = day
    return session


def company(store: Store) -> None:
    """The recorded company, with its ids."""
    db = Database(store)
    env = Env(db, f"{today()} 00:00:00")
    for model, id_, vals in ROWS:
        insert(env, model, vals, id_)
    names = {
        row["product_id"][0]: row["product_id"][1]
        for exchange in recorded()
        if exchange["nr"].startswith("042-")
        for row in exchange["response"]
    }
    for number, id_ in enumerate(range(7, 27)):
        sku = f"SKU-{number + 1:03d}"
        name = names.get(id_, f"[{sku}] Article").partition("] ")[2]
        article: Json = {"name": name, "default_code": sku, "list_price": 4.5, "type": "consu"}
        article |= {"barcode": f"2{number + 1:012d}", "taxes_id": [[6, 0, [40]]]}
        insert(env, "product.product", article, id_)
        quants = ((number + 1, 5, 1, 100.0), (number + 41, 14, 2, 25.0))
        for quant, place, house, quantity in quants:
            lying = {"product_id": id_, "location_id": place, "warehouse_id": house}
            insert(env, "stock.quant", {**lying, "quantity": quantity}, quant)
    insert(env, "res.partner", {"name": "C01", "email": "c01@example.com"}, 8)
    db.commit()
    store.put("_counters", "res.partner", {"last": 16})


ROWS: list[tuple[str, int, Json]] = [
    ("res.currency", 126, {"name": "EUR"}),
    ("res.company", 1, {"name": "Company", "currency_id": 126}),
    ("res.country", 75, {"name": "France", "code": "FR"}),
    ("account.tax", 40, {"name": "20% G", "amount": 20.0, "type_tax_use": "sale"}),
    ("account.journal", 8, {"name": "Sales", "code": "INV", "type": "sale"}),
    ("account.journal", 13, {"name": "Bank", "code": "BNK1", "type": "bank"}),
    ("account.journal", 16, {"name": "Point of Sale", "code": "POSS", "type": "general"}),
    ("account.account", 612, {"name": "Purchases", "code": "sales"}),
    ("account.account", 391, {"name": "Suspense", "code": "vat"}),
    ("account.account", 282, {"name": "Customers (PoS)", "code": "pos"}),
    ("stock.warehouse", 1, {"name": "Central warehouse", "code": "CEN"}),
    ("stock.warehouse", 2, {"name": "Shop Marseille", "code": "SHP"}),
    ("stock.location", 2, {"name": "Customers", "usage": "customer"}),
    ("stock.location", 4, {"name": "Vendors", "usage": "supplier"}),
    ("stock.location", 11, {"name": "Inventory adjustment", "usage": "inventory"}),
    *(
        ("stock.location", id_, {
            "name": "Stock", "complete_name": f"{code}/Stock", "usage": "internal",
            "warehouse_id": house,
        })
        for id_, code, house in ((5, "CEN", 1), (14, "SHP", 2))
    ),
    *(
        ("stock.picking.type", id_, {
            "name": name, "code": kind, "sequence_code": letters, "warehouse_id": house,
            "default_location_src_id": place,
        })
        for id_, name, kind, letters, house, place in (
            (1, "Receipts", "incoming", "IN", 1, 5),
            (2, "Delivery Orders", "outgoing", "OUT", 1, 5),
            (9, "PoS Orders", "outgoing", "POS", 1, 5),
            (18, "PoS Orders", "outgoing", "POS", 2, 14),
        )
    ),
    ("pos.payment.method", 1, {"name": "Cash", "type": "cash", "is_cash_count": True}),
    ("pos.payment.method", 2, {"name": "Card", "type": "bank"}),
    ("pos.payment.method", 3, {"name": "Customer Account", "type": "pay_later"}),
    ("pos.config", 1, {
        "name": "Till 1", "payment_method_ids": [[6, 0, [1, 2, 3]]], "picking_type_id": 18,
        "journal_id": 16, "invoice_journal_id": 8,
    }),
]  # fmt: skip


def links(store: Store) -> None:
    """Warehouses know their locations and types, which could only be made after them."""
    db = Database(store)
    central = {"lot_stock_id": 5, "in_type_id": 1, "out_type_id": 2, "pos_type_id": 9}
    shop = {"lot_stock_id": 14, "in_type_id": 1, "out_type_id": 2, "pos_type_id": 18}
    db.update("stock.warehouse", 1, central)
    db.update("stock.warehouse", 2, shop)
    db.commit()


class Player:
    """Plays the session in order. ``answers``: (status, body) by the recording's name."""

    def __init__(self, sim: Running, store: Store) -> None:
        self.sim = sim
        self.store = store
        self.http = PlainHttp()
        self.answers: dict[str, tuple[int, Any]] = {}

    def play(self) -> None:
        for exchange in recorded():
            number = exchange["nr"][:4]
            if number in UNRECORDED:
                UNRECORDED[number](self)
            body = exchange["request"]
            raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            self.answers[exchange["nr"]] = self.send(exchange, raw)

    def send(self, exchange: Json, raw: bytes) -> tuple[int, Any]:
        key = "odoo-sim-admin" if exchange["nr"].startswith(ADMINS) else "odoo-sim-key"
        headers = {"Authorization": f"bearer {key}", "Content-Type": "application/json"}
        if exchange["nr"].startswith("001-"):
            headers["Authorization"] = "bearer wrong"
        if exchange["nr"].startswith("002-"):
            del headers["Authorization"]
        answer = self.http.request(
            "POST", self.sim.url + exchange["path"], headers=headers, body=raw
        )
        return answer.status, answer.json()

    def next_is(self, model: str, id_: int) -> None:
        """The real one had made other records in between (a payment has an entry of its own)."""
        self.store.put("_counters", model, {"last": id_ - 1})

    def draft_invoice(self) -> None:
        self.next_is("account.move", 6)
        vals = {"move_type": "out_invoice", "partner_id": 17, "invoice_line_ids": []}
        body = msgspec.json.encode({"vals_list": [vals]})
        path = "/json/2/account.move/create"
        assert self.send({"nr": "", "path": path}, body)[0] == 200


#: What happened before an exchange without being recorded.
UNRECORDED: dict[str, Callable[[Player], None]] = {
    "033-": lambda player: player.next_is("account.move", 3),
    "072-": lambda player: player.next_is("account.move", 4),
    "080-": lambda player: player.draft_invoice(),
    "099-": lambda player: player.next_is("account.move", 11),
    "103-": lambda player: player.next_is("sale.order", 37),
}


def played() -> dict[str, tuple[int, Any]]:
    """The stand-in's answers to the whole recorded session."""
    stores: list[Store] = []

    def with_company(store: Store, args: Any) -> Any:
        company(store)
        links(store)
        stores.append(store)
        return build(store, args)

    with running(with_company) as sim:
        player = Player(sim, stores[0])
        player.play()
        return player.answers


def differences(recorded: Any, answered: Any, path: str = "") -> list[str]:
    """Where the answer hasn't the recording's shape; [] = same keys and types.

    Odoo says ``false`` for any missing value but a number, so false fits every type. Lists are
    compared by their first items.
    """
    if recorded is False or answered is False:
        return []
    if type(recorded) is not type(answered):
        return [f"{path}: {type(recorded).__name__} is {type(answered).__name__}"]
    if isinstance(recorded, dict):
        found = [f"{path}.{key} is missing" for key in recorded if key not in answered]
        for key in recorded.keys() & answered.keys():
            found += differences(recorded[key], answered[key], f"{path}.{key}")
        return found
    if isinstance(recorded, list) and recorded and not answered:
        return [f"{path} is empty"]
    if isinstance(recorded, list) and recorded and not _is_domain(recorded):
        return differences(recorded[0], answered[0], f"{path}[0]")
    return []


def _is_domain(value: list[Any]) -> bool:
    return value[0] == "&"
