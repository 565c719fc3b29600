"""The counter: is every order, refund and sale there exactly once, and every cent and piece?

It imports the standard library and nothing of ours. The cutting rule is loaded from the file
beside it by its path; that file imports the standard library only, too. The expectation comes from
the CSV extract, the findings from the outside systems' own state: the shop's REST API, the ERP's
JSON-2 API, the tills' folder. What the hub believes is never asked.

    python counter.py SYSTEMS.json [--sabotage lose|double|cent|stock] [--live]

SYSTEMS.json: {extract, shop: {url, key, secret}, erp: {url, key}, tills: folder}. Prints one JSON
object; exit code 1 if anything is wrong. ``--live`` compares the systems with each other instead of
with the extract, for the time while people play with them.

What people did by hand in the systems' windows is not in the extract. Each system marks it, and it
is expected on top: a sale by hand, too, must be in the ERP exactly once.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import importlib.util
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode, urlsplit

PAGE = 100
SHOWN = 20
RECEIPT = re.compile(r"S\d\d-\d-\d{6}")
#: Receipts sold in the tills' window are numbered from here on.
FIRST_BY_HAND = 900_000
BY_HAND = "by hand"
#: What the web shop sells is shipped from here, and comes back here.
WEB_WAREHOUSE = "CEN"


def load_rule() -> ModuleType:
    """cut.py by its path, so that no package of ours is imported."""
    spec = importlib.util.spec_from_file_location("cut", Path(__file__).with_name("cut.py"))
    if spec is None or spec.loader is None:
        raise FileNotFoundError("cut.py is missing beside the counter: put it back.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["cut"] = module
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------ reading the systems


@dataclass
class Web:
    """JSON over HTTP; numbers with a point become exact decimals."""

    url: str
    authorization: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        line = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        try:
            line.request(method, path, None if body is None else json.dumps(body), headers)
            answer = line.getresponse()
            raw = answer.read()
        finally:
            line.close()
        if answer.status >= 400:
            raise RuntimeError(f"{self.url}{path} answered {answer.status}: {raw[:300]!r}")
        return json.loads(raw, parse_float=Decimal)


class Shop:
    def __init__(self, url: str, key: str, secret: str) -> None:
        both = base64.b64encode(f"{key}:{secret}".encode()).decode()
        self.web = Web(url, f"Basic {both}")

    def rows(self, resource: str, fields: str, **query: str) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            asked = {"per_page": PAGE, "page": page, "orderby": "id", "order": "asc"}
            asked |= {"_fields": fields, **query}
            found = self.web.call("GET", f"/wp-json/wc/v3/{resource}?{urlencode(asked)}")
            yield from found
            if len(found) < PAGE:
                return
            page += 1


class Erp:
    def __init__(self, url: str, key: str) -> None:
        self.web = Web(url, f"Bearer {key}")

    def rows(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        body = {"domain": domain, "fields": ["id", *fields], "order": "id"}
        rows: list[dict[str, Any]] = self.web.call("POST", f"/json/2/{model}/search_read", body)
        return rows


Amounts = dict[str, list[Decimal]]


def amounts() -> Amounts:
    return defaultdict(list)


@dataclass
class ByHand:
    """What people did in the windows. ``moves``: (article, location) -> pieces; ``opening``: the
    stock of articles they created; ``damaged``: receipts they damaged on purpose."""

    orders: Amounts = field(default_factory=amounts)
    refunds: Amounts = field(default_factory=amounts)
    sales: Amounts = field(default_factory=amounts)
    returns: Amounts = field(default_factory=amounts)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    prices: dict[str, Decimal] = field(default_factory=dict)
    opening: dict[str, dict[str, int]] = field(default_factory=dict)
    damaged: int = 0

    def shown(self) -> dict[str, int]:
        """How many of each; nothing if nobody touched anything."""
        documents = {name: sum(map(len, getattr(self, name).values())) for name in DOCUMENTS}
        rest = {
            "prices": len(self.prices.keys() - self.opening),
            "products": len(self.opening),
            "damaged": self.damaged,
        }
        return {name: n for name, n in (documents | rest).items() if n}


DOCUMENTS = ("orders", "refunds", "sales", "returns")


@dataclass
class Found:
    """What the systems hold. Amounts by number, once per appearance."""

    shop_orders: Amounts = field(default_factory=amounts)
    shop_refunds: Amounts = field(default_factory=amounts)
    erp_orders: Amounts = field(default_factory=amounts)
    erp_invoices: Amounts = field(default_factory=amounts)
    erp_refunds: Amounts = field(default_factory=amounts)
    erp_sales: Amounts = field(default_factory=amounts)
    erp_returns: Amounts = field(default_factory=amounts)
    stock: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    shop_stock: dict[str, int] = field(default_factory=dict)
    till_prices: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    journal_sales: Amounts = field(default_factory=amounts)
    journal_returns: Amounts = field(default_factory=amounts)
    unpaid: list[str] = field(default_factory=list)
    by_hand: ByHand = field(default_factory=ByHand)


def look(systems: dict[str, Any], *, stock: bool = True) -> Found:
    found = Found()
    invoice_of = _look_into_shop(found, Shop(**systems["shop"]), stock)
    _look_into_erp(found, Erp(**systems["erp"]), invoice_of, stock)
    _look_at_tills(found, Path(systems["tills"]), stock)
    return found


def _look_into_shop(found: Found, shop: Shop, stock: bool) -> dict[str, str]:
    """The shop's orders; returns its order number -> the invoice of the extract."""
    invoice_of: dict[str, str] = {}
    fields = "id,number,total,refunds,meta_data,status,line_items"
    for order in shop.rows("orders", fields, status="any"):
        meta = {m["key"]: m["value"] for m in order["meta_data"]}
        invoice = str(meta.get("_invoice") or order["number"])
        invoice_of[str(order["number"])] = invoice
        found.shop_orders[invoice].append(Decimal(order["total"]))
        if meta.get("_by_hand"):
            found.by_hand.orders[invoice].append(Decimal(order["total"]))
            _move(found.by_hand, order["line_items"], -1)
        for refund in order["refunds"]:
            found.shop_refunds[invoice].append(-Decimal(refund["total"]))
            if refund["reason"] == BY_HAND:
                _refunded_by_hand(found.by_hand, shop, order["id"], refund["id"], invoice)
    if stock:
        for product in shop.rows("products", "id,sku,stock_quantity,manage_stock", status="any"):
            if product["sku"] and product["manage_stock"]:
                found.shop_stock[product["sku"].upper()] = int(product["stock_quantity"] or 0)
    return invoice_of


