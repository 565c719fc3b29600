"""The outside systems of one environment, as screens name and group them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from connectors.registry import connectors
from hub.connections.models import Connection
from hub.connections.selectors import takes_pushes
from tenants.merchants.models import Environment

BOOKS = "erp"
"""Manifest category, in lower case, of the systems whose books a merchant asks about first."""
CATEGORIES = {
    "shop": ("Online shop", "shopping-cart"),
    "pos": ("Tills", "store"),
    "erp": ("ERP", "landmark"),
    "files": ("Files", "folder"),
    "api": ("JSON API", "braces"),
    "database": ("Database", "database"),
}
"""Manifest category: its words and icon. Any other is shown as its manifest writes it."""


@dataclass(frozen=True, slots=True)
class System:
    """One connection: its row and what its connector's manifest says it is. ``category``: in
    lower case; ``pushes``: it tells us by itself, at its webhook address."""

    row: Connection
    kind: str
    category: str
    pushes: bool = False

    @property
    def id(self) -> UUID:
        return self.row.pk

    @property
    def title(self) -> str:
        return self.row.title

    @property
    def icon(self) -> str:
        return CATEGORIES.get(self.category, ("", "plug"))[1]

    @property
    def label(self) -> str:
        """What it is for a reader: product and category, e.g. ``Odoo, ERP``."""
        words = CATEGORIES.get(self.category, (self.category, ""))[0]
        return ", ".join(part for part in (self.kind, words) if part)


def systems_of(environment: Environment) -> list[System]:
    """Every connection of the environment, sources before books. One query."""
    rows = Connection.objects.filter(environment=environment).order_by("slug")
    found = [system(row) for row in rows]
    return sorted(found, key=lambda one: (one.category == BOOKS, one.row.slug))


def system(row: Connection) -> System:
    """A connection with its connector's words; a connector that is gone shows its name."""
    connector = connectors().get(row.connector)
    if connector is None:
        return System(row, row.connector, "")
    facts = connector.manifest
    pushes = takes_pushes(row)
    return System(row, facts.title, facts.category.casefold(), pushes)
