"""Writing stock: counts, and movements into and out of Square's ledger of states.

A count is a level and may be set again. An adjustment is a fact: it carries our reference, and is
looked for before it is made again, whatever its idempotency key promises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from connectors.sdk.errors import ConnectorError, Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.square.api import Api, key_of
from connectors.square.goods import variation_of
from connectors.square.whole import earlier, inner, places_of

#: Square refuses changes that occurred longer ago (description of ``occurred_at``).
OLDEST = timedelta(hours=23)
#: How far back an uncertain adjustment is looked for.
LOOK_BACK = timedelta(days=30)
CHANGES = 100


def write_counts(api: Api, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
    """Set what is in stock. What Square counts afterwards is compared."""
    articles, places = _articles(api, items), places_of(api)
    outcomes: dict[int, Done | ConnectorError] = {}
    sending: dict[int, Json] = {}
    for i, item in enumerate(items):
        try:
            sending[i] = _count(item, articles, places)
        except ConnectorError as problem:
            outcomes[i] = problem
    changes = [{"type": "PHYSICAL_COUNT", "physical_count": told} for told in sending.values()]
    if changes:
        body: Json = {"changes": changes, "ignore_unchanged_counts": True}
        key = key_of("counts", *sorted(items[i].key for i in sending), body=body)
        api.write("/v2/inventory/changes/batch-create", {"idempotency_key": key, **body})
        held = _held(api, sending.values())
        for i, told in sending.items():
            outcomes[i] = _settled(told, held)
    return [outcomes[i] for i in range(len(items))]


def find_count(api: Api, item: WriteItem) -> Found | None:
    told = _count(item, _articles(api, [item]), places_of(api))
    outcome = _settled(told, _held(api, [told]))
    return Found(outcome.external_id) if isinstance(outcome, Done) else None


def _articles(api: Api, items: Sequence[WriteItem]) -> dict[str, Json]:
    return api.objects(str(item.body["item"]) for item in items)


def _count(item: WriteItem, articles: dict[str, Json], places: dict[str, str]) -> Json:
    variation = variation_of(articles, item.body)
    return {
        "reference_id": item.ref, "catalog_object_id": str(variation["id"]), "state": "IN_STOCK",
        "location_id": _place(places, item.body.get("location")),
        "quantity": _quantity(item.body.get("quantity")), "occurred_at": _stamp(datetime.now(UTC)),
    }  # fmt: skip


def _held(api: Api, counts: Iterable[Json]) -> dict[tuple[str, str], Decimal]:
    told = list(counts)
    body = {
        "catalog_object_ids": sorted({c["catalog_object_id"] for c in told}),
        "location_ids": sorted({c["location_id"] for c in told}), "states": ["IN_STOCK"],
    }  # fmt: skip
    return {
        (row["catalog_object_id"], row["location_id"]): Decimal(row["quantity"])
        for page in api.pages("/v2/inventory/counts/batch-retrieve", body)
        for row in page.get("counts", ())
    }


def _settled(told: Json, held: dict[tuple[str, str], Decimal]) -> Done | ConnectorError:
    place = (told["catalog_object_id"], told["location_id"])
    found = held.get(place, Decimal(0))
    if found != Decimal(told["quantity"]):
        return Rejected(
            f"Square took a count of {told['quantity']} and shows {found}: somebody counts or sells"
            " there at the same time; compare, then resend.",
            code="drift", owner=Owner.MERCHANT,
        )  # fmt: skip
    return Done("@".join(place))


# ------------------------------------------------------------------ movements


def write_movement(api: Api, item: WriteItem) -> Done:
    """One adjustment or transfer. A key that Square has seen means that it arrived."""
    change = _movement(item, _articles(api, [item]), places_of(api))
    key = key_of("movement", item.key)
    try:
        told = api.write("/v2/inventory/changes/batch-create",
                         {"idempotency_key": key, "changes": [change]})  # fmt: skip
    except Rejected as refused:
        found = find_movement(api, item) if refused.code == "replay-conflict" else None
        if found is None:
            raise
        return Done(found.external_id)
    made = told.get("changes") or [change]
    return Done(str(inner(made[0]).get("id") or item.ref))


def find_movement(api: Api, item: WriteItem) -> Found | None:
    variation = str(variation_of(_articles(api, [item]), item.body)["id"])
    since = earlier(_stamp(datetime.now(UTC)), LOOK_BACK)
    body = {"catalog_object_ids": [variation], "updated_after": since, "types": ["ADJUSTMENT"]}
    found = {
        str(inner(row)["id"])
        for page in api.pages("/v2/inventory/changes/batch-retrieve", body)
        for row in page.get("changes", ())
        if inner(row).get("reference_id") == item.ref
    }
    if len(found) > 1:
        raise Rejected(
            f"Square holds {len(found)} stock changes with our reference {item.ref}: take the "
            "surplus back by a count.",
            code="duplicate-exact", owner=Owner.MERCHANT,
        )  # fmt: skip
    return Found(found.pop()) if found else None


def _movement(item: WriteItem, articles: dict[str, Json], places: dict[str, str]) -> Json:
    """Out of stock is waste, into it comes from outside: Square lets applications do no more."""
    body = item.body
    told: Json = {
        "reference_id": item.ref, "quantity": _quantity(body.get("quantity")),
        "catalog_object_id": str(variation_of(articles, body)["id"]),
        "occurred_at": _occurred(str(body.get("occurred_at") or "")),
    }  # fmt: skip
    source, target = body.get("from"), body.get("to")
    if source in places and target in places:
        told |= {"state": "IN_STOCK", "from_location_id": places[source],
                 "to_location_id": places[target]}  # fmt: skip
        return {"type": "TRANSFER", "transfer": told}
    if target in places:
        told |= {"from_state": "NONE", "to_state": "IN_STOCK", "location_id": places[target]}
    else:
        told |= {"from_state": "IN_STOCK", "to_state": "WASTE",
                 "location_id": _place(places, source or target)}  # fmt: skip
    return {"type": "ADJUSTMENT", "adjustment": told}


def _place(places: dict[str, str], code: object) -> str:
    if str(code) not in places:
        raise Rejected(
            f"No location of Square stands for {code}: name one in the connection's stores.",
            code="location-missing",
        )
    return places[str(code)]


def _quantity(value: object) -> str:
    """As a decimal string of at most five places. Raises Rejected."""
    try:
        quantity = Decimal(str(value))
        if quantity < 0 or quantity != round(quantity, 5):
            raise InvalidOperation
    except InvalidOperation as error:
        raise Rejected(
            f"Square can't hold a quantity of {value!r}: correct it at its source.",
            code="type-mismatch",
        ) from error
    return f"{quantity:f}"


def _occurred(told: str) -> str:
    """When it happened, or the oldest time that Square still takes, by the full hour: a second
    send has the same bytes."""
    now = datetime.now(UTC)
    if told and now - datetime.fromisoformat(told) < OLDEST:
        return told
    return _stamp(now.replace(minute=0, second=0, microsecond=0))


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
