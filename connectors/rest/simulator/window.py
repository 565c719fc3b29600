"""The window into the house system: its orders, the documents it was given, its stock figures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from connectors.sdk.simulation.store import Row, Store
from connectors.sdk.simulation.window import acts, field, figures, form, hidden, page, table

NEWEST = 40
#: Faults a person can arm, each for the next three requests.
FAULTS = {
    "down": "Be down for three requests",
    "drop_after_effect": "Lose the answer of the next three",
    "html": "Show a maintenance page three times",
}


def window(store: Store, query: Mapping[str, str]) -> str:
    orders, documents = store.table("orders"), store.table("documents")
    stock = store.table("stock")
    body = (
        "<p>A simulator of a shop and office made in-house, with a JSON API in every style.</p>",
        figures([(str(len(orders)), "orders"), (str(len(documents)), "documents"),
                 (str(len(stock)), "stock figures")]),
        acts([
            form("/_sim/order", "Place an order"),
            form("/_sim/order", "Cancel it",
                 field("id", "Order id", kind="numeric") + hidden("status", "cancelled")),
            *(form("/_sim/suffer", label, hidden("kind", kind)) for kind, label in FAULTS.items()),
        ]),
        table("Orders", ("id", "number", "status", "#total", "changed"),
              _rows(orders, ("id", "number", "status", "total", "updated_at"))),
        table("Documents", ("id", "number", "our reference there", "state"),
              _rows(documents, ("id", "number", "reference", "state"))),
        table("Stock", ("article", "#on hand"), _rows(stock, ("sku", "qty"))),
    )  # fmt: skip
    return page("House system", body, said=query.get("said", ""))


def _rows(rows: dict[int | str, Row], columns: tuple[str, ...]) -> list[list[str]]:
    newest = islice(reversed(list(rows.values())), NEWEST)
    return [[str(row.get(name, "")) for name in columns] for row in newest]
