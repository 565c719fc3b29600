"""The story: two trading weeks of a shop and eighteen stores, in about a minute.

It plays the outside world (customers, cashiers, the warehouse, the weather), and only through
the outside systems' own doors. What the hub makes of it is for the counter to judge.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from hub.proof import asking
from hub.proof.cut import Document, Plan
from hub.proof.outside import Outside, OutsideError, until
from hub.proof.weather import Hands, Mishap, Weather

API = "/wp-json/wc/v3/"
Say = Callable[[str], None]
TICK = 0.5
#: Ticks between two journals: a till writes what it sold since the last one.
JOURNAL_EVERY = 5
#: The ERP's own counts, in words.
ERP_WORDS = {
    "orders": "orders",
    "pos_orders": "sales",
    "pos_returns": "returns",
    "credit_notes": "credit notes",
    "invoices": "invoices",
    "deliveries_done": "parcels",
}
TILL_KINDS = ("sale", "return", "write_off", "refused")


@dataclass
class Timing:
    """``play_seconds``: how long the two weeks take. The others bound the waiting."""

    play_seconds: float = 60.0
    arrival_seconds: float = 240.0
    quiet_seconds: float = 450.0
    stuck_seconds: float = 90.0


@dataclass
class Story:
    """``scripted``: the unknown article is created by the script, else by a person, who is told
    so with ``wish``: (sentence, address), ("", "") when it is done. ``asked``: has the service
    desk been asked for the article? Nobody creates one before."""

    plan: Plan
    shop: Outside
    erp: Outside
    tills: Outside
    hands: Hands
    say: Say
    timing: Timing = field(default_factory=Timing)
    scripted: bool = True
    wish: Callable[[str, str], None] = lambda sentence, address: None
    asked: Callable[[], bool] = lambda: True
    order_ids: dict[str, int] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        again = asking.sent_again(self.plan)
        self.weather = Weather(self.shop, self.erp, self.tills, self.hands, again)
        self.began = time.monotonic()

    # ---- before
    def seed(self) -> None:
        """The ERP knows its articles, prices, taxes and stock; the shop and tills know nothing."""
        products = asking.seed(self.plan)
        self.erp.post("/_sim/seed", {"products": products})
        self.say(f"The ERP holds {len(products)} articles and their opening stock (made up by us).")

    def await_arrival(self) -> None:
        """Until shop and tills know all articles; the first customer doesn't wait that long.

        Raises OutsideError when they don't arrive.
        """
        goods = {sku for sku, p in self.plan.products.items() if p.kind == "goods"}
        wanted = len(goods - {self.plan.unknown})
        threading.Thread(target=self._watch_first_order, daemon=True).start()
        told = ""

        def arrived() -> bool:
            nonlocal told
            shelf = self._shelf()
            self._first_customer({sku for sku, (priced, _) in shelf.items() if priced})
            stocked = sum(1 for _, managed in shelf.values() if managed)
            known = self.tills.get("/_sim/prices?store=S18").values()
            priced = sum(1 for article in known if article.get("price"))
            line = f"  {stocked} articles with stock in the shop, {priced} prices at the tills"
            if line != told:
                self.say(line)
            told = line
            return stocked >= wanted and priced >= wanted

        if not until(arrived, self.timing.arrival_seconds, 1.0):
            raise OutsideError("The ERP's articles, prices and stock did not reach shop and tills.")
        self._mark("arrived_s")

    def _first_customer(self, sold: set[str]) -> None:
        """Somebody buys as soon as the shop sells all that one of the orders wants."""
        if self.order_ids:
            return
        fit = [d for d in self.plan.of("order") if asking.needed(d) and asking.needed(d) <= sold]
        if fit:
            self._order(fit[0])
            self.say(f"The first customer has bought: order {self.order_ids[fit[0].number]}.")

    def _shelf(self) -> dict[str, tuple[bool, bool]]:
        """The shop's articles: has it a price, has it a stock of its own?"""
        shelf: dict[str, tuple[bool, bool]] = {}
        page = 1
        while True:
            query = f"products?per_page=100&page={page}&_fields=sku,price,manage_stock"
            found = self.shop.get(API + query)
            shelf |= {p["sku"].upper(): (bool(p["price"]), p["manage_stock"]) for p in found}
            if len(found) < 100:
                return shelf
            page += 1

    def recall(self) -> bool:
        """Learn what was played on this home before; True if nothing is left to play."""
        page = 1
        while True:
            found = self.shop.get(
                f"{API}orders?status=any&per_page=100&page={page}&_fields=id,meta_data,refunds"
            )
            for order in found:
                meta = {m["key"]: m["value"] for m in order["meta_data"]}
                if "_invoice" in meta:
                    self.order_ids[str(meta["_invoice"])] = order["id"]
                    backs = [str(r["reason"]).rsplit(" ", 1)[-1] for r in order["refunds"]]
                    self.done |= {f"{back}-{meta['_invoice']}" for back in backs}
            if len(found) < 100:
                break
            page += 1
        self.done |= set(self.order_ids)
        for receipt in self.tills.get("/_sim/receipts"):
            self.done.add(receipt["number"])
            if receipt.get("sent_again"):
                self.weather.sent_again = None
        return all(d.number in self.done for d in self.plan.documents)

    # ---- the two weeks
    def play(self) -> None:
        """Everything in the order of its time, with the weather of the day."""
        days = len({d.at[:10] for d in self.plan.documents})
        self.say(f"{days} trading days begin." if days > 1 else "A trading day begins.")
        mishaps = self.weather.mishaps()
        steps = list(self._steps())
        began = time.monotonic()
        drawer: list[Document] = []
        for index, documents in enumerate(steps):
            share = index / len(steps)
            while mishaps and mishaps[0].when <= share:
                self._strike(mishaps.pop(0))
            self._at_the_shop(documents)
            drawer += [d for d in documents if d.kind in TILL_KINDS]
            if index % JOURNAL_EVERY == JOURNAL_EVERY - 1 or index == len(steps) - 1:
                self._at_the_tills(drawer, _till_fault(index // JOURNAL_EVERY))
                drawer = []
            if index % 10 == 9:
                self._ship(10)
                self._progress(index + 1, len(steps), documents[-1].at)
            time.sleep(max(0.0, began + (index + 1) * TICK - time.monotonic()))
        for mishap in mishaps:
            self._strike(mishap)
        self._mark("played_s")

    def _steps(self) -> Iterator[list[Document]]:
        documents = [d for d in self.plan.documents if d.number not in self.done]
        count = max(1, int(self.timing.play_seconds / TICK))
        size = -(-len(documents) // count)
        for start in range(0, len(documents), size):
            yield documents[start : start + size]

    def _at_the_tills(self, documents: list[Document], fault: str) -> None:
        if documents:
            receipts = [asking.receipt(d) for d in documents]
            asked = {"receipts": receipts, "fault": fault, "seconds": 2}
            self.tills.post("/_sim/receipts", asked)

    def _at_the_shop(self, documents: list[Document]) -> None:
        for document in documents:
            if document.kind == "order" and document.number not in self.order_ids:
                self._order(document)
            elif document.kind == "refund":
                order = self.order_ids[document.original]
                self.shop.post("/_sim/refund", asking.refund(document, order))

    def _order(self, order: Document) -> None:
        made = self.shop.post("/_sim/checkout", asking.checkout(order))
        self.order_ids[order.number] = made["id"]

    def _strike(self, mishap: Mishap) -> None:
        self.say(f"  ! {mishap.what}")
        mishap.strike()

    def _ship(self, count: int) -> None:
        """The warehouse packs what is ready."""
        self.erp.post("/_sim/ship", {"count": count})

    def _progress(self, done: int, steps: int, at: str) -> None:
        counts = self.erp.get("/_sim/counts")
        self.say(
            f"  {at[:16].replace('T', ' ')}  {100 * done // steps:3d} %  ERP: {counts['orders']}"
            f" orders, {counts['pos_orders']} sales, {counts['credit_notes']} credit notes"
        )

    def _watch_first_order(self) -> None:
        """When the first order of the shop was seen in the ERP."""
        if until(lambda: self.erp.get("/_sim/counts")["orders"] > 0, 600, 0.2):
            self._mark("first_order_s")

    # ---- after
    def send_again(self) -> None:
        """A till sends a receipt of long ago again: when the first is in the books for certain,
        for which of two contradicting ones is right nobody could tell."""
        if self.weather.resend():
            self.say("  ! a till sends a receipt again, with another amount")

    def create_unknown(self) -> None:
        """The article the tills sell and the ERP has never heard of is created at last. Waits for
        the person as long as it takes."""
        sku = self.plan.unknown
        if not sku or self._is_known(sku):
            return
        product = asking.erp_product(self.plan.products[sku], self.plan.opening[sku])
        if self.scripted:
            until(self.asked, self.timing.quiet_seconds, 2.0)
            self.say(f"  a person creates the article {sku} in the ERP")
            self.erp.post("/_sim/product", product)
            return
        form = {"view": "products", "sku": sku, "title": product["title"]}
        form |= {"price": product["price"], "stock": _stock_text(product["stock"])}
        address = f"{self.erp.url}/?{urlencode(form)}#create"
        asked = f"The tills sell {sku} ({product['title']}), and the ERP has never heard of it."
        self.say(f"\nYOUR MOVE: {asked}\nCreate it in the ERP's window, its receipts wait:")
        self.say(f"  {address}\n")
        self.wish(asked, address)
        while not self._is_known(sku):
            time.sleep(1)
        self.wish("", "")
        self.say(f"  {sku} is in the ERP now; what waited for it goes")

    def _is_known(self, sku: str) -> bool:
        return sku in {known.upper() for known in self.erp.get("/_sim/skus")["skus"]}

    def await_quiet(self, *, all_known: bool = True) -> bool:
        """Ship the rest and wait until the ERP holds as many documents as were played.

        ``all_known`` False: but for the receipts that hold the unknown article. Gives up when
        nothing has moved for a while; what is missing then is for the counter to name.
        """
        want = self._wanted(all_known)
        moved, before = time.monotonic(), ""
        arrived = "everything is in the ERP" if all_known else "all but the unknown article's is in"

        def quiet() -> bool:
            nonlocal moved, before
            self._ship(1000)
            counts = self.erp.get("/_sim/counts")
            missing = {k: n - counts[k] for k, n in want.items() if counts[k] < n}
            shown = ", ".join(f"{n} {ERP_WORDS[k]}" for k, n in missing.items())
            if shown != before:
                moved, before = time.monotonic(), shown
                self.say(f"  still to come: {shown}" if missing else f"  {arrived}")
            return not missing or time.monotonic() - moved > self.timing.stuck_seconds

        until(quiet, self.timing.quiet_seconds, 1.0)
        self._mark("quiet_s" if all_known else "known_s")
        return not before

    def _wanted(self, all_known: bool) -> dict[str, int]:
        """How many of each the ERP must hold, in the words of its own counts."""
        orders, sales = len(self.plan.of("order")), self.plan.of("sale")
        waiting = [d for d in sales if self.plan.unknown in {line.article for line in d.lines}]
        return {
            "orders": orders,
            "pos_orders": len(sales) - (0 if all_known else len(waiting)),
            "pos_returns": len(self.plan.of("return")),
            "credit_notes": len(self.plan.of("refund")),
            "invoices": orders,
            "deliveries_done": orders,
        }

    def evidence(self) -> dict[str, Any]:
        return self.weather.evidence()

    def _mark(self, name: str) -> None:
        self.marks.setdefault(name, round(time.monotonic() - self.began, 1))


def _stock_text(stock: dict[str, int]) -> str:
    """As the ERP's window takes it: ``CEN 25, S04 12``."""
    return ", ".join(f"{place} {pieces}" for place, pieces in stock.items())


def _till_fault(journal: int) -> str:
    """Every seventh journal is seen half written, every ninth is dropped twice."""
    if journal % 7 == 1:
        return "half_written"
    return "drop_twice" if journal % 9 == 2 else ""
