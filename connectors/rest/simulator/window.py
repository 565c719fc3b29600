"""The window into the house system: its orders, the documents it was given, its stock figures."""

from __future__ import annotations

from html import escape
from itertools import islice

from connectors.sdk.simulation.store import Row, Store

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5d6b7a;--line:#d9e0e7;--paper:#f6f8fa;
--card:#fff;--mark:#6d3fc0}
@media(prefers-color-scheme:dark){:root{--ink:#e6ecf2;--soft:#9aa8b6;--line:#2c3743;--paper:#11161c;
--card:#19212a;--mark:#b79af0}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}main{max-width:72rem;margin:auto;padding:1rem}
h1{font-size:1.3rem;margin:.3rem 0}h2{font-size:1rem;margin:1.4rem 0 .5rem}p{color:var(--soft)}
form{display:inline-block;margin:0 .4rem .4rem 0}button,input{font:inherit;padding:.4rem .8rem;
border-radius:.4rem;border:1px solid var(--line);background:var(--card);color:inherit}
button{cursor:pointer}button:hover{border-color:var(--mark)}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:start;padding:.4rem .7rem;
border-bottom:1px solid var(--line);white-space:nowrap}td.n,th.n{text-align:end;
font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:500}
"""
#: Shows what changed every two seconds.
SCRIPT = """
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch("/").catch(() => null);
  if (!answer || !answer.ok) return;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelectorAll("[data-live]").forEach((part, i) => {
    const next = now.querySelectorAll("[data-live]")[i];
    if (next && next.innerHTML !== part.innerHTML) part.innerHTML = next.innerHTML;
  });
}, 2000);
"""
NEWEST = 40


def page(store: Store) -> str:
    orders, documents = store.table("orders"), store.table("documents")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<link rel=icon href='data:,'>"
        f"<title>House system</title><style>{STYLE}</style><main>"
        f"<h1 data-live>{len(orders)} orders, {len(documents)} documents</h1>"
        "<p>A simulator of a shop and back office made in-house, with a JSON API.</p>"
        "<form method=post action=/_sim/order><button>Place an order</button></form>"
        "<form method=post action=/_sim/order><input name=id inputmode=numeric required "
        "placeholder='order id' aria-label='Order id'><input type=hidden name=status "
        "value=cancelled><button>Cancel it</button></form>"
        + _table("Orders", ("number", "status", "total", "updated_at"), list(orders.values()))
        + _table("Documents", ("id", "number", "reference", "state"), list(documents.values()))
        + _table("Stock", ("sku", "qty"), list(store.table("stock").values()))
        + f"</main><script type=module>{SCRIPT}</script></html>"
    )


def _table(title: str, columns: tuple[str, ...], rows: list[Row]) -> str:
    head = "".join(f"<th>{escape(name.replace('_', ' '))}" for name in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row.get(name, '')))}" for name in columns)
        for row in islice(reversed(rows), NEWEST)
    )
    return f"<h2>{title}</h2><div class=wide><table data-live><tr>{head}{lines}</table></div>"
