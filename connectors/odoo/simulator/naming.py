"""What a record is called when another one points to it."""

from __future__ import annotations

from connectors.odoo.simulator.database import Database
from connectors.sdk.simulation.store import Row


def display_name(db: Database, model: str, id_: int) -> str:
    row = db.get(model, id_)
    if row is None:
        return f"{model},{id_}"
    if model == "product.product":
        return f"[{row['default_code']}] {row['name']}" if row["default_code"] else row["name"]
    if model == "stock.location":
        return str(row["complete_name"] or row["name"])
    if model == "stock.picking.type" and row["warehouse_id"]:
        return f"{db.need('stock.warehouse', row['warehouse_id'])['name']}: {row['name']}"
    if model == "account.move":
        return _move_name(row)
    return str(row.get("name") or f"{model},{id_}")


def _move_name(row: Row) -> str:
    name = str(row["name"] or "/")
    return f"{name} ({row['ref']})" if row["ref"] else name


def next_name(db: Database, series: str, width: int = 5) -> str:
    """The next of a numbered series, e.g. S00001 or INV/2026/00001."""
    return f"{series}{db.store.next_id(f'series:{series}'):0{width}d}"
