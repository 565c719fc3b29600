"""How the "break it" board looks. Pure: what was counted and what happened in, HTML out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CSS = (HERE / "board.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "board.js").read_text(encoding="utf-8")

#: kind: (words, list of the ERP, system it comes from, that system's list)
FIGURES = {
    "orders": ("orders of the shop are in the ERP", "?view=orders", "shop", "?list=orders#orders"),
    "invoices": ("orders are invoiced and paid", "?view=invoices&q=out_invoice", "", ""),
    "refunds": ("refunds of the shop are credited in the ERP", "?view=invoices&q=out_refund",
                "shop", "?list=orders#orders"),
    "sales": ("sales of the tills are in the ERP", "?view=pos", "tills", "?kind=sale#receipts"),
    "returns": ("returns at the tills are in the ERP", "?view=pos&q=true", "tills",
                "?kind=return#receipts"),
}  # fmt: skip
ACTS = {
    "sell": "Sell ten, at shop and tills",
    "worker": "Kill a worker (-9)",
    "redis": "Flush Redis",
    "erp": "Take the ERP down for 20 s",
}


@dataclass(frozen=True)
class Figure:
    """``right`` of ``expected`` are there; the links open the two systems' own lists."""

    right: int
    expected: int
    words: str
    erp: str
    source: str
    source_list: str

    @property
    def complete(self) -> bool:
        return self.right == self.expected


def figures(report: Mapping[str, Any]) -> list[Figure]:
    """One for each kind of document the counter compared."""
    erp = report.get("counts", {}).get("erp", {})
    return [
        Figure(erp[kind]["right"], erp[kind]["expected"], *words)
        for kind, words in FIGURES.items()
        if kind in erp
    ]


def verdict(report: Mapping[str, Any]) -> tuple[str, str]:
    """(sentence, how it looks). What is missing while systems work is on its way; what is there
    twice or differs by a cent is wrong at once."""
    if not report:
        return "The first count is under way.", "wait"
    missing, doubled, cents = report["lost"], report["doubled"], report["cents_off"]
    wrong = f"{doubled} doubled, {cents} off by a cent"
    if doubled or cents:
        return f"{missing} missing, {wrong}.", "bad"
    if missing:
        return f"{missing} on their way, {wrong}.", "wait"
    orders = report["counts"]["erp"]["orders"]
    return f"{orders['right']} of {orders['expected']} orders in the ERP, 0 lost, {wrong}.", "good"


def live(
    report: Mapping[str, Any],
    addresses: Mapping[str, str],
    *,
    trouble: str,
    wish: tuple[str, str] | None,
    happened: Iterable[tuple[str, str]],
) -> str:
    """What changes by itself. ``addresses``: {system: url}. ``trouble``: why the count is old."""
    sentence, look = verdict(report)
    if trouble:
        sentence, look, trouble = trouble, "wait", f"Before that: {sentence}"
    at = f"Counted at {report['at']} in the systems themselves. " if report else ""
    asked = (
        f"<p class=wish>{escape(wish[0])} <a href='{escape(wish[1], quote=True)}'>Create it</a></p>"
        if wish
        else ""
    )
    cards = "".join(_card(figure, addresses) for figure in figures(report))
    events = "".join(
        f"<li><time>{at}</time><span>{escape(said)}</span></li>" for at, said in happened
    )
    return (
        f"<div class='verdict {look}'><b>{escape(sentence)}</b>"
        f"<small>{at}{escape(trouble)}</small></div>{asked}<div class=cards>{cards}</div>"
        f"<h2>What happened</h2><ol aria-live=polite>"
        f"{events or '<li class=soft>Nothing was broken by hand yet.</li>'}</ol>"
    )


def _card(figure: Figure, addresses: Mapping[str, str]) -> str:
    links = f"<a href='{addresses['ERP']}/{escape(figure.erp, quote=True)}'>in the ERP</a>"
    if figure.source:
        there = f"{addresses[figure.source]}/{figure.source_list}"
        links += f"<a href='{escape(there, quote=True)}'>in the {figure.source}</a>"
    return (
        f"<div class=card><b class={'good' if figure.complete else 'wait'}>"
        f"{figure.right} of {figure.expected}</b>{figure.words}<br>{links}</div>"
    )


def page(inner: str, addresses: Mapping[str, str], portals: Mapping[str, str]) -> str:
    """The whole board around ``inner``."""
    buttons = "".join(
        f"<form method=post action='/break/{what}'><button class={what}>{label}</button></form>"
        for what, label in ACTS.items()
    )
    links = "".join(
        f"<div class=card><a href='{url}/'>{escape(title)}</a><br><small>{url}</small></div>"
        for title, url in (*portals.items(), *addresses.items())
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        "<link rel=icon href='data:,'><noscript><meta http-equiv=refresh content=5></noscript>"
        f"<title>Break it</title><style>{CSS}</style></head><body><main><h1>Break it</h1>"
        "<p class=soft>Sell, break something, and watch the figures fall behind and catch up. "
        "Nobody asks the hub: a counter reads the shop, the tills and the ERP.</p>"
        f"<h2>Press</h2><div class=acts>{buttons}</div><div id=live>{inner}</div>"
        f"<h2>Where to look</h2><div class=cards>{links}</div></main>"
        f"<script type=module>{SCRIPT}</script></body></html>"
    )