def _refunded_by_hand(hand: ByHand, shop: Shop, order: int, refund: int, invoice: str) -> None:
    whole = shop.web.call("GET", f"/wp-json/wc/v3/orders/{order}/refunds/{refund}")
    hand.refunds[invoice].append(Decimal(whole["amount"]))
    _move(hand, whole["line_items"], 1)


def _move(hand: ByHand, lines: list[dict[str, Any]], sign: int) -> None:
    for line in lines:
        if line["sku"]:
            hand.moves[line["sku"].upper(), WEB_WAREHOUSE] += sign * abs(int(line["quantity"]))


def _look_into_erp(found: Found, erp: Erp, invoice_of: dict[str, str], stock: bool) -> None:
    named: dict[str, str] = {}
    fields = ("name", "origin", "client_order_ref", "amount_total")
    for order in erp.rows("sale.order", [["state", "!=", "cancel"]], *fields):
        words = re.split(r"\W+", f"{order['origin'] or ''} {order['client_order_ref'] or ''}")
        number = next((w for w in words if w in invoice_of), f"ERP {order['name']}")
        named[order["name"]] = invoice = invoice_of.get(number, number)
        found.erp_orders[invoice].append(_money(order["amount_total"]))
    _look_at_accounts(found, erp, named)
    names = ("name", "pos_reference", "general_customer_note")
    alive = [["state", "!=", "cancel"]]
    for receipt in erp.rows("pos.order", alive, *names, "amount_total", "is_refund"):
        match = RECEIPT.search(" ".join(str(receipt[name] or "") for name in names))
        number = match[0] if match else f"ERP {receipt['name']}"
        amount = _money(receipt["amount_total"])
        if receipt["is_refund"] or amount < 0:
            found.erp_returns[number].append(-amount)
        else:
            found.erp_sales[number].append(amount)
    if stock:
        _look_at_shelves(found, erp)
        _look_for_hands(found.by_hand, erp)


