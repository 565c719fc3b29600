"""The frame of a simulator's window: a page for people that shows what changed while it is open.

A part of the page between tags with ``data-live`` is brought up to date every two seconds; what
stands outside of it (forms, what a person is typing) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

FORM = "application/x-www-form-urlencoded"
STYLE = (Path(__file__).parent / "window.css").read_text(encoding="utf-8")
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


def page(title: str, body: Iterable[str], *, said: str = "", accent: str = "#6b3fa0") -> str:
    """A whole page. ``body``: HTML, safe already. ``said``: what the last button did."""
    told = f'<p class="said" role="status">{escape(said)}</p>' if said else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title>'
        f"<style>{STYLE}:root{{--mark:{accent}}}</style><main>"
        f"<header><h1>{escape(title)}</h1></header>{told}{''.join(body)}</main>"
        f"<script type=module>{SCRIPT}</script></html>"
    )


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """(figure, what it counts), as a live row of tiles."""
    cells = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for value, label in pairs
    )
    return f'<dl class="figures" data-live>{cells}</dl>'


def form(action: str, label: str, fields: str = "") -> str:
    return f'<form method="post" action="{action}">{fields}<button>{escape(label)}</button></form>'


def field(name: str, label: str, *, value: str = "", kind: str = "text") -> str:
    """A small input; its label is its placeholder too."""
    return (
        f'<input name="{name}" inputmode="{kind}" placeholder="{escape(label)}"'
        f' aria-label="{escape(label)}" value="{escape(value)}">'
    )


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def acts(forms: Iterable[str]) -> str:
    return f'<section class="acts" aria-label="Do something">{"".join(forms)}</section>'


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], above: str = "") -> str:
    """``heads`` that begin with ``#`` are of figures, set to the right. Cells are text, or HTML
    where they come from `safe`."""
    names = [head.removeprefix("#") for head in heads]
    right = [" class=n" if head.startswith("#") else "" for head in heads]
    columns = "".join(
        f'<th scope="col"{side}>{escape(name)}</th>'
        for name, side in zip(names, right, strict=True)
    )
    cells = "".join(f"<tr>{_cells(row, right)}</tr>" for row in rows)
    empty = f'<tr><td colspan="{len(names)}">Nothing yet.</td></tr>'
    return (
        f"<section><h2>{escape(title)}</h2>{above}<div class=scroll><table><thead><tr>{columns}"
        f"</tr></thead><tbody data-live>{cells or empty}</tbody></table></div></section>"
    )


class safe(str):
    """HTML of our own making, put into a cell as it is."""

    __slots__ = ()


def _cells(row: Sequence[str], right: Sequence[str]) -> str:
    pairs = zip(row, right, strict=True)
    return "".join(f"<td{side}>{_cell(value)}</td>" for value, side in pairs)


def _cell(value: str) -> str:
    return value if isinstance(value, safe) else escape(value)


async def asked(request: web.Request) -> Any:
    """What was asked for: JSON of a script, or a form of the window (empty fields left out)."""
    if request.content_type == FORM:
        return {key: value for key, value in (await request.post()).items() if value != ""}
    return await request.json() if request.can_read_body else {}


def answer(request: web.Request, body: Any, said: str) -> web.Response:
    """JSON for a script; a person is sent back to the window, which says what was done."""
    if request.content_type == FORM:
        raise _back(request, said)
    return web.json_response(body, status=201)


def refused(request: web.Request, why: str) -> web.HTTPException:
    """To raise: the window says why, a script gets a 409."""
    return _back(request, why) if request.content_type == FORM else web.HTTPConflict(text=why)


def _back(request: web.Request, said: str) -> web.HTTPSeeOther:
    """Keeps the query the button was pressed with."""
    return web.HTTPSeeOther("/?" + urlencode({**request.query, "said": said}))
