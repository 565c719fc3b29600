"""Customers of the seller."""

from __future__ import annotations

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.replies import SquareError, bad, missing, page_of
from connectors.square.simulator.seller import Seller, now

FIELDS = (
    "given_name", "family_name", "company_name", "nickname", "email_address", "address",
    "phone_number", "reference_id", "note", "tax_ids",
)  # fmt: skip
NAMING = ("given_name", "family_name", "company_name", "email_address", "phone_number")


def create(seller: Seller, body: Row) -> Row:
    if not any(body.get(name) for name in NAMING):
        raise bad("BAD_REQUEST", "At least one of name, company, e-mail or phone is required.")
    told = {name: body[name] for name in FIELDS if body.get(name) is not None}
    row: Row = {
        "id": seller.new_id("customer"),
        "created_at": now(),
        "updated_at": now(),
        "version": 0,
    }
    row |= told | {"creation_source": "THIRD_PARTY"}
    seller.put("customer", row["id"], row)
    seller.tell("customer.created", "customer", row["id"], {"customer": row})
    return {"customer": row}


def update(seller: Seller, id_: str, body: Row) -> Row:
    """Null takes a field away; a version that isn't the newest is refused."""
    row = retrieve(seller, id_)["customer"]
    if body.get("version") not in (None, row["version"]):
        raise SquareError(409, "CONFLICT", "The customer's version is not the newest.")
    for name in FIELDS:
        if name in body:
            row[name] = body[name]
    row = {k: v for k, v in row.items() if v is not None}
    row |= {"version": row["version"] + 1, "updated_at": now()}
    seller.put("customer", id_, row)
    seller.tell("customer.updated", "customer", id_, {"customer": row})
    return {"customer": row}


def retrieve(seller: Seller, id_: str) -> Row:
    row = seller.store.get("customer", id_)
    if row is None:
        raise missing("Customer", id_)
    return {"customer": dict(row)}


def search(seller: Seller, body: Row) -> Row:
    """By e-mail, reference or time of change; oldest change first."""
    filters = (body.get("query") or {}).get("filter") or {}
    since = (filters.get("updated_at") or {}).get("start_at") or ""
    rows = [
        row
        for row in seller.table("customer").values()
        if row["updated_at"] >= since
        and all(
            str(row.get(name, "")).casefold() == filters[name]["exact"].casefold()
            for name in ("email_address", "reference_id")
            if name in filters
        )
    ]
    rows.sort(key=lambda row: (row["updated_at"], row["id"]))
    return page_of(rows, body, "customers", most=100)