def _look_at_accounts(found: Found, erp: Erp, named: dict[str, str]) -> None:
    fields = ("name", "move_type", "invoice_origin", "reversed_entry_id", "amount_total",
              "amount_residual", "state")  # fmt: skip
    moves = erp.rows("account.move", [["move_type", "in", ["out_invoice", "out_refund"]]], *fields)
    by_id = {move["id"]: move for move in moves}
    for move in moves:
        origin = by_id.get((move["reversed_entry_id"] or [0])[0], move)
        invoice = named.get(str(origin["invoice_origin"]), f"ERP {move['name']}")
        into = found.erp_invoices if move["move_type"] == "out_invoice" else found.erp_refunds
        into[invoice].append(_money(move["amount_total"]))
        if move["state"] != "posted" or _money(move["amount_residual"]) != 0:
            found.unpaid.append(f"{move['name']} of {invoice}")


def _look_at_shelves(found: Found, erp: Erp) -> None:
    products = erp.rows("product.product", [], "default_code")
    skus = {p["id"]: str(p["default_code"]).upper() for p in products}
    houses = erp.rows("stock.warehouse", [], "code", "lot_stock_id")
    places = {house["lot_stock_id"][0]: house["code"] for house in houses}
    fields = ("product_id", "location_id", "quantity", "reserved_quantity")
    for quant in erp.rows("stock.quant", [["location_id", "in", list(places)]], *fields):
        key = (skus[quant["product_id"][0]], places[quant["location_id"][0]])
        have = found.stock.get(key, (0, 0))
        there = (int(quant["quantity"]), int(quant["reserved_quantity"]))
        found.stock[key] = (have[0] + there[0], have[1] + there[1])


def _look_for_hands(hand: ByHand, erp: Erp) -> None:
    """Prices changed and articles created in the ERP's window."""
    for sku, done in erp.web.call("GET", "/_sim/by_hand").items():
        if "price" in done:
            hand.prices[sku.upper()] = _money(done["price"])
        if "stock" in done:
            hand.opening[sku.upper()] = {place: int(n) for place, n in done["stock"].items()}


def _look_at_tills(found: Found, folder: Path, stock: bool) -> None:
    """Receipts from the journals, wherever they lie; prices from the files the tills took."""
    seen: set[str] = set()
    for path in sorted((*folder.glob("*/out/*.csv"), *folder.glob("*/archive/*.csv"))):
        head: list[str] = []
        items: list[list[str]] = []
        lines = path.read_text("cp1252", "replace").splitlines()
        # A file without its trailer is still being written.
        for line in lines if lines and lines[-1].startswith("Z;") else ():
            record = line.split(";")
            if record[0] in ("S", "R"):
                head, items = record, []
            elif record[0] == "I":
                items.append(record)
            elif record[0] == "E" and head and record[1] == head[1] and record[1] not in seen:
                # The first content of a number counts, whatever comes under it later.
                seen.add(record[1])
                _receipt(found, head, items, Decimal(record[2].replace(",", ".")))
    if not stock:
        return
    for store in sorted(p for p in folder.iterdir() if p.is_dir()):
        prices = found.till_prices.setdefault(store.name, {})
        files = [*store.glob("in/done/*.csv"), *store.glob("in/*.csv")]
        for path in sorted(files, key=lambda p: p.name):
            for line in path.read_text("cp1252", "replace").splitlines():
                record = line.split(";")
                if record[0] == "C":
                    prices[record[1].upper()] = Decimal(record[2].replace(",", "."))


