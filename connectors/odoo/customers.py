"""Contacts, by Odoo's import with an external id: the one write Odoo makes idempotent itself."""

from __future__ import annotations

from connectors.odoo.client import Json
from connectors.odoo.target import Target, Writing
from connectors.sdk.errors import OutcomeUnknown, Rejected
from connectors.sdk.records import Done, Found, WriteItem

MODULE = "crossdock"
FIELDS = ("name", "email", "phone", "street", "street2", "zip", "city", "vat", "is_company")


def write(odoo: Target, item: WriteItem) -> Writing:
    fields, row = _import_row(item.ref, item.body)
    answer = odoo.client.call("res.partner", "load", fields=fields, data=[row])
    if not answer.get("ids"):
        said = "; ".join(str(m.get("message", "")) for m in answer.get("messages", []))
        raise Rejected(
            f"Odoo's import refused the contact ({said[:200]}): correct it, then resend."
        )
    id_ = answer["ids"][0]
    if not isinstance(id_, int):
        raise OutcomeUnknown("Odoo's import named no contact; we look it up by ourselves.")
    return Done(str(id_), url=odoo.url("res.partner", id_))
    yield  # a write of one call has no steps


def guest(odoo: Target) -> int:
    """The contact that stands for buyers who left neither name nor e-mail; Odoo's orders need
    one. Imported under one external id, so there is one."""
    row = [f"{MODULE}.guest", "Guest"]
    answer = odoo.client.call("res.partner", "load", fields=["id", "name"], data=[row])
    return int(answer["ids"][0])


def _import_row(ref: str, body: Json) -> tuple[list[str], list[object]]:
    """Columns and values; only what the body says, so that absent fields stay as they are."""
    columns: list[str] = ["id"]
    values: list[object] = [f"{MODULE}.{ref}"]
    for name in FIELDS:
        if name in body:
            columns.append(name)
            values.append(body[name])
    if body.get("country"):
        columns.append("country_id/id")
        values.append(f"base.{country_id(str(body['country']))}")
    return columns, values


def country_id(code: str) -> str:
    """Odoo's external id of a country: its ISO code, but for the United Kingdom."""
    return {"gb": "uk"}.get(code.lower(), code.lower())


def look_up(odoo: Target, item: WriteItem) -> Found | None:
    domain = [["name", "=", item.ref], ["module", "=", MODULE], ["model", "=", "res.partner"]]
    row = odoo.found("ir.model.data", domain, ["res_id"])
    return Found(str(row["res_id"])) if row else None
