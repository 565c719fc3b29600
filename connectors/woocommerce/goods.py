"""Writing products, prices and stock: batches of updates, each with its own outcome.

Price and stock live in the product, so their external ids are the product's (or variation's).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sdk.errors import ConnectorError, Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.woocommerce import errors, variations
from connectors.woocommerce.api import Api
from connectors.woocommerce.reading import REF, ref_of

Outcome = Done | ConnectorError
_VARIATION = "woocommerce_rest_invalid_product_id"


# ------------------------------------------------------------------ products


def write_products(api: Api, items: Sequence[WriteItem]) -> list[Outcome]:
    """Create or update; a create whose SKU is taken adopts the product that holds it."""
    bodies = [_product_body(api, item) for item in items]
    single = [i for i, body in enumerate(bodies) if not body.get("variants")]
    creates = [i for i in single if not items[i].external_id]
    updates = [i for i in single if items[i].external_id]
    shown = _batch(
        api,
        create=[bodies[i] for i in creates],
        update=[{**bodies[i], "id": int(items[i].external_id)} for i in updates],
    )
    outcomes: dict[int, Outcome] = {}
    for i, told in zip([*creates, *updates], shown, strict=True):
        outcomes[i] = _product_outcome(api, items[i], bodies[i], told)
    for i in set(range(len(items))) - set(single):
        try:
            outcomes[i] = variations.write(api, items[i], bodies[i], _error)
        except ConnectorError as problem:
            outcomes[i] = problem
    return [outcomes[i] for i in range(len(items))]


def find_product(api: Api, item: WriteItem) -> Found | None:
    """Ours only if it carries our reference; a stranger with this SKU is no proof of our send."""
    if item.body.get("variants"):
        return variations.find(api, item)
    found = [p for p in _by_sku(api, str(item.body.get("sku", ""))) if ref_of(p) == item.ref]
    if len(found) > 1:
        raise Rejected(
            f"The shop has {len(found)} products made by this one: keep one, delete the others.",
            code="duplicate-exact",
            owner=Owner.MERCHANT,
        )
    return Found(str(found[0]["id"]), parts=_parts(found[0])) if found else None


def _product_body(api: Api, item: WriteItem) -> Json:
    body = dict(item.body)
    rate = body.pop("tax_rate", None)
    if rate and "tax_class" not in body:
        name = api.get(f"taxes/{rate}")["class"]
        body["tax_class"] = "" if name == "standard" else name
    if not item.external_id:
        body["meta_data"] = [*body.get("meta_data", ()), {"key": REF, "value": item.ref}]
    return body


def _product_outcome(api: Api, item: WriteItem, body: Json, told: Json) -> Outcome:
    error = told.get("error")
    if error is None:
        return Done(str(told["id"]), parts=_parts(told), url=told.get("permalink", ""))
    if error["code"] == "product_invalid_sku" and not item.external_id:
        try:
            return _adopt(api, item, body, int(error["data"].get("resource_id") or 0))
        except ConnectorError as problem:
            return problem
    return _error(error)


def _adopt(api: Api, item: WriteItem, body: Json, holder: int) -> Done:
    """Bind the product that holds the SKU already.

    The shop refuses a second product with one SKU, and answers so too when the first try did
    create it (failure story 22). With our reference it is that one. Without, a product is a
    level matched by SKU: the shop's own product *is* the record, and takes our values.
    """
    product = api.find(f"products/{holder}") if holder else None
    if product is None or product["status"] == "trash":
        raise Rejected(
            f"A deleted product still holds the SKU {body.get('sku')!r}: empty the shop's trash "
            "or restore the product.",
            code="duplicate-exact",
            owner=Owner.MERCHANT,
        )
    theirs = ref_of(product)
    if theirs == item.ref:
        return Done(str(product["id"]), parts=_parts(product), url=product["permalink"])
    if theirs:
        raise Rejected(
            f"The SKU {body.get('sku')!r} belongs to a product that another record made "
            f"({theirs}): merge the two records or change one SKU.",
            code="already-bound-elsewhere",
        )
    if product["parent_id"]:
        return Done(str(product["id"]), parts=_parts(product), unchanged=True)
    updated = api.put(f"products/{product['id']}", body)
    return Done(str(updated["id"]), parts=_parts(updated), url=updated["permalink"])


def _parts(product: Json) -> dict[str, str]:
    return {product["sku"]: str(product["id"])} if product.get("sku") else {}


def _by_sku(api: Api, sku: str) -> list[Json]:
    """`sku` takes a comma list, so a SKU with a comma in it is compared again."""
    if not sku:
        return []
    rows: list[Json] = api.get("products", sku=sku, status="any", per_page=100)
    return [row for row in rows if row["sku"].casefold() == sku.casefold()]


# ------------------------------------------------------------------ prices and stock


def price_payload(body: Json) -> Json:
    """Prices are sent as text (finding 22); a comma would be dropped by the shop (finding 21).
    Raises Rejected."""
    price = str(body.get("regular_price", ""))
    try:
        Decimal(price)
    except InvalidOperation as error:
        raise Rejected(
            f"{price!r} is no price: correct the mapping.", code="type-mismatch"
        ) from error
    return {"regular_price": price}


def stock_payload(body: Json) -> Json:
    """The shop counts whole pieces only; in a batch it would take nonsense for 0 (finding 21).
    Raises Rejected."""
    try:
        quantity = Decimal(str(body.get("quantity", "")))
    except InvalidOperation as error:
        raise Rejected(
            f"{body.get('quantity')!r} is no quantity: correct the mapping.", code="type-mismatch"
        ) from error
    if quantity != quantity.to_integral_value():
        raise Rejected(
            f"The shop sells whole pieces and can't hold {quantity}: convert the unit.",
            code="type-mismatch",
        )
    return {"stock_quantity": int(quantity)}


PAYLOADS: dict[str, Callable[[Json], Json]] = {"price": price_payload, "stock": stock_payload}


def write_values(api: Api, resource: str, items: Sequence[WriteItem]) -> list[Outcome]:
    """Set prices or stock. A 200 is no proof: what the shop shows afterwards is compared."""
    outcomes: list[Outcome | None] = [None] * len(items)
    sent: list[int] = []
    payloads: dict[int, Json] = {}
    for i, item in enumerate(items):
        try:
            payloads[i] = PAYLOADS[resource](item.body)
            sent.append(i)
        except Rejected as refused:
            outcomes[i] = refused
    update = [{"id": int(items[i].body["id"]), **payloads[i]} for i in sent]
    for i, told in zip(sent, _batch(api, create=[], update=update), strict=True):
        try:
            outcomes[i] = _settled(api, items[i], payloads[i], told)
        except ConnectorError as problem:
            outcomes[i] = problem
    return [o for o in outcomes if o is not None]


def find_value(api: Api, resource: str, item: WriteItem) -> Found | None:
    """Found if the product already holds the value."""
    product = api.find(f"products/{item.body['id']}")
    if product is not None and product["type"] == "variable":
        product = _variant(api, item)
    if product is None or not _holds(product, PAYLOADS[resource](item.body)):
        return None
    return Found(str(product["id"]))


def _settled(api: Api, item: WriteItem, payload: Json, told: Json) -> Done:
    error = told.get("error")
    if error is not None and error["code"] == _VARIATION:
        told = api.find(f"products/{item.body['id']}") or told
        told = _put_variation(api, told, payload)
    elif error is not None:
        raise _error(error)
    elif told.get("type") == "variable":
        told = _put_variation(api, _variant(api, item), payload)
    if "stock_quantity" in payload and not told["manage_stock"]:
        told = _managed(api, told, payload)  # the quantity alone was ignored (finding 28)
    if not _holds(told, payload):
        raise Rejected(
            f"The shop took {payload} and shows something else: look for a plugin that changes "
            "prices or stock.",
            code="drift",
            owner=Owner.MERCHANT,
        )
    return Done(str(told["id"]), url=told.get("permalink", ""))


def _variant(api: Api, item: WriteItem) -> Json:
    sku = str(item.body.get("sku", ""))
    found = [p for p in _by_sku(api, sku) if p["parent_id"]]
    if len(found) != 1:
        raise Rejected(
            f"The shop's product has variations, and {len(found)} of them have the SKU {sku!r}: "
            "give exactly one variation this SKU.",
            code="sku-missing" if not found else "sku-ambiguous",
            owner=Owner.MERCHANT,
        )
    return found[0]


def _put_variation(api: Api, product: Json, payload: Json) -> Json:
    """Variations are written through their parent (finding 31)."""
    return api.put(f"products/{product['parent_id']}/variations/{product['id']}", payload)


def _managed(api: Api, product: Json, payload: Json) -> Json:
    whole = {"manage_stock": True, **payload}
    if product.get("parent_id"):
        return _put_variation(api, product, whole)
    return api.put(f"products/{product['id']}", whole)


def _holds(product: Json, payload: Json) -> bool:
    if "stock_quantity" in payload:
        return bool(product["stock_quantity"] == payload["stock_quantity"])
    held = product["regular_price"]
    return held != "" and Decimal(held) == Decimal(payload["regular_price"])


# ------------------------------------------------------------------ batches


def _batch(api: Api, *, create: list[Json], update: list[Json]) -> list[Json]:
    """The shown items: creates first, then updates, each in the order sent (finding 20)."""
    body: dict[str, Any] = {}
    if create:
        body["create"] = create
    if update:
        body["update"] = update
    if not body:
        return []
    shown = api.post("products/batch", body)
    return [*shown.get("create", ()), *shown.get("update", ())]


def _error(error: Json) -> ConnectorError:
    """The error of one item of a batch; the call itself succeeded."""
    data = error.get("data")
    status = data.get("status", 400) if isinstance(data, dict) else 400
    return errors.fault(status, error, {}, reading=False)
