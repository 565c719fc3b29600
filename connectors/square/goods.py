"""Writing articles, prices and taxes: what is there is read, changed and written back whole.

An update must name the newest version of the object, and replaces all of it, so whatever the
seller keeps there (pictures, modifiers, other variations) is read first and sent along. SKUs need
not be unique at Square, so an article is looked for before it is made. Our reference stands in the
``user_data`` of its variations, unless the seller uses that field.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from connectors.sdk.errors import ConnectorError, NotYet, Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.square import money
from connectors.square.api import Api, chunks, key_of
from connectors.square.errors import VersionMismatch

Outcome = Done | ConnectorError
#: The object to write and what is there now (None: nothing), or the outcome without any call.
Planned = tuple[Json, Json | None] | Outcome
Planner = Callable[[Api, Sequence[WriteItem]], list[Planned]]
#: Values a search by set may hold.
SET = 250


def write(api: Api, resource: str, items: Sequence[WriteItem]) -> list[Outcome]:
    """One outcome per item, in order. Raises what the whole call came to."""
    return _write(api, PLANNERS[resource], items)


def _write(api: Api, plan: Planner, items: Sequence[WriteItem], tries: int = 2) -> list[Outcome]:
    """Every object is a batch of its own, so that one that is refused leaves the others be; a
    version that wasn't the newest is read again, once."""
    planned = plan(api, items)
    sending: dict[int, tuple[Json, Json | None]] = {
        i: p for i, p in enumerate(planned) if isinstance(p, tuple) and p[0] != p[1]
    }
    outcomes: dict[int, Outcome] = {i: _early(p) for i, p in enumerate(planned) if i not in sending}
    try:
        shown, ids = _send(api, [items[i] for i in sending], [p[0] for p in sending.values()])
    except VersionMismatch:
        if tries == 1:
            raise
        return _write(api, plan, items, tries - 1)
    for i, (thing, _) in sending.items():
        now = shown.get(str(ids.get(thing["id"]) or thing["id"]))
        outcomes[i] = _alone(api, plan, items[i], tries) if now is None else done(now)
    return [outcomes[i] for i in range(len(items))]


def _alone(api: Api, plan: Planner, item: WriteItem, tries: int) -> Outcome:
    """A batch doesn't say which of its objects an error is about; one object does."""
    if tries == 1:
        return NotYet("Square did not take the record and did not say why; it is tried again.")
    try:
        return _write(api, plan, [item], tries - 1)[0]
    except ConnectorError as problem:
        return problem


def _early(planned: Planned) -> Outcome:
    """What is there already is as wanted."""
    if not isinstance(planned, tuple):
        return planned
    told = done(planned[0])
    return Done(told.external_id, parts=told.parts, unchanged=True)


def _send(
    api: Api, items: Sequence[WriteItem], objects: list[Json]
) -> tuple[dict[str, Json], dict[str, str]]:
    """The objects that were taken, by id, and the ids given to new ones."""
    if not objects:
        return {}, {}
    body: Json = {"batches": [{"objects": [thing]} for thing in objects]}
    key = key_of("catalog", *sorted(item.key for item in items), body=body)
    told = api.write("/v2/catalog/batch-upsert", {"idempotency_key": key, **body})
    given = {m["client_object_id"]: m["object_id"] for m in told.get("id_mappings") or ()}
    return {one["id"]: one for one in told.get("objects") or ()}, given


def done(thing: Json) -> Done:
    variations = (thing.get("item_data") or {}).get("variations") or ()
    parts = {
        str(v["item_variation_data"]["sku"]): str(v["id"])
        for v in variations
        if v["item_variation_data"].get("sku")
    }
    return Done(str(thing["id"]), parts=parts)


# ------------------------------------------------------------------ articles


def _items(api: Api, items: Sequence[WriteItem]) -> list[Planned]:
    for item in items:
        _untax(api, item)
    known = api.objects(item.external_id for item in items if item.external_id)
    skus = {sku for item in items if not item.external_id for sku in _skus(item)}
    holders = _holders(api, sorted(skus))
    known |= api.objects(
        v["item_variation_data"]["item_id"] for found in holders.values() for v in found
    )
    planned: list[Planned] = []
    for item in items:
        try:
            now = known.get(item.external_id) if item.external_id else _held(item, holders, known)
            planned.append((_item(item, now), now))
        except ConnectorError as problem:
            planned.append(problem)
    return planned


def _skus(item: WriteItem) -> list[str]:
    found = [str(v.get("sku") or "").strip() for v in item.body.get("variations") or ()]
    return [sku for sku in found if sku]


