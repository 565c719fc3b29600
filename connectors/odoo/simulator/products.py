"""Products: a variant with its template; barcodes are unique, SKUs are not."""

from __future__ import annotations

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.naming import display_name
from connectors.odoo.simulator.records import Env, change, insert
from connectors.sdk.simulation.store import Row


def before_create(env: Env, vals: Row) -> int:
    barcode = vals.get("barcode")
    for other in env.db.where("product.product", "barcode", barcode) if barcode else []:
        owner = display_name(env.db, "product.product", other["id"])
        raise errors.validation(
            f'Barcode(s) already assigned:\n\n- Barcode "{barcode}" already assigned to '
            f"product(s): {owner} and {vals.get('name')}\n\n"
            "Note: products that you don't have access to will not be shown above."
        )
    base: Row = {"type": "consu", "is_storable": True, "invoice_policy": "order"}
    base |= {"taxes_id": [[6, 0, _default_taxes(env)]]}
    given = {"list_price": 1.0, **base, **vals}
    template: Row = {k: given[k] for k in ("name", "list_price", "type") if k in given}
    given["product_tmpl_id"] = insert(env, "product.template", template)
    return insert(env, "product.product", given)


def _default_taxes(env: Env) -> list[int]:
    sales = [t for t in env.db.rows("account.tax").values() if t["type_tax_use"] == "sale"]
    return [min(t["id"] for t in sales)] if sales else []


def after_write(env: Env, product: int) -> None:
    """Name and price live in the template; writing them touches both."""
    row = env.db.need("product.product", product)
    vals = {"name": row["name"], "list_price": row["list_price"]}
    if row["product_tmpl_id"]:
        change(env, "product.template", row["product_tmpl_id"], vals)
