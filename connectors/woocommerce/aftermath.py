"""What the rest of the world tells a shop's order: shipped, completed, cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from decimal import Decimal

from connectors.sdk.errors import ConnectorError, DocumentLocked, Owner, Rejected
from connectors.sdk.records import Done, Found, Json, Step, WriteItem
from connectors.woocommerce import errors
from connectors.woocommerce.api import Api

Outcome = Done | ConnectorError

#: From which status an order may be moved to the wanted one, and where it may stay as it is:
#: a refunded order keeps saying so, whatever happens to its goods.
MOVES = {
    "completed": {"pending", "processing", "on-hold"},
    "cancelled": {"pending", "processing", "on-hold", "failed"},
}
STAYS = {"completed": {"refunded"}, "cancelled": {"refunded"}}


# ------------------------------------------------------------------ status


def write_statuses(api: Api, items: Sequence[WriteItem]) -> list[Outcome]:
    """One read and one batch for many orders."""
    ids = ",".join(item.external_id for item in items)
    rows = api.get("orders", include=ids, per_page=100, status="any")
    status = {str(row["id"]): row["status"] for row in rows}
    outcomes: dict[str, Outcome] = {}
    update: list[Json] = []
    for item in items:
        outcome = _decide(item, status.get(item.external_id))
        if outcome is not None:
            outcomes[item.external_id] = outcome
        else:
            update.append({"id": int(item.external_id), "status": item.body["status"]})
    shown = api.post("orders/batch", {"update": update})["update"] if update else []
    for asked, told in zip(update, shown, strict=True):
        outcomes[str(asked["id"])] = _moved(asked, told)
    return [outcomes[item.external_id] for item in items]


def find_status(api: Api, item: WriteItem) -> Found | None:
    order = api.find(f"orders/{item.external_id}")
    wanted = item.body.get("status")
    return Found(item.external_id) if order and order["status"] == wanted else None


def _decide(item: WriteItem, current: str | None) -> Outcome | None:
    """None: write it. Batch items skip the shop's own checks, so nothing else is sent."""
    wanted = item.body.get("status")
    if current is None:
        return _gone(item.external_id)
    if wanted is None or current == wanted or current in STAYS[wanted]:
        return Done(item.external_id, unchanged=True)
    if current in MOVES[wanted]:
        return None
    return DocumentLocked(
        f"Order {item.external_id} is {current} in the shop and should become {wanted}: decide "
        "in the shop what happens to it.",
        owner=Owner.MERCHANT,
    )


def _moved(asked: Json, told: Json) -> Outcome:
    if "error" in told:
        return errors.fault(400, told["error"], {}, reading=False)
    if told["status"] != asked["status"]:
        return Rejected(
            f"Order {asked['id']} stays {told['status']} in the shop although it was set to "
            f"{asked['status']}: look for a plugin that changes it back.",
            code="drift",
            owner=Owner.MERCHANT,
        )
    return Done(str(asked["id"]))


def _gone(order: str) -> Rejected:
    return Rejected(
        f"Order {order} is no longer in the shop: restore it from its trash, or ignore this.",
        code="reference-missing",
        owner=Owner.MERCHANT,
    )


# ------------------------------------------------------------------ shipments


def write_fulfilment(api: Api, item: WriteItem) -> Generator[Step, None, Done]:
    """Two steps: the shipment in the order's metadata (with the status, when all is shipped),
    and a note the customer gets. Notes are mails: never write one twice."""
    order_id = str(item.body["order"])
    order = api.find(f"orders/{order_id}")
    if order is None or order["status"] == "trash":
        raise _gone(order_id)
    if "shipment" not in item.steps:
        if _shipment_key(item) not in _metas(order):
            api.put(f"orders/{order_id}", _shipment(api, order, item))
        yield Step("shipment", order_id)
    if "note" not in item.steps:
        note = _find_note(api, order_id, item) if item.uncertain else None
        note = note or api.post(
            f"orders/{order_id}/notes", {"note": _text(item), "customer_note": True}
        )
        yield Step("note", str(note["id"]))
    return Done(_id(item))


def find_fulfilment(api: Api, item: WriteItem) -> Found | None:
    order_id = str(item.body["order"])
    order = api.find(f"orders/{order_id}")
    steps = {}
    if order is not None and _shipment_key(item) in _metas(order):
        steps["shipment"] = order_id
    note = _find_note(api, order_id, item) if order is not None else None
    if note is not None:
        steps["note"] = str(note["id"])
    return Found(_id(item), steps=steps, complete=len(steps) == 2) if steps else None


def _id(item: WriteItem) -> str:
    return f"{item.body['order']}/{item.ref}"


def _shipment_key(item: WriteItem) -> str:
    return f"_crossdock_shipment_{item.ref}"


def _metas(order: Json) -> dict[str, Json]:
    return {m["key"]: m["value"] for m in order["meta_data"]}


def _text(item: WriteItem) -> str:
    number = item.body.get("number", "")
    by = " ".join([item.body.get("carrier") or "", *(item.body.get("tracking") or ())]).strip()
    return f"Shipment {number}: {by or 'your goods are on their way'}"


def _find_note(api: Api, order_id: str, item: WriteItem) -> Json | None:
    notes: list[Json] = api.get(f"orders/{order_id}/notes")
    return next((n for n in notes if n["note"] == _text(item)), None)


def _shipment(api: Api, order: Json, item: WriteItem) -> Json:
    value = {
        "number": item.body.get("number", ""),
        "carrier": item.body.get("carrier") or "",
        "tracking": list(item.body.get("tracking") or ()),
        "lines": list(item.body.get("lines") or ()),
    }
    change: Json = {"meta_data": [{"key": _shipment_key(item), "value": value}]}
    if order["status"] in MOVES["completed"] and _all_shipped(api, order, value):
        change["status"] = "completed"
    return change


def _all_shipped(api: Api, order: Json, now: Json) -> bool:
    """Whether this shipment with those before it covers all that is still owed. A shipment
    without lines is the whole order."""
    if not now["lines"]:
        return True
    owed: Counter[str] = Counter()
    for line in order["line_items"]:
        owed[str(line["sku"]).casefold()] += line["quantity"]
    if order["refunds"]:
        for page in api.pages(f"orders/{order['id']}/refunds"):
            for line in (line for refund in page for line in refund["line_items"]):
                owed[str(line["sku"]).casefold()] += line["quantity"]
    shipped: Counter[str] = Counter()
    before = [v for k, v in _metas(order).items() if k.startswith("_crossdock_shipment_")]
    for line in (line for shipment in (*before, now) for line in shipment["lines"]):
        shipped[str(line.get("sku", "")).casefold()] += int(Decimal(str(line["qty"])))
    return all(shipped[sku] >= quantity for sku, quantity in owed.items())
