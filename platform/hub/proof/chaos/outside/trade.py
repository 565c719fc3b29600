"""What happens in the shops: customers, orders amended and cancelled, payments, stock, sales.

Everything is drawn from one seed. An event is the state of one thing after something happened to
it; ``rev`` counts per thing and ``version`` is the same as text that compares right.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

#: Of a hundred things that happen, so many are …
MIX = {"orders": 34, "customers": 8, "payments": 16, "stock": 32, "sales": 10}
SKUS = 40
LOCATIONS = ("FRONT", "BACK")
#: How many orders back an amendment, a cancellation or a payment may reach.
REACH = 60


@dataclass
class Event:
    """``acked``: when the front door answered 2xx, or the till's page offered it; None: never."""

    n: int
    tenant: str
    topic: str
    id: str
    rev: int
    body: Json
    at: float
    acked: float | None = None
    tries: int = 0
    copies: int = 0
    after: float = 0.0
    """Not sent before: a message that dawdles."""

    def told(self) -> Json:
        """For the checker."""
        return {k: getattr(self, k) for k in ("n", "tenant", "topic", "id", "rev", "at", "acked",
                                              "tries", "copies", "body")}  # fmt: skip


@dataclass
class Shop:
    """One tenant's trade."""

    tenant: str
    luck: random.Random
    customers: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    things: dict[tuple[str, str], Json] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    sales: list[Json] = field(default_factory=list)

    def happen(self) -> tuple[str, Json, float]:
        """(topic, the thing's state now, seconds the message dawdles)."""
        topic = self.luck.choices(list(MIX), list(MIX.values()))[0]
        match topic:
            case "customers":
                return topic, self._customer(), 0.0
            case "payments" if self.orders:
                return topic, self._payment(), 0.0
            case "stock":
                return topic, self._stock(), 0.0
            case "sales":
                return topic, self._sale(), 0.0
        if self.luck.random() < 0.35 and self.orders:
            return "orders", self._amended(), 0.0
        if self.luck.random() < 0.2 or not self.customers:
            # A new customer orders at once, and often the order is heard of first.
            return "customers", self._customer(), self.luck.choice((0.0, 0.5, 2.5))
        return "orders", self._ordered(), 0.0

    def _customer(self) -> Json:
        if self.customers and self.luck.random() < 0.4:
            id_ = self.luck.choice(self.customers)
            city = self.luck.choice(("Leith", "Hove", "Ely", "Ripon", "Wick"))
            return self._keep("customers", id_, self.things["customers", id_] | {"city": city})
        number = len(self.customers) + 1
        id_ = f"{self.tenant}-c-{number}"
        self.customers.append(id_)
        return self._keep("customers", id_, {
            "number": f"{self.tenant}-C{number:05d}", "name": f"Customer {number} of {self.tenant}",
            "email": f"c{number}@{self.tenant}.example",
            "emails": [f"c{number}@{self.tenant}.example"], "city": "Ayr",
        })  # fmt: skip

    def _ordered(self) -> Json:
        number = len(self.orders) + 1
        id_ = f"{self.tenant}-o-{number}"
        self.orders.append(id_)
        # Mostly the newest customers: their record is often still on its way.
        customer = self.luck.choice(self.customers[-3:])
        return self._keep("orders", id_, {
            "number": f"{self.tenant}-{number:06d}", "status": "confirmed", "customer": customer,
            "currency": "GBP", "placed_at": _now(), **self._lines(),
        })  # fmt: skip

    def _amended(self) -> Json:
        id_ = self.luck.choice(self.orders[-REACH:])
        order = self.things["orders", id_]
        if order["status"] == "cancelled":
            return self._ordered()
        if self.luck.random() < 0.25:
            return self._keep("orders", id_, order | {"status": "cancelled"})
        return self._keep("orders", id_, order | self._lines())

    def _payment(self) -> Json:
        order = self.luck.choice(self.orders[-REACH:])
        self.paid[order] = self.paid.get(order, 0) + 1
        id_ = f"{order.replace('-o-', '-p-')}-{self.paid[order]}"
        return self._keep("payments", id_, {
            "number": f"{self.things['orders', order]['number']}/{self.paid[order]}",
            "order": order, "currency": "GBP", "amount": _money(self.luck.randrange(100, 9000)),
            "tender": "card", "paid_at": _now(),
        })  # fmt: skip

    def _stock(self) -> Json:
        # Half of it is one article's: the hot one, whose figures overtake each other.
        sku = 0 if self.luck.random() < 0.3 else self.luck.randrange(SKUS)
        place = self.luck.choice(LOCATIONS)
        name = f"{self.tenant}-SKU-{sku:03d}"
        figure = str(self.luck.randrange(5, 500))
        return self._keep("stock", f"{name}@{place}", {
            "sku": name, "location": place, "on_hand": figure, "key": f"{name}|{place}",
        })  # fmt: skip

    def _sale(self) -> Json:
        number = len(self.sales) + 1
        bought = self._lines()
        sale = self._keep("sales", f"{self.tenant}-s-{number}", {
            "number": f"{self.tenant}-R{number:06d}", "store": "FRONT", "register": "1",
            "currency": "GBP", "sold_at": _now(), "day": _now()[:10], "pos": number,
            **bought, "tenders": [{"kind": "cash", "amount": bought["total"]}],
        })  # fmt: skip
        self.sales.append(sale)
        return sale

    def _lines(self) -> Json:
        lines, total = [], 0
        for number in range(1, self.luck.choice((2, 2, 3, 4))):
            pence, qty = self.luck.randrange(50, 5000), self.luck.randrange(1, 4)
            total += pence * qty
            lines.append({
                "id": str(number), "sku": f"{self.tenant}-SKU-{self.luck.randrange(SKUS):03d}",
                "title": "Thing", "qty": str(qty), "price": _money(pence),
                "net": _money(pence * qty),
            })  # fmt: skip
        return {"lines": lines, "total": _money(total)}

    def _keep(self, topic: str, id_: str, thing: Json) -> Json:
        rev = self.things.get((topic, id_), {}).get("rev", 0) + 1
        kept = thing | {"id": id_, "rev": rev, "version": f"{rev:06d}", "topic": topic}
        self.things[topic, id_] = kept
        return kept


def _money(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
