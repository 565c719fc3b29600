"""What happens in the legacy database: tills ring up, the ERP takes over what was staged.

The stand-in is a real PostgreSQL: what is peculiar to databases (transactions that commit late,
locks, time-outs, rights) can't be imitated by anything smaller.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, text

DEFINITION = Path(__file__).parent / "legacy.sql"
#: The rate on the shelves: prices include it.
VAT = Decimal("0.20")
_CENT = Decimal("0.01")


def make(connection: Connection) -> None:
    """The empty tables."""
    connection.exec_driver_sql(DEFINITION.read_text(encoding="utf-8"))


def ring_up(
    connection: Connection,
    receipt: int,
    lines: list[tuple[str, int, str]],
    *,
    at: datetime,
    store: str = "S01",
    till: int = 1,
) -> Decimal:
    """A receipt of ``lines`` (sku, quantity, price with tax), paid in cash, rung up at the local
    time ``at``. The caller commits: tills are known to be slow. Returns the total."""
    total = sum((qty * Decimal(price) for _, qty, price in lines), Decimal("0.00"))
    connection.execute(
        text(
            "INSERT INTO till_receipts VALUES (:id, :store, :till, :at, :at, 'OP07', 'GBP', :total)"
        ),
        {"id": receipt, "store": store, "till": till, "at": at, "total": total},
    )
    for number, (sku, qty, price) in enumerate(lines, start=1):
        gross = qty * Decimal(price)
        net = (gross / (1 + VAT)).quantize(_CENT)
        connection.execute(
            text("INSERT INTO till_lines VALUES (:r, :n, :sku, :label, :qty, :price, :net, :vat)"),
            {"r": receipt, "n": number, "sku": sku, "label": sku, "qty": qty,
             "price": Decimal(price), "net": net, "vat": gross - net},
        )  # fmt: skip
    connection.execute(
        text("INSERT INTO till_payments VALUES (:r, 'CASH', :total)"),
        {"r": receipt, "total": total},
    )
    return total


def take_over(connection: Connection, *, refuse: str = "") -> int:
    """The ERP books every new order, or refuses it with these words; how many there were."""
    if refuse:
        told = connection.execute(
            text("UPDATE hub_orders SET status = 'refused', answer = :why WHERE status = 'new'"),
            {"why": refuse},
        )
    else:
        told = connection.execute(
            text(
                "UPDATE hub_orders SET status = 'booked', answer = NULL,"
                " erp_number = 'SO-' || number WHERE status = 'new'"
            )
        )
    return told.rowcount