def _receipt(found: Found, head: list[str], items: list[list[str]], total: Decimal) -> None:
    number, sold = head[1], head[0] == "S"
    (found.journal_sales if sold else found.journal_returns)[number].append(total)
    if int(number.rsplit("-", 1)[-1]) < FIRST_BY_HAND:
        return
    hand = found.by_hand
    if any(len(item) < 11 for item in items):
        hand.damaged += 1
        return
    (hand.sales if sold else hand.returns)[number].append(total)
    for item in items:
        pieces = int(Decimal(item[4].replace(",", ".")))
        hand.moves[item[2].upper(), number[:3]] += -pieces if sold else pieces


def _money(value: Any) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"))


# ------------------------------------------------------------------ what ought to be there


@dataclass
class Expected:
    """Amounts by number; ``stock``: (article, location) -> on hand; None: not asked."""

    orders: Amounts
    refunds: Amounts
    sales: Amounts
    returns: Amounts
    stock: dict[tuple[str, str], int] | None = None
    shop_stock: dict[str, int] | None = None
    prices: dict[str, Decimal] | None = None


def from_extract(path: Path, hand: ByHand | None = None) -> Expected:
    """The whole expectation, from the CSV extract and the cutting rule alone; on top of it what
    the systems say was done ``hand`` by hand."""
    hand = hand or ByHand()
    cut = load_rule()
    plan = cut.plan(cut.read(path))
    sums: dict[str, Amounts] = defaultdict(amounts)
    for d in plan.documents:
        sums[d.kind][d.original if d.kind == "refund" else d.number].append(d.total)
    plan.opening |= hand.opening
    stock = _stock_after(plan, cut.WAREHOUSE, hand)
    goods = {sku for sku, product in plan.products.items() if product.kind == "goods"}
    shop = {
        sku: max(0, sum(stock.get((sku, place), 0) for place in cut.CHOSEN_LOCATIONS) - cut.BUFFER)
        for sku in goods | set(hand.opening)
    }
    prices = {sku: product.price for sku, product in plan.products.items()} | hand.prices
    return Expected(
        _both(sums["order"], hand.orders), _both(sums["refund"], hand.refunds),
        _both(sums["sale"], hand.sales), _both(sums["return"], hand.returns),
        stock, shop, prices,
    )  # fmt: skip


def _both(planned: Amounts, by_hand: Amounts) -> Amounts:
    return {n: [*planned.get(n, []), *by_hand.get(n, [])] for n in {*planned, *by_hand}}


def _stock_after(plan: Any, warehouse: str, hand: ByHand) -> dict[tuple[str, str], int]:
    sign = {"order": -1, "sale": -1, "refund": 1, "return": 1, "write_off": 1}
    stock: Counter[tuple[str, str]] = Counter()
    for sku, places in plan.opening.items():
        for place, quantity in places.items():
            stock[sku, place] += quantity
    for d in plan.documents:
        for line in d.lines if d.kind in sign else ():
            if line.article in plan.opening:
                stock[line.article, d.store or warehouse] += sign[d.kind] * line.qty
    for (sku, place), pieces in hand.moves.items():
        if sku in plan.opening:
            stock[sku, place] += pieces
    return dict(stock)


def from_systems(found: Found) -> Expected:
    """What the shop and the tills say of themselves."""
    return Expected(
        found.shop_orders, found.shop_refunds, found.journal_sales, found.journal_returns
    )


# ------------------------------------------------------------------ comparing


@dataclass
class Report:
    """``counts``: per system and kind how many of how many are there, once and right."""

    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    cents_off: list[str] = field(default_factory=list)
    stock_wrong: list[str] = field(default_factory=list)
    prices_wrong: list[str] = field(default_factory=list)
    unpaid: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        lists = (self.lost, self.doubled, self.cents_off, self.stock_wrong, self.prices_wrong)
        return not any(lists) and not self.unpaid

    def shown(self) -> dict[str, Any]:
        """Numbers at the top level, the first ids of each kind of fault below ``ids``."""
        whole = asdict(self)
        counts = whole.pop("counts")
        ids = {kind: found[:SHOWN] for kind, found in whole.items() if found}
        sums = {kind: len(found) for kind, found in whole.items()}
        return {"good": self.good, "counts": counts, **sums, "ids": ids}


