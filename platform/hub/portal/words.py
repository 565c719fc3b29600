"""Words for readers: one per concept, and friendlier ones for a merchant's own people."""

from __future__ import annotations

from dataclasses import dataclass

ENTITIES: dict[str, tuple[str, str]] = {
    "order": ("Order", "orders"),
    "sale": ("Sale", "sales"),
    "return": ("Return", "returns"),
    "refund": ("Refund", "refunds"),
    "payment": ("Payment", "payments"),
    "fulfilment": ("Fulfilment", "fulfilments"),
    "stock_movement": ("Stock movement", "stock movements"),
    "stock_level": ("Stock level", "stock levels"),
    "product": ("Product", "products"),
    "price": ("Price", "prices"),
    "tax_rate": ("Tax rate", "tax rates"),
    "location": ("Location", "locations"),
    "customer": ("Customer", "customers"),
}
DOCUMENTS = ("order", "sale", "return", "refund", "payment", "fulfilment")
"""Entities counted as a day's business."""
SOLD = ("order", "sale")
"""What a merchant means by business: the day is theirs, and the books are asked about them."""

CODES = {
    "currency-mismatch": "Another currency",
    "customer-ambiguous": "Several customers match",
    "customer-missing": "Customer unknown",
    "location-missing": "Location unknown",
    "lookup-missing": "No value chosen for it",
    "not-ready": "Not ready yet",
    "period-closed": "Books are closed",
    "rate-limited": "Too many calls",
    "record-locked": "Locked there",
    "reference-missing": "What it refers to is unknown",
    "scope-missing": "Access not granted",
    "sku-ambiguous": "Several articles match",
    "sku-missing": "Article unknown",
    "timeout-ambiguous": "May or may not have arrived",
    "type-mismatch": "Unexpected kind of value",
    "unreadable-line": "Line can't be read",
}
"""Codes of attempts and exceptions as a merchant would say them; others are spelt out."""

OWNERS = {
    "platform": "the platform",
    "partner": "you, the partner",
    "merchant": "the merchant",
}
OWNERS_FOR_MERCHANT = {
    "platform": "our support",
    "partner": "our support",
    "merchant": "you",
}


@dataclass(frozen=True, slots=True)
class Words:
    """Titles of the pages and names of the things, for one kind of reader."""

    home: str = "All merchants"
    overview: str = "Overview"
    documents: str = "Documents"
    exceptions: str = "Exceptions"
    exception: str = "exception"
    dead_letters: str = "Dead letters"
    connections: str = "Connections"
    resend: str = "Resend"


PARTNER = Words()
MERCHANT = Words(
    home="My shops",
    overview="Today",
    documents="Orders and records",
    exceptions="Needs attention",
    exception="matter",
    dead_letters="Not delivered",
    connections="Systems",
    resend="Send again",
)


def words_for(role: str) -> Words:
    """What this role's pages call things."""
    return MERCHANT if role == "merchant" else PARTNER


def owner_words(owner: str, role: str) -> str:
    """Whose move it is, from the reader's chair."""
    table = OWNERS_FOR_MERCHANT if role == "merchant" else OWNERS
    return table.get(owner, owner)


def entity_word(entity: str) -> str:
    """Singular with a capital, e.g. ``Stock level``."""
    return ENTITIES.get(entity, (entity.replace("_", " ").capitalize(), ""))[0]


def entity_plural(entity: str) -> str:
    """Plural in lower case, e.g. ``stock levels``."""
    return ENTITIES.get(entity, ("", entity.replace("_", " ")))[1]
