"""Writing customers. Our reference stands in ``reference_id``; who has the e-mail already is the
same person and takes our values."""

from __future__ import annotations

from connectors.sdk.errors import Owner, Rejected
from connectors.sdk.records import Done, Found, Json, WriteItem
from connectors.square.api import Api, key_of
from connectors.square.errors import VersionMismatch


def write(api: Api, item: WriteItem) -> Done:
    """Raises the SDK's errors."""
    known = item.external_id or _same(api, item)
    if known:
        return _update(api, item, known)
    body = _body(item.body) | {"reference_id": item.ref}
    key = key_of("customer", item.key, body=body)
    told = api.write("/v2/customers", {"idempotency_key": key, **body})
    return Done(str(told["customer"]["id"]))


def look_up(api: Api, item: WriteItem) -> Found | None:
    found = _search(api, "reference_id", item.ref)
    if len(found) > 1:
        raise Rejected(
            f"Square has {len(found)} customers with our reference: merge them there.",
            code="duplicate-exact", owner=Owner.MERCHANT,
        )  # fmt: skip
    return Found(str(found[0]["id"])) if found else None


def _same(api: Api, item: WriteItem) -> str:
    email = str(item.body.get("email") or "").strip()
    found = _search(api, "email_address", email) if email else []
    if len(found) > 1:
        raise Rejected(
            f"{len(found)} customers at Square have the e-mail of this one: merge them there.",
            code="customer-ambiguous", owner=Owner.MERCHANT,
        )  # fmt: skip
    return str(found[0]["id"]) if found else ""


def _search(api: Api, name: str, value: str) -> list[Json]:
    body = {"query": {"filter": {name: {"exact": value}}}}
    return [row for told in api.pages("/v2/customers/search", body)
            for row in told.get("customers", ())]  # fmt: skip


def _update(api: Api, item: WriteItem, id_: str) -> Done:
    """With the version that was read, so that nobody's change is overwritten unseen."""
    for last in (False, True):
        told = api.find(f"/v2/customers/{id_}")
        if told is None:
            raise Rejected(
                "The customer was deleted at Square: send it again as new.",
                code="reference-missing", owner=Owner.MERCHANT,
            )  # fmt: skip
        now = told["customer"]
        body = _body(item.body)
        if all(now.get(name) == value for name, value in body.items()):
            return Done(id_, unchanged=True)
        try:
            api.write(f"/v2/customers/{id_}", {**body, "version": now["version"]}, method="PUT")
        except VersionMismatch:
            if last:
                raise
            continue
        break
    return Done(id_)


def _body(body: Json) -> Json:
    """Square keeps first and last names apart; the last word is taken for the last name."""
    name = str(body.get("name") or "").strip()
    first, _, last = name.rpartition(" ")
    told: Json = {"email_address": body.get("email"), "phone_number": body.get("phone"),
                  "address": body.get("address")}  # fmt: skip
    if body.get("company"):
        told["company_name"] = name
    else:
        told |= {"given_name": first or last, "family_name": last if first else None}
    return {key: value for key, value in told.items() if value}
