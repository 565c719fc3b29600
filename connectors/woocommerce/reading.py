"""Reading: what changed since a cursor, and whole records by id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.sdk.records import Heard, Json, Page, SourceRecord
from connectors.woocommerce.api import PAGE, Api, repeated
from connectors.woocommerce.unfold import unfolded

#: A record may carry the second in which it was read, or commit a little after its stamp
#: (findings 14 and 17): read this far back again. Copies end at the inbox.
OVERLAP = timedelta(seconds=30)
_FORM = "%Y-%m-%dT%H:%M:%S"


def changed(api: Api, stream: str, cursor: Json) -> Iterator[Page]:
    """Pages in the order of change. The cursor is the newest ``date_modified_gmt`` seen.

    Reads by key, not by page number: a record that changes meanwhile moves to the end and would
    push its neighbours off the page that is still to be read. Only where one second fills a
    whole page is the next page of that second taken.
    """
    newest = str(cursor.get("modified", ""))
    floor = _back(newest, OVERLAP) if newest else ""
    seen: set[tuple[int, str]] = set()
    page, before = 1, ""
    while True:
        started = datetime.now(UTC)
        rows = api.get(stream, **_window(floor, page))
        print_ = _fingerprint(rows)
        if rows and page > 1 and print_ == before:
            raise repeated(stream)
        before = print_
        fresh = [row for row in rows if (row["id"], row["date_modified_gmt"]) not in seen]
        seen.update((row["id"], row["date_modified_gmt"]) for row in fresh)
        if fresh:
            newest = max(newest, max(row["date_modified_gmt"] for row in fresh))
            told = tuple(_heard(stream, row, started) for row in _whole(api, stream, fresh))
            yield Page(told, {"modified": newest})
        if len(rows) < PAGE:
            return
        floor, page = _next(floor, page, rows[-1]["date_modified_gmt"])


def reread(api: Api, stream: str, ids: Sequence[str]) -> dict[str, SourceRecord | None]:
    """Records by id; None for one the shop no longer has.

    Lists leave out trash and drafts (finding 18), so what a list lacks is asked for singly.
    """
    found: dict[str, SourceRecord | None] = {}
    known = [id_ for id_ in dict.fromkeys(ids) if id_.isdigit()]
    for start in range(0, len(known), PAGE):
        some = known[start : start + PAGE]
        started = datetime.now(UTC)
        rows = api.get(stream, include=",".join(some), per_page=PAGE, status="any")
        listed = {str(row["id"]) for row in rows}
        for id_ in some:
            if id_ not in listed:
                row = api.find(f"{stream}/{id_}")
                rows += [] if row is None else [row]
        for row in _whole(api, stream, rows):
            found[str(row["id"])] = record(stream, row, started)
    return {id_: found.get(id_) for id_ in ids}


def record(stream: str, row: Json, started: datetime | None) -> SourceRecord:
    return SourceRecord(
        stream=stream,
        external_id=str(row["id"]),
        body=unfolded(stream, row),
        version=row.get("date_modified_gmt") or "",
        our_ref=ref_of(row),
        deleted=row.get("status") == "trash",
        read_started_at=started,
    )


#: Under this key our reference is kept in the shop's records.
REF = "_crossdock_ref"


def ref_of(row: Json) -> str:
    for meta in row.get("meta_data") or ():
        if meta.get("key") == REF:
            return str(meta.get("value") or "")
    return ""


def _whole(api: Api, stream: str, rows: Iterable[Json]) -> list[Json]:
    """Add what lists leave out: an order's refunds, a variable product's variations."""
    whole = []
    for row in rows:
        if stream == "orders" and row.get("refunds"):
            refunds = [r for p in api.pages(f"orders/{row['id']}/refunds") for r in p]
            # One made since the order was read is left for the reading that its webhook brings:
            # whether its goods came back stands in the order, and this order is from before.
            known = {r["id"] for r in row["refunds"]}
            told = sorted((r for r in refunds if r["id"] in known), key=lambda r: int(r["id"]))
            row = {**row, "_refunds": told}
        elif stream == "products" and row.get("variations"):
            path = f"products/{row['id']}/variations"
            row = {**row, "_variations": [v for p in api.pages(path) for v in p]}
        whole.append(row)
    return whole


def _heard(stream: str, row: Json, started: datetime) -> Heard:
    body = msgspec.json.encode(row)
    mark = f"{stream}\n{row['id']}\n{row['date_modified_gmt']}\n".encode()
    return Heard(stream, hashlib.sha256(mark + body).hexdigest(), body, read_started_at=started)


def _window(floor: str, page: int) -> Json:
    """Naive GMT with the flag: the one form of a date that no site zone bends (finding 15)."""
    params = {"status": "any", "orderby": "modified", "order": "asc", "per_page": PAGE}
    if page > 1:
        params["page"] = page
    if floor:
        params |= {"modified_after": floor, "dates_are_gmt": "true"}
    return params


def _next(floor: str, page: int, last: str) -> tuple[str, int]:
    """After a full page: from just before its last stamp on, or the next page of that second."""
    higher = _back(last, timedelta(seconds=1))
    return (higher, 1) if higher > floor else (floor, page + 1)


def _back(stamp: str, by: timedelta) -> str:
    when = datetime.strptime(stamp, _FORM).replace(tzinfo=UTC)
    return (when - by).strftime(_FORM)


def _fingerprint(rows: Sequence[Json]) -> str:
    return ",".join(f"{row['id']}@{row['date_modified_gmt']}" for row in rows)
