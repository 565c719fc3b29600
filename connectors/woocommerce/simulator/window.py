"""The shop's window for people: what it holds, what its webhooks did, and four buttons."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from html import escape
from pathlib import Path

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import orders
from connectors.woocommerce.simulator.dates import local
from connectors.woocommerce.simulator.money import places
from connectors.woocommerce.simulator.shop import SYMBOLS, Shop

CSS = (Path(__file__).parent / "window.css").read_text(encoding="utf-8")
SHOWN = 40
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
#: Columns set to the right.
FIGURES = {"Qty", "Net", "VAT", "Total", "Price", "Stock"}


def page(shop: Shop, log: Iterable[Row], *, order: int | None, search: str, said: str) -> str:
    """``order``: show this one whole. ``search``: part of a SKU or name. ``said``: the result of
    the last button."""
    title = escape(shop.settings["title"])
    body = [
        f"<header><h1>{title}</h1><p>A stand-in WooCommerce shop. Nobody really buys here.</p>"
        "</header>",
        f'<p class="said" role="status">{escape(said)}</p>' if said else "",
        _figures(shop),
        _buttons(),
        _one_order(shop, order) if order is not None else "",
        '<div class="columns">',
        _orders(shop),
        _products(shop, search),
        _webhooks(shop, log),
        "</div>",
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{CSS}</style><main>{''.join(body)}</main>"
        f"<script type=module>{SCRIPT}</script></html>"
    )


def _figures(shop: Shop) -> str:
    held = [o for o in shop.table("order").values() if o["status"] not in ("trash",)]
    total = places(sum((orders.total_of(o) for o in held), start=Decimal(0)))
    figures = (
        (f"{len(held)}", "orders"),
        (_money(shop, f"{Decimal(total):,}"), "taken"),
        (f"{len(shop.table('refund'))}", "refunds"),
        (f"{len(shop.table('product'))}", "products"),
        (f"{len(shop.store.table('queue'))}", "webhooks waiting"),
    )
    cells = "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for value, label in figures)
    return f'<dl class="figures" data-live>{cells}</dl>'


def _buttons() -> str:
    return (
        '<section class="acts" aria-label="Do something">'
        + _form("sell", "Sell one", '<input name="sku" placeholder="any SKU" aria-label="SKU">')
        + _form("refund", "Refund one",
                '<input name="order" placeholder="last order" aria-label="Order">')
        + _form("price", "Change a price",
                '<input name="sku" placeholder="any SKU" aria-label="SKU">'
                '<input name="price" placeholder="price" inputmode="decimal" aria-label="Price">')
        + _form("plug", "Pull the plug",
                '<input name="seconds" value="20" inputmode="numeric" aria-label="Seconds"> s')
        + "</section>"
    )  # fmt: skip


def _form(act: str, label: str, fields: str) -> str:
    return f'<form method="post" action="/_sim/act/{act}">{fields}<button>{label}</button></form>'


def _orders(shop: Shop) -> str:
    rows = sorted(shop.table("order").values(), key=lambda o: -o["id"])[:SHOWN]
    cells = "".join(
        f'<tr><td><a href="/?order={o["id"]}">{o["id"]}</a></td>'
        f"<td>{_when(shop, o['created'])}</td><td>{escape(_buyer(o))}</td>"
        f"<td>{_status(o['status'])}</td>"
        f'<td class="n">{_money(shop, places(orders.total_of(o)))}</td></tr>'
        for o in rows
    )
    return _table(
        '<span id="orders">Orders</span>', ("No.", "Placed", "Customer", "Status", "Total"), cells
    )


def _products(shop: Shop, search: str) -> str:
    wanted = search.lower()
    rows = [
        p
        for p in shop.table("product").values()
        if wanted in p["sku"].lower() or wanted in p["name"].lower()
    ]
    rows = sorted(rows, key=lambda p: -p["modified"])[:SHOWN]
    cells = "".join(
        f"<tr><td>{escape(p['sku'])}</td><td>{escape(p['name'])}</td>"
        f'<td class="n">{_money(shop, p["regular_price"] or "-")}</td>'
        f'<td class="n">{"-" if p["stock_quantity"] is None else p["stock_quantity"]}</td></tr>'
        for p in rows
    )
    find = (
        f'<form class="find"><input name="q" value="{escape(search, quote=True)}" '
        'placeholder="find a product" aria-label="Find a product"></form>'
    )
    return _table("Products", ("SKU", "Name", "Price", "Stock"), cells, find)


def _webhooks(shop: Shop, log: Iterable[Row]) -> str:
    hooks = "".join(
        f"<li>{_status(h['status'])} {escape(h['topic'])} → {escape(h['delivery_url'])}</li>"
        for h in shop.table("webhook").values()
    )
    cells = "".join(
        f"<tr><td>{e['at']}</td><td>{escape(e['topic'])}</td><td>{e['id']}</td>"
        f"<td>{_answer(e['status'])}</td></tr>"
        for e, _ in zip(log, range(SHOWN), strict=False)
    )
    listed = f'<ul class="hooks">{hooks}</ul>' if hooks else "<p>No webhooks yet.</p>"
    return _table("Webhooks", ("At", "Topic", "About", "Answer"), cells, listed)


def _one_order(shop: Shop, id_: int) -> str:
    order = shop.get("order", id_)
    if order is None:
        return f'<section class="one"><h2>There is no order {id_}</h2></section>'
    lines = "".join(
        f"<tr><td>{escape(str(i.get('sku') or i.get('method_title') or ''))}</td>"
        f"<td>{escape(i.get('name', 'Shipping'))}</td>"
        f'<td class="n">{i.get("quantity", "")}</td>'
        f'<td class="n">{_money(shop, places(Decimal(i["total"])))}</td>'
        f'<td class="n">{_money(shop, places(orders.tax_of(order, i)))}</td></tr>'
        for i in orders.all_items(order)
    )
    back = "".join(
        f"<li>refund {r}: {_money(shop, shop.table('refund')[r]['amount'])} "
        f"{escape(shop.table('refund')[r]['reason'])}</li>"
        for r in order["refunds"]
    )
    said = "".join(
        f"<li>{escape(n['note'])}</li>" for n in shop.table("note").values() if n["order_id"] == id_
    )
    head = f"Order {id_} {_status(order['status'])} {_money(shop, places(orders.total_of(order)))}"
    who = f"<p>{escape(_buyer(order))} · {_when(shop, order['created'])} · " + (
        f"paid {_when(shop, order['paid'])}</p>" if order["paid"] else "not paid</p>"
    )
    table = _table(head, ("SKU", "What", "Qty", "Net", "VAT"), lines, who)
    return f'<div class="one">{table}<ul>{back}{said}</ul></div>'


def _table(title: str, heads: tuple[str, ...], cells: str, above: str = "") -> str:
    columns = "".join(
        f'<th scope="col"{" class=n" if h in FIGURES else ""}>{h}</th>' for h in heads
    )
    empty = f'<tr><td colspan="{len(heads)}">Nothing yet.</td></tr>'
    return (
        f"<section><h2>{title}</h2>{above}<div class='scroll'><table><thead><tr>{columns}</tr>"
        f"</thead><tbody data-live>{cells or empty}</tbody></table></div></section>"
    )


def _status(text: str) -> str:
    return f'<span class="status {escape(text)}">{escape(text)}</span>'


def _answer(status: int) -> str:
    good = 200 <= status <= 302
    word = "ok" if good else ("no answer" if status == 0 else "refused")
    return f'<span class="status {"completed" if good else "failed"}">{status or ""} {word}</span>'


def _buyer(order: Row) -> str:
    name = f"{order['billing']['first_name']} {order['billing']['last_name']}".strip()
    return name or order["billing"]["email"] or "a guest"


def _when(shop: Shop, epoch: int) -> str:
    return (local(epoch, shop.settings["zone"]) or "").replace("T", " ")[:16]


def _money(shop: Shop, amount: str) -> str:
    return f"{SYMBOLS.get(shop.settings['currency'], '')}{escape(amount)}"
