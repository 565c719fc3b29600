"""Reading: what changed since a cursor, and whole records by id.

Every search is read again from a little before its newest record; within a search Square's own
cursor is kept, so that a long one goes on where it was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.sdk.errors import Rejected, Unreadable
from connectors.sdk.records import Json, Page, SourceRecord
from connectors.square.api import LOCATIONS, Api, chunks
from connectors.square.records import heard, record
from connectors.square.whole import BEFORE, Places, by_id, earlier, inner
from connectors.square.whole import told as told_with

#: Square's searches show a change some seconds after it was made, in bad times a minute after
#: (descriptions of the list endpoints): read this far back again. Copies end at the inbox.
OVERLAP = timedelta(seconds=60)
PAGE = 500


@dataclass(frozen=True, slots=True)
class Source:
    """A search: ``query`` makes its body from the time to begin at ("" = from the beginning)."""

    path: str
    name: str
    query: Callable[[str], Json]
    stamp: Callable[[Json], str]


def changed(api: Api, stream: str, cursor: Json) -> Iterator[Page]:
    """Pages of what is new. Cursors hold times of records seen, and Square's own page cursor while
    a search is under way."""
    started = datetime.now(UTC)
    if stream == "locations":
        rows = list(api.locations().values())
        yield Page(tuple(heard(stream, row, started) for row in told_with(api, stream, rows)), {})
        return
    known = Places(api)
    for key, source in _sources(api, stream, known):
        started = datetime.now(UTC)
        for rows, state in _walk(api, source, dict(cursor.get(key) or {})):
            cursor = {**cursor, key: state}
            told = told_with(api, stream, rows, known)
            yield Page(tuple(heard(stream, one, started) for one in told), cursor)
            started = datetime.now(UTC)


def _sources(api: Api, stream: str, known: Places) -> Iterator[tuple[str, Source]]:
    """Orders are searched by ten locations at a time, each such group with a cursor of its own."""
    if stream == "orders":
        for some in chunks(known.wanted, LOCATIONS):
            key = hashlib.sha256(",".join(some).encode()).hexdigest()[:12]
            yield key, Source("/v2/orders/search", "orders", _orders_of(api, some),
                              lambda row: str(row["updated_at"]))  # fmt: skip
    elif stream == "catalog":
        yield "all", Source("/v2/catalog/search", "objects", _objects_since,
                            lambda row: str(row["updated_at"]))  # fmt: skip
    elif stream == "customers":
        yield "all", Source("/v2/customers/search", "customers", _people_since,
                            lambda row: str(row["updated_at"]))  # fmt: skip
    elif stream == "stock":
        yield "all", Source("/v2/inventory/counts/batch-retrieve", "counts",
                            lambda since: _stock_since(since, known.wanted),
                            lambda row: str(row["calculated_at"]))  # fmt: skip
    elif stream == "movements":
        yield "all", Source("/v2/inventory/changes/batch-retrieve", "changes",
                            lambda since: _moves_since(since, known.wanted),
                            lambda row: str(inner(row)["created_at"]))  # fmt: skip


def _orders_of(api: Api, locations: Sequence[str]) -> Callable[[str], Json]:
    first = str(api.config.get("since") or "")

    def query(since: str) -> Json:
        begin = since or (f"{first}T00:00:00Z" if first else "")
        times = {"date_time_filter": {"updated_at": {"start_at": begin}}} if begin else {}
        states = {"state_filter": {"states": ["COMPLETED"]}}
        sort = {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
        return {"location_ids": list(locations), "limit": PAGE,
                "query": {"filter": {**states, **times}, "sort": sort}}  # fmt: skip

    return query


def _objects_since(since: str) -> Json:
    body: Json = {"object_types": ["ITEM", "TAX"], "include_deleted_objects": True, "limit": PAGE}
    return body | ({"begin_time": since} if since else {})


def _people_since(since: str) -> Json:
    times = {"filter": {"updated_at": {"start_at": since}}} if since else {}
    return {"limit": 100, "query": times}


def _stock_since(since: str, places: Sequence[str]) -> Json:
    body: Json = {"states": ["IN_STOCK"], "location_ids": list(places), "limit": PAGE}
    return body | ({"updated_after": since} if since else {})


def _moves_since(since: str, places: Sequence[str]) -> Json:
    body: Json = {"types": ["ADJUSTMENT"], "location_ids": list(places), "limit": PAGE}
    return body | ({"updated_after": since} if since else {})


def _walk(api: Api, source: Source, state: Json) -> Iterator[tuple[list[Json], Json]]:
    """Rows of each page, and where to go on after it. A search that shows what it showed the last
    time is passed over, so that the overlap of a quiet day isn't stored again and again."""
    since, at = str(state.get("since", "")), str(state.get("at", ""))
    newest = str(state.get("newest", since))
    body = source.query(earlier(since, OVERLAP) if since else "")
    while True:
        try:
            told = api.read(source.path, {**body, "cursor": at} if at else body)
        except Rejected as error:
            if not at or "INVALID_CURSOR" not in error.detail:
                raise
            at = ""  # it ran out while we were away: from the beginning of this search
            continue
        rows = list(told.get(source.name) or ())
        newest = max([newest, *map(source.stamp, rows)])
        following = str(told.get("cursor") or "")
        if following and following == at:
            raise Unreadable(
                f"Square's pages of {source.path} go in circles; it will be asked again.",
                code="page-anomaly",
            )
        if following:
            yield rows, {"since": since, "newest": newest, "at": following}
            at = following
            continue
        seen = "" if at else _mark(rows)
        if at or (rows and seen != state.get("seen")):
            yield rows, {"since": newest, "seen": seen}
        return


