"""The window into the stand-in: what was sold, what it costs, what was told to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from typing import Any

from connectors.sdk.simulation.store import Row
from connectors.sdk.simulation.window import acts, field, figures, form, hidden, page, table
from connectors.square.simulator.seller import Seller
from connectors.square.simulator.till import Till

SHOWN = 60
WORDS = {
    "sale": "Sale", "return": "Return", "write_off": "Stock booking", "void": "Void",
    "refused": "No retail transaction",
}  # fmt: skip


def show(
    seller: Seller, till: Till, prices: Mapping[str, Row], counts: Mapping[str, Any],
    log: Iterable[Row], query: Mapping[str, str],
) -> str:  # fmt: skip
    """``query``: store (show only this one's), said (the last button's result), find (part of a
    SKU or title)."""
    names = sorted(row["name"] for row in seller.table("location").values())
    store = query.get("store", "") if query.get("store", "") in names else ""
    state = "The plug is out: tills sell on, nobody is told." if counts["unplugged"] else ""
    body = (
        "<p>A stand-in for Square. Nobody really pays here. "
        f"<span data-live>{escape(state)}</span> <a href='/'>All stores</a></p>",
        _figures(seller, counts, prices),
        _acts(store or names[0], f"?store={store}" if store else ""),
        _stores(names, counts["stores"], store),
        '<div class="columns">',
        _receipts(till, store),
        _articles(prices, query.get("find", "")),
        _webhooks(seller, log),
        "</div>",
    )
    title = f"{seller.settings['business']} on Square"
    return page(title, body, said=query.get("said", ""), accent="#1b5fb8")


def _figures(seller: Seller, counts: Mapping[str, Any], prices: Mapping[str, Row]) -> str:
    kinds, currency = counts["kinds"], seller.settings["currency"]
    return figures((
        (str(kinds.get("sale", 0)), "sales"),
        (f"{currency} {counts['totals'].get('sale', '0')}", "taken"),
        (str(kinds.get("return", 0)), "returns"),
        (str(sum(1 for a in prices.values() if a["price"])), "articles with a price"),
        (str(counts["queued"]), "webhooks waiting"),
        (str(counts["waiting"]), "tills offline"),
    ))  # fmt: skip


def _acts(store: str, back: str) -> str:
    where, sku = hidden("store", store), field("sku", "any article")
    return acts((
        form(f"/_sim/sell{back}", f"Sell one at {store}",
             where + sku + field("price", "its price", kind="decimal")),
        form(f"/_sim/sell{back}", "Sell one, post it twice", where + hidden("fault", "post_twice")),
        form(f"/_sim/refund{back}", "Refund one", field("number", "the latest sale")),
        form(f"/_sim/price{back}", "Change a price",
             field("sku", "article") + field("price", "price", kind="decimal")),
        form(f"/_sim/plug{back}", "Pull the plug for 20 s", hidden("seconds", "20")),
        form(f"/_sim/tokens{back}", "Let the access run out", hidden("do", "expire")),
    ))  # fmt: skip


def _stores(names: Iterable[str], receipts: Mapping[str, int], chosen: str) -> str:
    cards = "".join(
        f"<a href='/?store={escape(name)}'{' aria-current=true' if name == chosen else ''}>"
        f"{escape(name)}<b>{receipts.get(name, 0)}</b><small>receipts</small></a>"
        for name in names
    )
    return f'<div class="cards" data-live>{cards}</div>'


def _receipts(till: Till, store: str) -> str:
    fit = (r for r in reversed(till.receipts.values()) if store in ("", r["store"]))
    rows = (
        (r["number"], WORDS[r["kind"]], r["at"].replace("T", " "), str(len(r["lines"])),
         r["total"], ", ".join(t["kind"] for t in r.get("tenders") or ()), r.get("original") or "")
        for r in islice(fit, SHOWN)
    )  # fmt: skip
    heads = ("Number", "What", "Time", "#Lines", "#Total", "Tender", "Takes back")
    return table(f"Last receipts {store}".strip(), heads, rows)


def _articles(prices: Mapping[str, Row], find: str) -> str:
    wanted = find.casefold()
    fit = (
        (sku, known)
        for sku, known in sorted(prices.items())
        if wanted in sku.casefold() or wanted in known["title"].casefold()
    )
    rows = (
        (sku, known["title"], known["price"] or "-", known["tax"])
        for sku, known in islice(fit, 200)
    )
    search = f'<form role="search">{field("find", "part of a SKU or name", value=find)}</form>'
    return table("Articles", ("SKU", "What", "#Price", "Tax"), rows, search)


def _webhooks(seller: Seller, log: Iterable[Row]) -> str:
    hooks = "".join(
        f"<li>{escape(row['notification_url'])}: {'on' if row['enabled'] else 'off'}, "
        f"{len(row['event_types'])} kinds of event</li>"
        for row in seller.table("subscription").values()
    )
    rows = (
        (row["at"], row["type"], row["id"], f"{row['status'] or 'no answer'}")
        for row in islice(log, SHOWN)
    )
    return table("Webhooks", ("At", "Event", "About", "#Answer"), rows, f"<ul>{hooks}</ul>")
