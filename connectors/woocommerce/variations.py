"""Writing a product that is sold in variants: one variable product, each variant a variation of it.

Recordings 060 to 065. The parent carries our reference as its SKU too, because a SKU is the one
thing the shop keeps unique: a create that is repeated finds the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from connectors.sdk.errors import ConnectorError, Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.woocommerce.api import PAGE, Api
from connectors.woocommerce.reading import ref_of

#: Attribute that tells variants apart where the sender names no options.
UNNAMED = "Variant"
#: Of a variation's own, not of the parent.
OWN = ("sku", "variants", "manage_stock", "global_unique_id")


def write(api: Api, item: WriteItem, body: Json, told: Callable[[Json], ConnectorError]) -> Done:
    """``body``: of the product, with ``variants`` ([{sku, options?, gtin?}]). ``told``: the error
    of one item of a batch. Doing it again changes nothing. Raises the SDK's errors."""
    wanted: list[Json] = body["variants"]
    shape = {name: value for name, value in body.items() if name not in OWN}
    holder = item.external_id or _holder(api, item, wanted)
    held = _product(api, holder) if holder else {}
    shape |= {"type": "variable", "attributes": attributes(wanted, held.get("attributes") or ())}
    if not held or held.get("sku") in {v["sku"] for v in wanted}:
        shape["sku"] = item.ref
    shown = api.put(f"products/{holder}", shape) if holder else api.post("products", shape)
    parts = _write_each(api, str(shown["id"]), wanted, bool(body.get("manage_stock")), told)
    return Done(str(shown["id"]), parts=parts, url=shown.get("permalink", ""))


def find(api: Api, item: WriteItem) -> Found | None:
    """Ours, if it carries our reference; complete when every variant is there."""
    wanted: list[Json] = item.body["variants"]
    holder = _holder(api, item, wanted)
    if not holder or ref_of(_product(api, holder)) != item.ref:
        return None
    parts = {sku: str(v["id"]) for sku, v in _held(api, holder).items()}
    return Found(holder, parts=parts, complete=all(v["sku"] in parts for v in wanted))


def attributes(wanted: Sequence[Json], held: Sequence[Json]) -> list[Json]:
    """What variations differ in, with every value that occurs, theirs kept; and the shop's own
    attributes, which are none of our business."""
    options: dict[str, list[str]] = {}
    for variant in wanted:
        for name, option in _options(variant).items():
            values = options.setdefault(name, [])
            if option not in values:
                values.append(option)
    theirs = {str(a["name"]): a for a in held}
    made = [dict(a) for name, a in theirs.items() if name not in options]
    for name, values in options.items():
        known = theirs.get(name, {})
        more = [value for value in known.get("options") or () if value not in values]
        told = {"name": name, "visible": True, "variation": True, "options": [*values, *more]}
        made.append({**({"id": known["id"]} if known.get("id") else {}), **told})
    return made


def _options(variant: Json) -> dict[str, str]:
    return dict(variant.get("options") or {UNNAMED: variant["sku"]})


def _holder(api: Api, item: WriteItem, wanted: Sequence[Json]) -> str:
    """The product that holds these SKUs already, "" for none. Raises Rejected when several do, or
    when it is another record's."""
    skus = {str(v["sku"]) for v in wanted}
    found = [row for some in _asked([*sorted(skus), item.ref]) for row in _by_skus(api, some)]
    holders = {str(row["parent_id"] or row["id"]) for row in found}
    if len(holders) > 1:
        raise Rejected(
            f"The SKUs {', '.join(sorted(skus))} belong to different products of the shop "
            f"({', '.join(sorted(holders))}): make them variations of one, or delete the others.",
            code="duplicate-exact",
            owner=Owner.MERCHANT,
        )
    if not holders:
        return ""
    holder = holders.pop()
    theirs = ref_of(_product(api, holder))
    if theirs not in ("", item.ref):
        raise Rejected(
            f"These SKUs belong to a product that another record made ({theirs}): merge the two "
            "records or change the SKUs.",
            code="already-bound-elsewhere",
        )
    return holder


def _asked(skus: Sequence[str]) -> Iterator[list[str]]:
    """Lists for the shop's ``sku`` filter, which takes commas for separators (finding 31)."""
    plain = [sku for sku in skus if "," not in sku]
    for start in range(0, len(plain), 50):
        yield plain[start : start + 50]
    yield from ([sku] for sku in skus if "," in sku)


def _by_skus(api: Api, skus: Sequence[str]) -> list[Json]:
    same = {sku.casefold() for sku in skus}
    rows: list[Json] = api.get("products", sku=",".join(skus), status="any", per_page=PAGE)
    return [row for row in rows if str(row["sku"]).casefold() in same]


def _product(api: Api, id_: str) -> Json:
    """Raises Rejected when it was deleted."""
    product = api.find(f"products/{id_}")
    if product is None or product["status"] == "trash":
        raise Rejected(
            "The product was deleted in the shop: restore it there, or send it again as new.",
            code="reference-missing",
            owner=Owner.MERCHANT,
        )
    return product


def _held(api: Api, parent: str) -> dict[str, Json]:
    pages = api.pages(f"products/{parent}/variations")
    return {str(row["sku"]): row for page in pages for row in page if row["sku"]}


def _write_each(
    api: Api,
    parent: str,
    wanted: Sequence[Json],
    manage_stock: bool,
    told: Callable[[Json], ConnectorError],
) -> dict[str, str]:
    """Create what is missing, change what differs in its options, leave the others alone. Returns
    the variations' ids by SKU. Raises the error of the first one that was refused."""
    held = _held(api, parent)
    create, update = [], []
    for variant in wanted:
        body = _variation(variant)
        known = held.get(variant["sku"])
        if known is None:
            create.append({**body, "manage_stock": manage_stock})
        elif _told_options(known) != _options(variant):
            update.append({**body, "id": known["id"]})
    for start in range(0, max(len(create), len(update)), PAGE // 2):
        some = slice(start, start + PAGE // 2)
        batch: dict[str, Any] = {"create": create[some], "update": update[some]}
        shown = api.post(f"products/{parent}/variations/batch", batch)
        for row in (*shown.get("create", ()), *shown.get("update", ())):
            if "error" in row:
                raise told(row["error"])
            held[str(row["sku"])] = row
    return {v["sku"]: str(held[v["sku"]]["id"]) for v in wanted}


def _variation(variant: Json) -> Json:
    named = [{"name": name, "option": option} for name, option in _options(variant).items()]
    body: Json = {"sku": variant["sku"], "attributes": named}
    if variant.get("gtin"):
        body["global_unique_id"] = variant["gtin"]
    return body


def _told_options(variation: Json) -> dict[str, str]:
    return {str(a["name"]): str(a["option"]) for a in variation.get("attributes") or ()}
