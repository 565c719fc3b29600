"""The window into the tills: what they rang up and what prices they know, for people."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import islice

from connectors.csvtill.simulator.tills import STORES, Tills

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5d6b7a;--line:#d9e0e7;--paper:#f6f8fa;
--card:#fff;--mark:#0b6e4f}
@media(prefers-color-scheme:dark){:root{--ink:#e6ecf2;--soft:#9aa8b6;--line:#2c3743;--paper:#11161c;
--card:#19212a;--mark:#4cc79b}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}main{max-width:72rem;margin:auto;padding:1rem}
h1{font-size:1.3rem;margin:.3rem 0}h2{font-size:1rem;margin:1.4rem 0 .5rem}
p{color:var(--soft);margin:.2rem 0 1rem}a{color:var(--mark)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;
text-decoration:none;color:inherit}.card b{display:block;font-size:1.15rem}
.card[aria-current]{border-color:var(--mark);box-shadow:0 0 0 1px var(--mark)}
form{display:inline-block;margin:0 .4rem .4rem 0}button,input{font:inherit;padding:.4rem .8rem;
border-radius:.4rem;border:1px solid var(--line);background:var(--card);color:inherit}
input{width:8rem}button{cursor:pointer}button:hover{border-color:var(--mark)}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:start;padding:.4rem .7rem;
border-bottom:1px solid var(--line);white-space:nowrap}td.n,th.n{text-align:end;
font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:500}
small{color:var(--soft)}
.said{background:var(--card);border-left:4px solid var(--mark);padding:.5rem .9rem;color:inherit}
"""
WORDS = {
    "sale": "Sale", "return": "Return", "write_off": "Stock booking", "void": "Void",
    "refused": "No retail transaction",
}  # fmt: skip
NEWEST = 60
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


def page(tills: Tills, query: Mapping[str, str]) -> str:
    store = query.get("store", "")
    store = store if store in STORES else ""
    counts = tills.counts()
    sales = counts["kinds"].get("sale", 0)
    state = "The plug is pulled: tills sell on and write later." if counts["unplugged"] else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<link rel=icon href='data:,'>"
        f"<title>Tills</title><style>{STYLE}</style><main>"
        f"<h1 data-live>{sales} sales at {len(STORES)} stores</h1>"
        f"<p>A simulator of legacy tills. <span data-live>{counts['unread']} journals wait to be "
        f"collected. {escape(state)}</span> <a href='/'>All stores</a></p>"
        + (f"<p class=said role=status>{escape(query['said'])}</p>" if query.get("said") else "")
        + f"{_buttons(store)}{_stores(tills, counts['stores'], store)}"
        f"{_receipts(tills, store, query.get('kind', ''))}{_prices(tills, store)}</main>"
        f"<script type=module>{SCRIPT}</script></html>"
    )


def _buttons(store: str) -> str:
    where = _hidden("store", store or "S01")
    back = f"?store={store}" if store else ""
    article = "<input name=sku placeholder='any article' aria-label=Article>"
    price = "<input name=price inputmode=decimal placeholder='its price' aria-label=Price>"
    acts = (
        ("sell", f"Sell one at {store or 'S01'}", where + article + price),
        ("sell", "Sell one, damage the line", where + _hidden("fault", "bad_line")),
        ("sell", "Sell one, drop it twice", where + _hidden("fault", "drop_twice")),
        ("refund", "Refund the latest", ""),
        ("plug", "Pull the plug for 20 s", _hidden("seconds", "20")),
    )
    return "".join(
        f"<form method=post action='/_sim/{act}{back}'>{fields}<button>{label}</button></form>"
        for act, label, fields in acts
    )


def _hidden(name: str, value: str) -> str:
    return f"<input type=hidden name={name} value='{value}'>"


def _stores(tills: Tills, receipts: Mapping[str, int], chosen: str) -> str:
    cards = "".join(
        f"<a class=card href='/?store={code}'{' aria-current=true' if code == chosen else ''}>"
        f"{code}<b>{receipts.get(code, 0)}</b>"
        f"<small>receipts · {_known(tills, code)} prices</small></a>"
        for code in STORES
    )
    return f"<h2>Stores</h2><div class=grid data-live>{cards}</div>"


def _known(tills: Tills, code: str) -> int:
    return sum(1 for known in tills.shelves[code].articles.values() if known.get("price"))


def _receipts(tills: Tills, store: str, kind: str) -> str:
    fit = (
        r
        for r in reversed(tills.receipts.values())
        if store in ("", r["store"]) and kind in ("", r["kind"])
    )
    rows = "".join(
        f"<tr><td>{escape(r['number'])}<td>{escape(WORDS[r['kind']])}"
        f"<td>{escape(r['at'].replace('T', ' '))}"
        f"<td class=n>{len(r.get('lines', []))}<td class=n>{r['total']}"
        f"<td>{escape(', '.join(t['kind'] for t in r.get('tenders', [])))}"
        f"<td>{escape(r.get('original', ''))}"
        for r in islice(fit, NEWEST)
    )
    head = (
        "<tr><th>Number<th>What<th>Time<th class=n>Lines<th class=n>Total<th>Tender<th>Takes back"
    )
    shown = f"<h2 id=receipts>Last receipts {store}</h2>"
    return f"{shown}<div class=wide><table data-live>{head}{rows}</table></div>"


def _prices(tills: Tills, store: str) -> str:
    if not store:
        return ""
    articles = sorted(tills.shelves[store].articles.items())
    rows = "".join(
        f"<tr><td>{escape(sku)}<td>{escape(known.get('title', ''))}"
        f"<td class=n>{escape(known.get('price') or '-')}<td>{escape(known.get('tax', ''))}"
        for sku, known in articles
    )
    return (
        f"<h2>Articles the tills of {store} know</h2><div class=wide>"
        f"<table data-live><tr><th>Code<th>Text<th class=n>Price<th>Tax{rows}</table></div>"
    )