def _holders(api: Api, skus: Sequence[str]) -> dict[str, list[Json]]:
    """Variations by SKU, compared without case."""
    found: dict[str, list[Json]] = {}
    for some in chunks(skus, SET):
        query = {"set_query": {"attribute_name": "sku", "attribute_values": some}}
        body = {"object_types": ["ITEM_VARIATION"], "query": query}
        for told in api.pages("/v2/catalog/search", body):
            for row in told.get("objects", ()):
                sku = str(row["item_variation_data"].get("sku", "")).casefold()
                found.setdefault(sku, []).append(row)
    return found


def _held(item: WriteItem, holders: dict[str, list[Json]], known: dict[str, Json]) -> Json | None:
    """The article at Square that has one of our SKUs: it *is* the record, and takes our values.
    Raises Rejected when there are two, or another record of ours made it."""
    mine = [v for sku in _skus(item) for v in holders.get(sku.casefold(), ())]
    ids = {str(v["item_variation_data"]["item_id"]) for v in mine}
    refs = {str(v["item_variation_data"].get("user_data") or "") for v in mine}
    strange = {ref for ref in refs if ref.startswith("xd-")} - {item.ref}
    if strange:
        raise Rejected(
            f"The SKU {_skus(item)[0]!r} belongs to an article that another record made "
            f"({min(strange)}): merge the two records or change one SKU.",
            code="already-bound-elsewhere",
        )
    if len(ids) > 1:
        raise Rejected(
            f"Square has {len(ids)} articles with the SKU {_skus(item)[0]!r}: give each its own, "
            "or delete one.",
            code="duplicate-exact",
            owner=Owner.MERCHANT,
        )
    return known.get(ids.pop()) if ids else None


def _item(item: WriteItem, now: Json | None) -> Json:
    """The article as it is to be: what is there, with our fields changed."""
    body = item.body
    if item.external_id and now is None:
        raise Rejected(
            "The article was deleted at Square: restore it there, or send it again as new.",
            code="reference-missing", owner=Owner.MERCHANT,
        )  # fmt: skip
    if not _skus(item):
        raise Rejected("The article has no SKU: give it one.", code="missing-required")
    new = {"type": "ITEM", "id": f"#{item.ref}", "present_at_all_locations": True,
           "item_data": {"product_type": "REGULAR", "variations": []}}  # fmt: skip
    thing: Json = copy.deepcopy(now) if now else new
    data = thing["item_data"]
    gone = item.op == "delete" or bool(body.get("archived"))
    data |= {"name": str(body.get("name") or _skus(item)[0])}
    if gone or data.get("is_archived"):
        data["is_archived"] = gone
    tax, held = str(body.get("tax") or ""), list(data.get("tax_ids") or ())
    if tax and tax not in held:
        data |= {"tax_ids": [*held, tax], "is_taxable": True}
    for number, variant in enumerate(body["variations"]):
        if str(variant.get("sku") or "").strip():
            _variation(item, data["variations"], variant, f"#{item.ref}/{number}")
    return thing


def _untax(api: Api, item: WriteItem) -> None:
    """Taxes sent along are added to those an item has; one that we gave it before and no longer
    want is taken away by a call of its own, before the item is read."""
    wanted = str(item.body.get("tax") or "")
    before = str((item.delivered or {}).get("tax") or "")
    if before and before != wanted and item.external_id:
        asked = {"item_ids": [item.external_id], "taxes_to_disable": [before]}
        api.write("/v2/catalog/update-item-taxes", asked)


def _variation(item: WriteItem, held: list[Json], variant: Json, new_id: str) -> None:
    sku = str(variant["sku"]).strip()
    mine = next(
        (v for v in held
         if str(v["item_variation_data"].get("sku", "")).casefold() == sku.casefold()), None
    )  # fmt: skip
    if mine is None:
        # Without a price yet, the till asks for one.
        mine = {
            "type": "ITEM_VARIATION", "id": new_id, "present_at_all_locations": True,
            "item_variation_data": {"sku": sku, "pricing_type": "VARIABLE_PRICING"},
        }  # fmt: skip
        held.append(mine)
    data = mine["item_variation_data"]
    data.setdefault("name", str(variant.get("name") or "Regular"))
    data.setdefault("track_inventory", bool(item.body.get("stocked", True)))
    if variant.get("gtin"):
        data["upc"] = str(variant["gtin"])
    if not data.get("user_data"):
        data["user_data"] = item.ref


def find_item(api: Api, item: WriteItem) -> Found | None:
    """Ours only if it carries our reference; a stranger with the SKU proves nothing."""
    holders = _holders(api, _skus(item))
    ids = sorted({
        str(v["item_variation_data"]["item_id"])
        for found in holders.values()
        for v in found
        if v["item_variation_data"].get("user_data") == item.ref
    })  # fmt: skip
    if len(ids) > 1:
        raise Rejected(
            f"Square has {len(ids)} articles made by this one: keep one, delete the others.",
            code="duplicate-exact", owner=Owner.MERCHANT,
        )  # fmt: skip
    if not ids:
        return None
    return Found(ids[0], parts=done(api.objects(ids)[ids[0]]).parts)


