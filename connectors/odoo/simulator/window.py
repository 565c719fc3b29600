"""The stand-in's window: what it holds, for people; lists and rows can be opened by address.

``/?view=orders|pos|invoices|stock|products`` (``&q=`` searches, ``&id=`` opens one).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.odoo.simulator.api import DATABASE
from connectors.odoo.simulator.control import counts
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.naming import display_name
from connectors.odoo.simulator.records import Env, value_of
from connectors.odoo.simulator.schema import SCHEMA
from connectors.sdk.simulation.app import FAULTS
from connectors.sdk.simulation.store import Row

CSS = (Path(__file__).parent / "window.css").read_text(encoding="utf-8")
SHOWN = 200
#: Shows what changed every two seconds; what a person is typing stays.
SCRIPT = """
const parts = (d) => [...d.querySelectorAll("[data-live]")];
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer || !answer.ok) return;
  const now = parts(new DOMParser().parseFromString(await answer.text(), "text/html"));
  parts(document).forEach((part, i) => {
    if (now[i] && now[i].innerHTML !== part.innerHTML) part.innerHTML = now[i].innerHTML;
  });
}, 2000);
"""
WORDS = {
    "orders": "orders", "pos_orders": "till sales", "pos_returns": "till returns",
    "invoices": "invoices", "credit_notes": "credit notes", "payments": "payments",
}  # fmt: skip
#: Columns set to the right.
FIGURES = {
    "amount_total", "amount_tax", "amount_residual", "list_price", "qty_available", "free_qty",
    "quantity", "reserved_quantity", "available_quantity",
}  # fmt: skip

#: view: (title, model, columns, parts shown of an opened row)
VIEWS: dict[str, tuple[str, str, list[str], list[str]]] = {
    "orders": (
        "Sales orders",
        "sale.order",
        ["name", "origin", "partner_id", "amount_total", "state", "delivery_status",
         "invoice_status", "date_order"],
        ["order_line", "picking_ids"],
    ),
    "pos": (
        "Till receipts",
        "pos.order",
        ["name", "general_customer_note", "amount_total", "amount_tax", "state", "is_refund",
         "date_order"],
        ["lines", "payment_ids", "picking_ids"],
    ),
    "invoices": (
        "Invoices and credit notes",
        "account.move",
        ["name", "move_type", "ref", "amount_total", "amount_residual", "payment_state", "date"],
        ["invoice_line_ids"],
    ),
    "products": (
        "Products",
        "product.product",
        ["default_code", "name", "list_price", "type", "qty_available", "free_qty"],
        [],
    ),
    "stock": (
        "Stock by warehouse",
        "stock.quant",
        ["product_id", "location_id", "quantity", "reserved_quantity", "available_quantity",
         "write_date"],
        [],
    ),
}  # fmt: skip


async def page(request: web.Request) -> web.Response:
    db = request.app[DATABASE]
    env = Env(db, "")
    view = request.query.get("view", "orders")
    if view not in VIEWS:
        view = "orders"
    opened, query = request.query.get("id", ""), request.query.get("q", "").strip()
    body = _opened(env, view, int(opened)) if opened.isdigit() else _list(env, view, query)
    said = request.query.get("said", "")
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<link rel=icon href='data:,'>"
        f"<title>ERP stand-in</title><style>{CSS}</style>"
        f"<header><h1>ERP <small>an Odoo stand-in</small></h1><div data-live>{_state(request)}"
        f"{_tiles(env)}</div></header>"
        + (f"<p class=said role=status>{escape(said)}</p>" if said else "")
        + f"{_acts(request.query)}<nav aria-label=Lists>{_links(view)}</nav><main>{body}</main>"
        f"<script type=module>{SCRIPT}</script>"
    )
    return web.Response(text=html, content_type="text/html")


def _armed(request: web.Request) -> list[Any]:
    now = time.monotonic()
    faults = request.app[FAULTS].armed
    return [f for f in faults if f.count != 0 and (f.until is None or f.until > now)]


def _state(request: web.Request) -> str:
    """Whether anybody is let in just now."""
    kinds = {f.kind for f in _armed(request) if f.until is not None}
    if "unplugged" in kinds:
        return "<p class=out>The plug is out: nobody gets an answer.</p>"
    return "<p class=out>Down: everybody is refused.</p>" if "down" in kinds else ""


def _tiles(env: Env) -> str:
    found = counts(env, {})
    tiles = [f"<li><b>{found[name]}</b> {words}</li>" for name, words in WORDS.items()]
    return f"<ul class=tiles>{''.join(tiles)}</ul>"


def _links(view: str) -> str:
    return "".join(
        f"<a href='/?view={name}'{' aria-current=page' if name == view else ''}>{title}</a>"
        for name, (title, *_) in VIEWS.items()
    )


def _list(env: Env, view: str, query: str) -> str:
    title, model, columns, _ = VIEWS[view]
    rows = sorted(env.db.rows(model).values(), key=lambda r: -r["id"])
    if query:
        rows = [row for row in rows if _mentions(env.db, model, row, columns, query.lower())]
    head = "".join(f"<th{_right(c)}>{escape(c.replace('_', ' '))}</th>" for c in columns)
    lines = "".join(_line(env, view, row) for row in rows[:SHOWN])
    more = f" (the newest {SHOWN} of {len(rows)})" if len(rows) > SHOWN else f" ({len(rows)})"
    return (
        f"<h2>{title}<small>{more}</small></h2><form role=search>"
        f"<input type=hidden name=view value={view}><label>Find "
        f"<input name=q value='{escape(query, quote=True)}'></label><button>Find</button></form>"
        f"<div class=scroll><table><thead><tr><th>id</th>{head}</tr></thead>"
        f"<tbody data-live>{lines}</tbody></table></div>"
    )


def _right(column: str) -> str:
    return " class=n" if column in FIGURES else ""


def _mentions(db: Database, model: str, row: Row, columns: list[str], query: str) -> bool:
    texts = [str(row.get(c, "")) for c in columns]
    if row.get("product_id"):
        texts.append(display_name(db, "product.product", row["product_id"]))
    return any(query in text.lower() for text in texts)


def _line(env: Env, view: str, row: Row) -> str:
    model, columns = VIEWS[view][1], VIEWS[view][2]
    cells = "".join(f"<td{_right(c)}>{_shown(value_of(env, model, row, c))}</td>" for c in columns)
    return f"<tr><td><a href='/?view={view}&id={row['id']}'>{row['id']}</a></td>{cells}</tr>"


def _shown(value: Any) -> str:
    if value is False or value is None:
        return "<span class=none>&ndash;</span>"
    if isinstance(value, list):
        return escape(str(value[1] if len(value) == 2 and isinstance(value[1], str) else value))
    return escape(f"{value:,.2f}" if isinstance(value, float) else str(value))


def _opened(env: Env, view: str, id_: int) -> str:
    title, model, _, parts = VIEWS[view]
    row = env.db.get(model, id_)
    if row is None:
        return f"<p>{title}: there is no {id_}.</p>"
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{_shown(row[k])}</dd>" for k in sorted(row))
    tables = "".join(_part(env, model, row, part) for part in parts)
    return f"<h2>{escape(display_name(env.db, model, id_))}</h2>{tables}<dl>{facts}</dl>"


def _part(env: Env, model: str, row: Row, part: str) -> str:
    relation = SCHEMA[model][part].relation
    lines = []
    for id_ in value_of(env, model, row, part):
        found = env.db.need(relation, id_)
        facts = [
            f"{k} {_shown(value_of(env, relation, found, k))}"
            for k in ("product_id", "name", "state", "product_uom_qty", "qty", "quantity",
                      "price_unit", "price_total", "price_subtotal_incl", "amount")
            if k in found
        ]  # fmt: skip
        lines.append(f"<li>{' · '.join(facts)}</li>")
    return f"<h3>{part.replace('_', ' ')}</h3><ul>{''.join(lines)}</ul>"


def _acts(query: Mapping[str, str]) -> str:
    """The forms; ``query`` may fill in the new product's."""

    def given(name: str) -> str:
        return f"name={name} value='{escape(query.get(name, ''), quote=True)}'"

    opened = " open" if query.get("sku") else ""
    return (
        "<div class=acts><details><summary>Change a price</summary>"
        "<form method=post action=/_sim/price><label>SKU <input name=sku required></label>"
        "<label>Price <input name=price required inputmode=decimal></label>"
        "<button>Change</button></form></details>"
        f"<details id=create{opened}><summary>Create a product</summary>"
        f"<form method=post action=/_sim/product><label>SKU <input {given('sku')} required></label>"
        f"<label>Title <input {given('title')} required></label>"
        f"<label>Price <input {given('price')} required inputmode=decimal></label>"
        f"<label>Opening stock <input {given('stock')} placeholder='CEN 25, S04 12'></label>"
        "<button>Create</button></form></details>"
        "<details><summary>Ship orders</summary><form method=post action=/_sim/ship>"
        "<label>How many <input name=count value=10 inputmode=numeric></label>"
        "<button>Ship</button></form></details>"
        "<details><summary>Pull the plug</summary><form method=post action=/_sim/plug>"
        "<label>Seconds <input name=seconds value=20 inputmode=numeric></label>"
        "<button class=danger>Pull</button></form></details></div>"
    )
