"""From one page to the next, in each style. Pure: an address in, what comes after it out.

A *place* is where a sweep stands: {} at its beginning, else what the style needs to go on. It is
kept in the cursor, so that a long sweep goes on where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.rest.paths import at, text
from connectors.rest.settings import (
    CursorToken,
    Keyset,
    LinkHeader,
    NextLink,
    NoPages,
    Offset,
    PageNumber,
    Paging,
)
from connectors.sdk.records import Json

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?(?:\s*[;,]|\s*$)", re.I)

_PLACES: dict[type, str] = {PageNumber: "page", Offset: "offset", CursorToken: "token",
                            Keyset: "after", NextLink: "url", LinkHeader: "url"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """A page: how many ``rows``, the ``last`` of them, the ``largest`` page before it."""

    rows: int
    last: Any
    largest: int


def fits(paging: Paging, place: Json) -> bool:
    """Whether this style can go on from a place that was kept."""
    return not place or set(place) == {_PLACES.get(type(paging), "")}


def params(paging: Paging, place: Json) -> dict[str, str]:
    """What the query of a page holds, by the place it is at."""
    if isinstance(paging, NoPages) or "url" in place:
        return {}
    said = {paging.size_param: str(paging.size)} if paging.size_param else {}
    if isinstance(paging, PageNumber):
        said[paging.param] = str(place.get("page", paging.first))
    elif isinstance(paging, Offset):
        said[paging.param] = str(place.get("offset", 0))
    elif isinstance(paging, CursorToken) and place:
        said[paging.param] = place["token"]
    elif isinstance(paging, Keyset) and place:
        said[paging.param] = place["after"]
    return said


def following(
    paging: Paging, place: Json, page: Seen, value: Any, headers: Mapping[str, str]
) -> Json | None:
    """The next place, or None at the end. A link is given as ``url``, as the API wrote it."""
    if isinstance(paging, PageNumber):
        return {"page": place.get("page", paging.first) + 1} if _more(paging, page) else None
    if isinstance(paging, Offset):
        return {"offset": place.get("offset", 0) + page.rows} if _more(paging, page) else None
    if isinstance(paging, Keyset):
        after = text(at(page.last, paging.path))
        return {"after": after} if after and _more(paging, page) else None
    if isinstance(paging, CursorToken):
        token = _named(paging.path, value, headers)
        on = not paging.more or bool(at(value, paging.more))
        return {"token": token} if token and on else None
    if isinstance(paging, NextLink):
        link = text(at(value, paging.path))
    elif isinstance(paging, LinkHeader):
        link = linked(headers.get("link", ""))
    else:
        link = ""
    return {"url": link} if link else None


def _more(paging: PageNumber | Offset | Keyset, page: Seen) -> bool:
    """A page shorter than asked for may be the last, or the most the API gives at once: only one
    shorter than its like, or an empty one, is surely the last."""
    return page.rows >= (paging.size if paging.short_ends else max(page.largest, 1))


def linked(header: str) -> str:
    """The address with rel="next" of a Link header, "" if there is none."""
    for address, rest in _LINK.findall(header):
        if _NEXT.search(rest):
            return str(address)
    return ""


def total(paging: Paging, value: Any, headers: Mapping[str, str]) -> int | None:
    """How many records there are, where the API says so."""
    path = paging.total if isinstance(paging, PageNumber | Offset) else ""
    if not path:
        return None
    said = _named(path, value, headers)
    return int(said) if said.isdigit() else None


def _named(path: str, value: Any, headers: Mapping[str, str]) -> str:
    source, _, name = path.partition(":")
    return headers.get(name.lower(), "") if source == "header" and name else text(at(value, path))
