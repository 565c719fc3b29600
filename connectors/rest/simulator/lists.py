"""The list of orders, in every style of paging an ordinary API has."""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import web

Row = dict[str, Any]
STYLES = ("none", "page", "offset", "cursor", "next", "link", "keyset")


def listed(request: web.Request, style: str, rows: list[Row], quirks: Row) -> web.Response:
    """``rows``: in the order of their change.

    Quirks: ``cap`` (most rows of a page), ``repeat`` (the page is ignored), ``empty`` (that many
    empty pages that name a next one), ``twice`` (the last row again, with another total), ``cut``
    (the answer ends in the middle), ``hides`` (that many rows at the beginning are gone).
    """
    query = request.query
    since = query.get("updated_since", "")
    rows = [r for r in rows if r["updated_at"] >= since]
    rows = rows[int(quirks.get("hides", 0)) :]
    if quirks.get("twice") and rows:
        rows = [*rows, {**rows[-1], "total": "0.01"}]
    size = min(int(query.get("limit", 100)), int(quirks.get("cap", 100)))
    if style == "none":
        return web.json_response({"data": rows})
    if style == "keyset":
        after = int(query.get("after_id", 0))
        rest = sorted((r for r in rows if r["id"] > after), key=lambda r: int(r["id"]))
        return web.json_response({"data": rest[:size]})
    start = 0 if quirks.get("repeat") else _start(style, request, size)
    page = rows[start : start + size]
    body: Row = {"data": page, "total": len(rows)}
    headers = {"X-Total": str(len(rows))}
    if quirks.get("cut"):
        return web.Response(text=json.dumps(body)[:-20], content_type="application/json")
    more = start + size < len(rows) or bool(quirks.get("repeat"))
    left = int(quirks.get("empty", 0))
    if left:
        quirks["empty"] = left - 1
        body["data"], more = [], True
        start -= size
    if more:
        _point(style, request, start + size, size, body, headers)
    return web.json_response(body, headers=headers)


def _start(style: str, request: web.Request, size: int) -> int:
    query = request.query
    if style == "page":
        return (int(query.get("page", 1)) - 1) * size
    if style == "offset":
        return int(query.get("offset", 0))
    if style == "cursor" and "cursor" in query:
        return int(json.loads(base64.urlsafe_b64decode(query["cursor"]))["at"])
    return int(query.get("at", 0))


def _point(
    style: str, request: web.Request, start: int, size: int, body: Row, headers: dict[str, str]
) -> None:
    if style == "cursor":
        body["next_cursor"] = base64.urlsafe_b64encode(json.dumps({"at": start}).encode()).decode()
    link = str(request.rel_url.update_query(at=str(start), limit=str(size)))
    if style == "next":
        body["links"] = {"next": link}
    if style == "link":
        headers["Link"] = f'<{link}>; rel="next", </first>; rel="first"'
