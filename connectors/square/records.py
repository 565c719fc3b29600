"""Square's rows as source records, and as the bytes that are kept of them. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from connectors.sdk.records import Heard, Json, SourceRecord
from connectors.square import money
from connectors.square.receipt import unfolded


def record(stream: str, told: Json, started: datetime | None) -> SourceRecord:
    """Raises KeyError, TypeError, ValueError for what isn't a record of the stream."""
    match stream:
        case "orders":
            order = told["order"]
            return SourceRecord(stream, str(order["id"]), unfolded(told),
                                version=str(order.get("updated_at") or ""),
                                read_started_at=started)  # fmt: skip
        case "stock":
            row = told["count"]
            id_ = f"{row['catalog_object_id']}@{row['location_id']}"
            return SourceRecord(stream, id_, told, version=str(row["calculated_at"]),
                                read_started_at=started)  # fmt: skip
        case "movements":
            row = told["change"]
            return SourceRecord(stream, str(row["id"]), told, version=str(row["created_at"]),
                                our_ref=_ours(row), read_started_at=started)  # fmt: skip
        case "catalog":
            return _object(told, started)
        case "customers":
            row = told["customer"]
            version = f"{row.get('version', 0):09}"
            return SourceRecord(stream, str(row["id"]), _person(row), version=version,
                                our_ref=_ours(row), read_started_at=started)  # fmt: skip
    row = told["location"]
    return SourceRecord("locations", str(row["id"]), told, read_started_at=started)


def _person(row: Json) -> Json:
    """What a customer has one of, as the lists that a mapping goes through."""
    named = (("emails", "email_address"), ("phones", "phone_number"), ("addresses", "address"))
    return {"customer": row} | {plural: [row[n]] if row.get(n) else [] for plural, n in named}


def _object(told: Json, started: datetime | None) -> SourceRecord:
    """An item, with the SKUs of its variations gathered; or a tax."""
    row = told["object"]
    variations = (row.get("item_data") or {}).get("variations") or ()
    data = [v.get("item_variation_data") or {} for v in variations]
    body = {**told, "skus": [str(d["sku"]) for d in data if d.get("sku")]}
    body["prices"] = [_price(v) for v in variations if _price(v)]
    refs = [str(d.get("user_data") or "") for d in data]
    return SourceRecord("catalog", str(row["id"]), body, version=f"{row.get('version', 0):015}",
                        our_ref=next((r for r in refs if r.startswith("xd-")), ""),
                        deleted=bool(row.get("is_deleted")), read_started_at=started)  # fmt: skip


def _price(variation: Json) -> Json:
    """The price of a variation in words the model takes; {} where the till asks for it."""
    data = variation.get("item_variation_data") or {}
    price = data.get("price_money")
    if not price or not data.get("sku"):
        return {}
    currency = str(price["currency"])
    return {"id": str(variation["id"]), "sku": str(data["sku"]), "currency": currency,
            "amount": money.text(money.units(price), currency)}  # fmt: skip


def _ours(row: Json) -> str:
    told = str(row.get("reference_id") or "")
    return told if told.startswith("xd-") else ""


def heard(stream: str, told: Json, started: datetime) -> Heard:
    body = msgspec.json.encode(told, order="sorted")
    return Heard(stream, hashlib.sha256(f"{stream}\n".encode() + body).hexdigest(), body,
                 read_started_at=started)  # fmt: skip
