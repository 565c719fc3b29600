"""The second partner's merchant: a handful of orders that nobody else may ever see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.proof.outside import Outside, OutsideError, until

BOOKS = (
    ("FG-1", "The Salt Road", "12.99"),
    ("FG-2", "A Field Guide to Rain", "18.50"),
    ("FG-3", "Letters from the Weir", "9.99"),
)
ORDERS = ({"FG-1": 1}, {"FG-2": 2, "FG-3": 1}, {"FG-3": 4}, {"FG-1": 1, "FG-2": 1})


@dataclass
class Neighbour:
    """A shop and an ERP of its own."""

    shop: Outside
    erp: Outside

    def seed(self) -> None:
        products = [
            {"sku": s, "title": t, "price": p, "tax": "VAT0", "kind": "goods", "stock": {"CEN": 40}}
            for s, t, p in BOOKS
        ]
        self.erp.post("/_sim/seed", {"products": products})

    def sell(self, seconds: float = 120) -> None:
        """Once the books are in the shop. Raises OutsideError when they don't get there."""
        have = self.shop.get("/_sim/counts")["orders"]
        if have >= len(ORDERS):
            return
        if not until(lambda: self.shop.get("/_sim/counts")["products"] >= len(BOOKS), seconds, 1):
            raise OutsideError("The second merchant's books did not reach its shop.")
        for number, basket in enumerate(ORDERS[have:], have + 1):
            self.shop.post("/_sim/checkout", _checkout(number, basket))

    def verdict(self, seconds: float = 60) -> dict[str, Any]:
        """Its orders (what people sold by hand included) are in its own ERP, and nothing else."""

        def settled() -> bool:
            want = self.shop.get("/_sim/counts")["orders"]
            return bool(self.erp.get("/_sim/counts")["orders"] >= want)

        until(settled, seconds, 1)
        counts, shop = self.erp.get("/_sim/counts"), self.shop.get("/_sim/counts")
        created = [d for d in self.erp.get("/_sim/by_hand").values() if "stock" in d]
        return {
            "shop_orders": shop["orders"],
            "erp_orders": counts["orders"],
            "erp_products": counts["products"],
            "good": counts["orders"] == shop["orders"] == len(ORDERS) + shop["by_hand"]
            and counts["products"] == len(BOOKS) + len(created)
            and counts["pos_orders"] == 0,
        }


def _checkout(number: int, basket: dict[str, int]) -> dict[str, Any]:
    prices = {sku: price for sku, _, price in BOOKS}
    return {
        "lines": [{"sku": s, "qty": n, "unit_price": prices[s]} for s, n in basket.items()],
        "customer": {
            "email": f"reader{number}@example.com",
            "first_name": "Robin",
            "last_name": f"Reader {number}",
            "country": "GB",
        },
        "placed_at": f"2011-08-{9 + number:02d}T10:00:00Z",
        "transaction_id": f"fg_{number}",
        "meta": {"_invoice": f"FG{number:04d}"},
    }