def compare(expected: Expected, found: Found) -> Report:
    report = Report(unpaid=list(found.unpaid))
    pairs = (
        ("shop", "orders", expected.orders, found.shop_orders),
        ("shop", "refunds", expected.refunds, found.shop_refunds),
        ("erp", "orders", expected.orders, found.erp_orders),
        ("erp", "invoices", expected.orders, found.erp_invoices),
        ("erp", "refunds", expected.refunds, found.erp_refunds),
        ("erp", "sales", expected.sales, found.erp_sales),
        ("erp", "returns", expected.returns, found.erp_returns),
    )
    for system, kind, want, have in pairs:
        right = _match(report, f"{system} {kind}", want, have)
        there = {"expected": sum(map(len, want.values())), "found": sum(map(len, have.values()))}
        report.counts.setdefault(system, {})[kind] = {**there, "right": right}
    if expected.stock is not None:
        _match_stock(report, expected, found)
    return report


def _match(report: Report, what: str, want: Amounts, have: Amounts) -> int:
    """Compare amounts number by number; the count of those that are right."""
    right = 0
    for number in sorted({*want, *have}):
        wanted, there = Counter(want.get(number, [])), Counter(have.get(number, []))
        same = wanted & there
        right += same.total()
        missing, extra = wanted - same, there - same
        wrong = min(missing.total(), extra.total())
        report.cents_off += [
            f"{what} {number}: {b} instead of {a}"
            for a, b in zip(missing.elements(), extra.elements(), strict=False)
        ]
        report.lost += [f"{what} {number}"] * (missing.total() - wrong)
        report.doubled += [f"{what} {number}"] * (extra.total() - wrong)
    return right


def _match_stock(report: Report, expected: Expected, found: Found) -> None:
    stock, shop, prices = expected.stock or {}, expected.shop_stock or {}, expected.prices or {}
    for key in sorted({*stock, *found.stock}):
        have, reserved = found.stock.get(key, (0, 0))
        if have != stock.get(key, 0) or reserved:
            held = f" ({reserved} reserved)" if reserved else ""
            report.stock_wrong.append(
                f"{key[0]} at {key[1]}: {have}{held} instead of {stock.get(key, 0)}"
            )
    for sku, want in sorted(shop.items()):
        there = found.shop_stock.get(sku)
        if there != want:
            report.stock_wrong.append(f"{sku} in the shop: {there} instead of {want}")
    for store, known in sorted(found.till_prices.items()):
        report.prices_wrong += [
            f"{sku} at {store}: {known.get(sku)} instead of {price}"
            for sku, price in sorted(prices.items())
            if known.get(sku) != price
        ]
    report.counts["stock"] = {
        "places": {"expected": len(stock), "found": len(found.stock)},
        "shop": {"expected": len(shop), "found": len(found.shop_stock)},
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", type=Path)
    parser.add_argument("--sabotage", choices=("lose", "double", "cent", "stock"))
    parser.add_argument("--live", action="store_true")
    asked = parser.parse_args(argv)
    systems = json.loads(asked.systems.read_text(encoding="utf-8"))
    if asked.sabotage:
        erp = Erp(**systems["erp"])
        erp.web.call("POST", "/_sim/sabotage", {"kind": asked.sabotage})
    found = look(systems, stock=not asked.live)
    expected = (
        from_systems(found) if asked.live else from_extract(Path(systems["extract"]), found.by_hand)
    )
    report = compare(expected, found)
    sys.stdout.write(json.dumps(report.shown() | {"by_hand": found.by_hand.shown()}) + "\n")
    return 0 if report.good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