# ------------------------------------------------------------------ prices


def _prices(api: Api, items: Sequence[WriteItem]) -> list[Planned]:
    articles = api.objects(str(item.body["item"]) for item in items)
    planned: list[Planned] = []
    for item in items:
        try:
            now = variation_of(articles, item.body)
            planned.append((_priced(item, now), now))
        except ConnectorError as problem:
            planned.append(problem)
    return planned


def _priced(item: WriteItem, now: Json) -> Json:
    thing = copy.deepcopy(now)
    data = thing["item_variation_data"]
    if item.op == "delete":
        data.pop("price_money", None)
        return thing | {"item_variation_data": {**data, "pricing_type": "VARIABLE_PRICING"}}
    price = money.money(item.body.get("amount"), item.body.get("currency"))
    data |= {"pricing_type": "FIXED_PRICING", "price_money": price}
    return thing


def variation_of(articles: dict[str, Json], body: Json) -> Json:
    """The variation that has the SKU in the article that the body names. Raises Rejected."""
    article, sku = articles.get(str(body["item"])), str(body.get("sku") or "")
    if article is None:
        raise Rejected(
            f"The article of {sku} was deleted at Square: restore it there, or send it as new.",
            code="reference-missing", owner=Owner.MERCHANT,
        )  # fmt: skip
    found = [
        v for v in article["item_data"].get("variations") or ()
        if str(v["item_variation_data"].get("sku", "")).casefold() == sku.casefold()
    ]  # fmt: skip
    if len(found) != 1:
        raise Rejected(
            f"Square's article has {len(found)} variations with the SKU {sku!r}: give exactly one "
            "of them this SKU.",
            code="sku-ambiguous" if found else "sku-missing", owner=Owner.MERCHANT,
        )  # fmt: skip
    return found[0]


def find_price(api: Api, item: WriteItem) -> Found | None:
    """Found if the variation costs what it should."""
    now = variation_of(api.objects([str(item.body["item"])]), item.body)
    return Found(str(now["id"])) if _priced(item, now) == now else None


# ------------------------------------------------------------------ taxes


def _taxes(api: Api, items: Sequence[WriteItem]) -> list[Planned]:
    held = _all_taxes(api)
    planned: list[Planned] = []
    for item in items:
        try:
            now = _tax_now(held, item)
            planned.append((_taxed(item, now), now))
        except ConnectorError as problem:
            planned.append(problem)
    return planned


def _all_taxes(api: Api) -> list[Json]:
    pages = api.pages("/v2/catalog/search", {"object_types": ["TAX"]})
    return [row for told in pages for row in told.get("objects", ())]


def _tax_now(held: Sequence[Json], item: WriteItem) -> Json | None:
    """By its id, else by its name, which is our code. Raises Rejected when two have it."""
    if item.external_id:
        return next((row for row in held if row["id"] == item.external_id), None)
    name = str(item.body.get("name") or "").casefold()
    found = [row for row in held if str(row["tax_data"]["name"]).casefold() == name]
    if len(found) > 1:
        raise Rejected(
            f"Square has {len(found)} taxes named {item.body.get('name')!r}: rename all but one.",
            code="duplicate-exact", owner=Owner.MERCHANT,
        )  # fmt: skip
    return found[0] if found else None


def _taxed(item: WriteItem, now: Json | None) -> Json:
    """A tax that is there keeps its way of being added: which prices hold it is the seller's."""
    body = item.body
    try:
        percent = f"{Decimal(str(body.get('percent'))).normalize():f}"
    except InvalidOperation as error:
        raise Rejected(
            f"{body.get('percent')!r} is no percentage: correct the mapping.", code="type-mismatch"
        ) from error
    new: Json = {
        "type": "TAX", "id": f"#{item.ref}", "present_at_all_locations": True,
        "tax_data": {
            "inclusion_type": "INCLUSIVE" if body.get("included") else "ADDITIVE",
            "calculation_phase": "TAX_SUBTOTAL_PHASE", "applies_to_custom_amounts": False,
        },
    }  # fmt: skip
    thing = copy.deepcopy(now) if now else new
    data = thing["tax_data"]
    same = now is not None and Decimal(str(data.get("percentage") or 0)) == Decimal(percent)
    data |= {"name": str(body["name"]), "enabled": item.op != "delete"}
    if not same:
        data["percentage"] = percent
    return thing


def find_tax(api: Api, item: WriteItem) -> Found | None:
    now = _tax_now(_all_taxes(api), item)
    return Found(str(now["id"])) if now is not None and _taxed(item, now) == now else None


PLANNERS: dict[str, Planner] = {"item": _items, "price": _prices, "tax": _taxes}
