"""Personal data on screen: kept out of sight of those who don't need it for their work.

What counts: names, e-mails, phones and addresses, as in `hub.canonical.entities.Customer`.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "•••••"
PERSONAL = re.compile(
    r"(^|_)(e?_?mails?|phones?|mobile|first_?name|last_?name|full_?name|surname|street\d?"
    r"|address_?\d|addresses|line[12]|city|postcode|zip|vat_?id|vat|ip_address"
    r"|customer_ip_address|customer_user_agent|company)$",
    re.IGNORECASE,
)
"""Field names that hold personal data wherever they appear."""
HOLDERS = re.compile(
    r"^(billing|shipping|bill_to|ship_to|customer|contact|partner_address|addresses)$",
    re.IGNORECASE,
)
"""Objects whose every text is about a person, ``name`` and ``title`` too."""
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
KEPT_IN_HOLDERS = frozenset({"entity", "record", "id", "country", "currency", "kind"})


def masked(value: Any, *, inside: bool = False) -> Any:
    """The same JSON with personal values replaced; everything else untouched."""
    if isinstance(value, dict):
        return {key: _member(key, item, inside) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, inside=inside) for item in value]
    if isinstance(value, str):
        return HIDDEN if inside and value else EMAIL.sub(HIDDEN, value)
    return value


def masked_text(text: str) -> str:
    """Text that isn't JSON: e-mail addresses are hidden."""
    return EMAIL.sub(HIDDEN, text)


def _member(key: str, item: Any, inside: bool) -> Any:
    if key in KEPT_IN_HOLDERS:
        return item
    if PERSONAL.search(key):
        return masked(item, inside=True) if isinstance(item, dict | list) else item and HIDDEN
    return masked(item, inside=inside or bool(HOLDERS.match(key)))
