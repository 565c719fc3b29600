"""Writing tax rates. They carry no reference of ours: name and class are what tells them apart."""

from __future__ import annotations

from decimal import Decimal

from connectors.sdk.errors import Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.woocommerce.api import Api


def write_tax(api: Api, item: WriteItem) -> Done:
    """A rate that is there already keeps its country and class: where a shop taxes what is the
    merchant's own decision; only name and percentage are ours."""
    id_ = item.external_id
    if not id_:
        held = _find(api, item.body)
        if held is None:
            return Done(str(api.post("taxes", item.body)["id"]))
        id_ = str(held["id"])
    ours = {name: item.body[name] for name in ("name", "rate")}
    return Done(str(api.put(f"taxes/{id_}", ours)["id"]))


def find_tax(api: Api, item: WriteItem) -> Found | None:
    held = _find(api, item.body)
    if held is None or Decimal(held["rate"]) != Decimal(item.body["rate"]):
        return None
    return Found(str(held["id"]))


def _find(api: Api, body: Json) -> Json | None:
    """Raises Rejected when two rates have the name."""
    name = str(body["name"]).casefold()
    held = [
        rate
        for page in api.pages("taxes")
        for rate in page
        if rate["name"].casefold() == name and rate["class"] == body.get("class", rate["class"])
    ]
    if len(held) > 1:
        raise Rejected(
            f"The shop has {len(held)} tax rates named {body['name']!r}: give each its own name.",
            code="duplicate-exact",
            owner=Owner.MERCHANT,
        )
    return held[0] if held else None
