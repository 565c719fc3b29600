"""A web shop and an ERP under fire: people buy, the warehouse ships, and the demo's counter counts.

Buying and shipping happen in the systems themselves, not through the lines that are struck.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.proof.outside import Outside, OutsideError, until
from hub.proof.stage import ERP_KEY, SHOP_KEY, SHOP_SECRET, basic

Json = dict[str, Any]
COUNTER = Path(__file__).parents[1] / "counter.py"
SIMULATORS = {"woo": "connectors.woocommerce.simulator", "erp": "connectors.odoo.simulator"}
ARTICLES = 12
#: Seconds between two customers, and between two rounds of the warehouse.
CUSTOMER, WAREHOUSE = 2.5, 4.0


@dataclass
class Retail:
    """``woo`` and ``erp``: their own addresses, beside the lines."""

    woo: Outside
    erp: Outside
    luck: random.Random
    sold: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def at(cls, urls: dict[str, str], seed: int) -> Retail:
        """``urls``: of both systems, by name."""
        luck = random.Random(f"{seed} retail")  # noqa: S311 - repeatable, guards nothing
        return cls(Outside(urls["woo"], "web shop", basic()), Outside(urls["erp"], "ERP"), luck)

    def stock(self) -> None:
        """What the ERP has on its shelves before anything begins."""
        products = [
            {"sku": sku(n), "title": f"Article {n}", "price": price(n), "tax": "VAT20",
             "kind": "goods", "stock": {"CEN": 5000}}
            for n in range(ARTICLES)
        ]  # fmt: skip
        self.erp.post("/_sim/seed", {"products": products})

    def begin(self) -> None:
        """People buy as soon as the shop has something to sell."""
        self.threads = [threading.Thread(target=self._buy, daemon=True),
                        threading.Thread(target=self._ship, daemon=True)]  # fmt: skip
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Nobody buys any more; the warehouse goes on until `close`."""
        self.over.set()

    def close(self) -> None:
        self.closed.set()
        for thread in self.threads:
            thread.join()

    def _buy(self) -> None:
        until(lambda: self.over.is_set() or self._offered() >= ARTICLES, 120)
        while not self.over.wait(CUSTOMER):
            if self._offered():
                self.sold += 1
                self.woo.post("/_sim/checkout", self._basket(self.sold))

    def _offered(self) -> int:
        """How many articles the shop has; none while it is being stopped."""
        try:
            return int(self.woo.get("/_sim/counts")["products"])
        except OSError:
            return 0

    def _basket(self, number: int) -> Json:
        chosen = self.luck.sample(range(ARTICLES), self.luck.choice((1, 2, 3)))
        who = self.luck.randrange(8)
        return {
            "lines": [{"sku": sku(n), "qty": self.luck.randrange(1, 4), "unit_price": price(n)}
                      for n in chosen],
            "customer": {"email": f"person{who}@example.com", "first_name": "Robin",
                         "last_name": f"Reader {who}", "country": "GB"},
            "transaction_id": f"dune_{number}", "meta": {"_invoice": f"D{number:05d}"},
        }  # fmt: skip

    def _ship(self) -> None:
        while not self.closed.wait(WAREHOUSE):
            try:
                self.erp.post("/_sim/ship", {})
            except (OSError, OutsideError):
                continue

    def systems(self, folder: Path) -> Path:
        """The file the counter reads."""
        tills = folder / "no-tills"
        tills.mkdir(exist_ok=True)
        path = folder / "systems.json"
        path.write_text(json.dumps({
            "extract": "", "tills": str(tills), "erp": {"url": self.erp.url, "key": ERP_KEY},
            "shop": {"url": self.woo.url, "key": SHOP_KEY, "secret": SHOP_SECRET},
        }), encoding="utf-8")  # fmt: skip
        return path


def sku(number: int) -> str:
    return f"dune-SKU-{number:02d}"


def price(number: int) -> str:
    return f"{number + 2}.50"