# ------------------------------------------------------------------ by id


def reread(api: Api, stream: str, ids: Sequence[str]) -> dict[str, SourceRecord | None]:
    """Records by id; None for one that Square no longer has. An id ``since:…`` asks for whatever
    changed since then, and brings more than one record or none. Orders and stock are never deleted
    at Square: one that isn't found yet is left to the next search."""
    started = datetime.now(UTC)
    asked = list(dict.fromkeys(ids))
    rows = _rows(api, stream, asked)
    found: dict[str, SourceRecord | None] = {}
    for told in told_with(api, stream, rows):
        one = record(stream, told, started)
        found[one.external_id] = one
    if stream in ("catalog", "customers", "locations"):
        found |= {id_: None for id_ in asked if id_ not in found and not id_.startswith("since:")}
    return found


def _rows(api: Api, stream: str, ids: list[str]) -> list[Json]:
    since = [id_.removeprefix("since:") for id_ in ids if id_.startswith("since:")]
    plain = [id_ for id_ in ids if not id_.startswith("since:")]
    match stream:
        case "orders":
            return by_id(api, plain)
        case "stock":
            return _counts(api, plain)
        case "movements":
            return [*_moves(api, since), *_adjustments(api, plain)]
        case "catalog":
            rows = list(api.objects(plain, deleted=True).values()) if plain else []
            if since:
                body = _objects_since(earlier(min(since), BEFORE))
                rows += [row for p in api.pages("/v2/catalog/search", body)
                         for row in p.get("objects", ())]  # fmt: skip
            return rows
        case "customers":
            told = [api.find(f"/v2/customers/{id_}") for id_ in plain]
            return [t["customer"] for t in told if t]
    return [row for row in api.locations().values() if row["id"] in plain]


def _counts(api: Api, pairs: Iterable[str]) -> list[Json]:
    wanted = {tuple(pair.split("@", 1)) for pair in pairs if "@" in pair}
    body = {"catalog_object_ids": sorted({v for v, _ in wanted}), "states": ["IN_STOCK"],
            "location_ids": sorted({place for _, place in wanted})}  # fmt: skip
    if not wanted:
        return []
    return [
        row
        for told in api.pages("/v2/inventory/counts/batch-retrieve", body)
        for row in told.get("counts", ())
        if (row["catalog_object_id"], row["location_id"]) in wanted
    ]


def _moves(api: Api, since: Iterable[str]) -> list[Json]:
    """Adjustments shortly before and after the times that counts were told under."""
    wanted = [told.split("@", 2) for told in since if told.count("@") == 2]
    if not wanted:
        return []
    body = {
        "catalog_object_ids": sorted({variation for variation, _, _ in wanted}),
        "location_ids": sorted({place for _, place, _ in wanted}), "types": ["ADJUSTMENT"],
        "updated_after": earlier(min(at for _, _, at in wanted), BEFORE),
    }  # fmt: skip
    return [
        row
        for told in api.pages("/v2/inventory/changes/batch-retrieve", body)
        for row in told.get("changes", ())
    ]


def _adjustments(api: Api, ids: Iterable[str]) -> list[Json]:
    told = [api.find(f"/v2/inventory/adjustments/{id_}") for id_ in ids]
    return [{"type": "ADJUSTMENT", "adjustment": t["adjustment"]} for t in told if t]


def _mark(rows: Iterable[Json]) -> str:
    return hashlib.sha256(msgspec.json.encode(list(rows), order="sorted")).hexdigest()[:16]
