"""Odoo's own ids for what we know by code: taxes, warehouses, tills, journals, products.

Read once per connector instance; a code that isn't found is read again once, because a person
may just have created it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.odoo.client import Client, Json
from connectors.sdk.errors import MissingReference, Rejected

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tax:
    id: int
    code: str
    percent: float
    included: bool


@dataclass(frozen=True, slots=True)
class Warehouse:
    id: int
    code: str
    stock: int
    internal_type: int
    pos_type: int


@dataclass(frozen=True, slots=True)
class Till:
    """``methods``: payment method id by name; ``kinds``: the first id of each type."""

    id: int
    methods: dict[str, int]
    kinds: dict[str, int]


class Catalogue:
    def __init__(self, client: Client, config: Json) -> None:
        self.client = client
        self.config = config
        self._kept: dict[str, dict[str, Any]] = {}

    def forget(self) -> None:
        self._kept.clear()

    def _find(self, kind: str, code: str, read: Callable[[], dict[str, T]]) -> T | None:
        kept = self._kept.get(kind)
        if kept is None or code not in kept:
            kept = self._kept[kind] = read()
        return kept.get(code)

    def _and(self, kind: str, more: list[tuple[str, int]]) -> dict[str, int]:
        return {**self._kept.get(kind, {}), **dict(more)}

    # ---- taxes
    def taxes(self) -> list[Tax]:
        """Sales taxes with the codes we know them by: invoice label, else name."""
        fields = ["name", "invoice_label", "amount", "price_include"]
        rows = self.client.search_read("account.tax", [["type_tax_use", "=", "sale"]], fields)
        given = {name: code for code, name in self.config.get("taxes", {}).items()}
        return [
            Tax(
                row["id"],
                given.get(row["name"]) or row["invoice_label"] or row["name"],
                row["amount"],
                bool(row["price_include"]),
            )
            for row in rows
        ]

    def tax(self, code: str) -> Tax:
        """Raises Rejected (tax-code-missing)."""
        found = self._find("tax", code, lambda: {t.code: t for t in self.taxes()})
        if found is None:
            raise Rejected(
                f"Odoo has no sales tax for our code {code}: name one in this connection's tax "
                "codes, or put the code into the invoice label of a tax in Odoo.",
                code="tax-code-missing",
            )
        return found

    # ---- places
    def warehouses(self) -> dict[str, Warehouse]:
        fields = ["code", "name", "lot_stock_id", "int_type_id", "pos_type_id"]
        rows = self.client.search_read("stock.warehouse", [], fields)
        return {
            row["code"]: Warehouse(
                row["id"], row["code"], *(id_of(row[name]) for name in fields[2:])
            )
            for row in rows
        }

    def all_warehouses(self) -> dict[str, Warehouse]:
        """Warehouses by code, as they were last read; `forget` makes them be read again."""
        if "warehouse" not in self._kept:
            self._kept["warehouse"] = self.warehouses()
        return self._kept["warehouse"]

    def warehouse(self, code: str) -> Warehouse:
        """Raises MissingReference."""
        found = self._find("warehouse", code, self.warehouses)
        if found is None:
            raise MissingReference(
                f"Odoo has no warehouse with the short name {code}: create it there.",
                entity="location",
                key={"code": code},
                code="location-missing",
            )
        return found

    def location(self, usage: str) -> int:
        """A location outside our warehouses: customer, supplier or inventory (loss)."""
        found = self._find("location", usage, lambda: self._locations(usage))
        if found is None:
            raise Rejected(
                f"Odoo has no location of the kind {usage}: create it in Odoo's inventory.",
                code="location-missing",
            )
        return found

    def _locations(self, usage: str) -> dict[str, int]:
        rows = self.client.search_read("stock.location", [["usage", "=", usage]], ["name"], limit=1)
        return self._and("location", [(usage, row["id"]) for row in rows])

    # ---- tills
    def till(self, store: str) -> Till:
        """The point of sale that sells from a store's warehouse. Raises MissingReference."""
        found = self._find("till", store, self._tills)
        if found is None:
            raise MissingReference(
                f"Odoo has no point of sale for store {store}: make one whose operation type "
                f"belongs to the warehouse {store}.",
                entity="location",
                key={"code": store},
                code="location-missing",
            )
        return found

    def _tills(self) -> dict[str, Till]:
        rows = self.client.search_read(
            "pos.config", [], ["name", "payment_method_ids", "picking_type_id"]
        )
        methods = {
            m["id"]: m for m in self.client.search_read("pos.payment.method", [], ["name", "type"])
        }
        stores = {w.pos_type: w.code for w in self.warehouses().values()}
        found: dict[str, Till] = {}
        for row in rows:
            store = stores.get(id_of(row["picking_type_id"]))
            mine = [methods[i] for i in row["payment_method_ids"] if i in methods]
            if store and store not in found:
                kinds = {m["type"]: m["id"] for m in reversed(mine)}
                found[store] = Till(row["id"], {m["name"]: m["id"] for m in mine}, kinds)
        return found

    # ---- the rest
    def journal(self, tender: str) -> int:
        """The journal payments of this kind go to. Raises Rejected (tender-unmapped)."""
        code = self.config.get("payment_journals", {}).get(tender, "")
        found = self._find("journal", code, self._journals)
        if found is None:
            raise Rejected(
                f"Odoo has no journal {code or 'of the type bank'} for payments by {tender}: "
                "name one in this connection's payment journals.",
                code="tender-unmapped",
            )
        return found

    def _journals(self) -> dict[str, int]:
        """Ids by short code; the first bank journal also under ""."""
        rows = self.client.search_read(
            "account.journal", [["type", "in", ["bank", "cash"]]], ["code", "type"]
        )
        banks = [("", row["id"]) for row in rows if row["type"] == "bank"]
        return dict([*banks[:1], *((row["code"], row["id"]) for row in rows)])

    def product_for(self, kind: str) -> int:
        """The service product for lines that name none. Raises the SDK's errors."""
        sku = self.config.get("line_products", {}).get(kind)
        if not sku:
            raise Rejected(
                f"A line of the kind {kind} names no product: say in this connection's settings "
                "which product of Odoo stands for it.",
                code="lookup-missing",
            )
        found = self._find("product", sku, lambda: self._product(sku))
        if found is None:
            raise MissingReference(
                f"Odoo has no product {sku} for {kind} lines: create it there.",
                entity="product",
                key={"sku": sku},
                code="sku-missing",
            )
        return found

    def _product(self, sku: str) -> dict[str, int]:
        rows = self.client.search_read(
            "product.product", [["default_code", "=", sku]], ["default_code"], limit=1
        )
        return self._and("product", [(sku, row["id"]) for row in rows])

    def user(self) -> int:
        """The integration user's id."""
        if "user" not in self._kept:
            self._kept["user"] = self.client.call("res.users", "context_get")
        return int(self._kept["user"]["uid"])

    def has_field(self, model: str, name: str) -> bool:
        """Whether this Odoo (its version, its apps) has a field; asking for one it lacks is a
        500."""
        key = f"field {model}.{name}"
        if key not in self._kept:
            self._kept[key] = self.client.call(
                model, "fields_get", allfields=[name], attributes=["type"]
            )
        return name in self._kept[key]


def id_of(value: Any) -> int:
    """The id in a many2one as the API shows it ([id, name] or false = 0)."""
    return int(value[0]) if value else 0
