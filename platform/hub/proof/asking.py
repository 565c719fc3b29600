"""How a document of the plan is told to the outside system it happens in. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hub.proof.cut import CARRIAGE, MANUAL, Document, Line, Plan, Product, article, number_of

Json = dict[str, Any]
LONDON = ZoneInfo("Europe/London")
COUNTRIES = {
    "United Kingdom": "GB", "EIRE": "IE", "France": "FR", "Germany": "DE", "Netherlands": "NL",
    "Belgium": "BE", "Spain": "ES", "Portugal": "PT", "Italy": "IT", "Austria": "AT",
    "Switzerland": "CH", "Norway": "NO", "Sweden": "SE", "Denmark": "DK", "Finland": "FI",
    "Poland": "PL", "Australia": "AU", "Japan": "JP", "Israel": "IL", "Cyprus": "CY",
    "Channel Islands": "GB", "USA": "US", "Singapore": "SG", "Malta": "MT", "Greece": "GR",
    "Iceland": "IS",
}  # fmt: skip
FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dev", "Ella", "Finn", "Grace", "Hugo", "Iris", "Jonas")
LAST_NAMES = ("Ashdown", "Birch", "Calder", "Dunmore", "Elliot", "Fenn", "Garland", "Hale")


def erp_product(product: Product, stock: dict[str, int]) -> Json:
    return {
        "sku": product.sku,
        "title": product.title,
        "price": str(product.price),
        "tax": product.tax,
        "kind": product.kind,
        "stock": stock,
    }


def seed(plan: Plan) -> list[Json]:
    """All articles with their opening stock, but for the one nobody told the ERP about."""
    return [
        erp_product(product, plan.opening.get(sku, {}))
        for sku, product in plan.products.items()
        if sku != plan.unknown
    ]


def customer(order: Document) -> Json:
    """Made up from the number; who has none buys as a guest of that one order."""
    key = order.customer or f"guest-{order.number}"
    luck = number_of(key)
    return {
        "email": f"{'c' if order.customer else ''}{key}@example.com",
        "first_name": FIRST_NAMES[luck % len(FIRST_NAMES)],
        "last_name": LAST_NAMES[luck // 16 % len(LAST_NAMES)],
        "address_1": f"{1 + luck % 180} Market Street",
        "city": "Harrow",
        "postcode": "HA1 1AA",
        "country": COUNTRIES.get(order.country, "GB"),
    }


def checkout(order: Document) -> Json:
    """Goods as lines, carriage as shipping, what was typed in by hand as a fee."""
    goods = [line for line in order.lines if line.article not in CARRIAGE | MANUAL]
    body: Json = {
        "lines": [
            {"sku": line.article, "qty": line.qty, "unit_price": str(line.price)} for line in goods
        ],
        "fees": [
            {"name": line.title or line.article, "total": str(line.amount)}
            for line in order.lines
            if line.article in MANUAL
        ],
        "customer": customer(order),
        "account": bool(order.customer),
        "placed_at": utc(order.at),
        "payment_method": "card",
        "transaction_id": f"ch_{number_of(order.number):x}"[:20],
        "meta": {"_invoice": order.number},
    }
    carriage = [line for line in order.lines if line.article in CARRIAGE]
    if carriage:
        total = sum((line.amount for line in carriage), Decimal("0.00"))
        body["shipping"] = {"title": carriage[0].title, "total": str(total)}
    return body


def refund(back: Document, order_id: int) -> Json:
    return {
        "order_id": order_id,
        "lines": [{"sku": line.article, "qty": line.qty} for line in back.lines],
        "restock": True,
        "reason": f"cancelled by {back.invoice}",
        "placed_at": utc(back.at),
    }


def receipt(document: Document) -> Json:
    return {
        "kind": document.kind,
        "number": document.number,
        "store": document.store,
        "till": document.till,
        "at": document.at,
        "original": document.original,
        "reason": "COUNT",
        "lines": [_till_line(line) for line in document.lines],
        "tenders": [{"kind": kind, "amount": str(money)} for kind, money in document.tenders],
    }


def sent_again(plan: Plan) -> Json | None:
    """One receipt of the first third once more, one piece of its first line more: a till that was
    repaired from an old copy. The first content counts; the second is an exception."""
    sales = [d for d in plan.of("sale") if d.lines[0].price > 0 and len(d.tenders) == 1]
    early = sales[: max(1, len(sales) // 3)]
    if not early:
        return None
    again = receipt(min(early, key=lambda d: number_of(d.number + "again")))
    first, tender = again["lines"][0], again["tenders"][0]
    first["qty"] += 1
    tender["amount"] = str(Decimal(tender["amount"]) + Decimal(first["price"]))
    return again


def _till_line(line: Line) -> Json:
    """A cashier's code stays as it was typed, in whatever case."""
    return {
        "sku": line.sku,
        "text": line.title,
        "qty": line.qty,
        "price": str(line.price),
        "tax": line.tax,
        "origin": line.origin,
    }


def utc(local: str) -> str:
    """Local time of the shop as RFC 3339 in UTC."""
    moment = datetime.fromisoformat(local).replace(tzinfo=LONDON).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def needed(order: Document) -> set[str]:
    """Articles the shop must have before this can be bought."""
    return {article(line.sku) for line in order.lines} - CARRIAGE - MANUAL
