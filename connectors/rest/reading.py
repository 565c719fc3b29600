"""Reading: sweeps over a list, page by page, and records by their id.

The cursor of a stream holds what the sweep asks from (``since``), the ``newest`` seen in it, where
it stands (``place``, ``count``), how many records there were (``total``), whether rows were seen to
shift (``again``), and of streams without a `since` a fingerprint per page (``pages``). A sweep only
moves `since` when it has reached its end, so the order in which the API lists doesn't matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.rest import paging
from connectors.rest.api import Api
from connectors.rest.paths import address as addressed
from connectors.rest.paths import at, raw_at, raw_items, text
from connectors.rest.records import TWICE, comparable, moment, record, version
from connectors.rest.settings import Since, StreamSpec
from connectors.sdk.errors import AccessRefused, ConnectorError, Rejected, Unreadable
from connectors.sdk.http import Response
from connectors.sdk.records import Heard, Json, Page, SourceRecord

#: Empty pages in a row that still name a next one, before we take it for a circle.
EMPTY_PAGES = 20
#: How far a source's clock may be ahead of ours before its stamp is left aside.
AHEAD = timedelta(days=2)
#: Of a sweep, what the cursor keeps, beside the pages.
KEPT = ("since", "newest", "place", "total", "again", "largest", "count")


@dataclass(slots=True)
class Sweep:
    """One way through a list."""

    since: str = ""
    newest: str = ""
    place: Json = field(default_factory=dict)
    total: int = -1
    again: bool = False
    prints: set[str] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    empty: int = 0
    largest: int = 0
    count: int = 0

    def cursor(self, pages: dict[str, str]) -> Json:
        """What is worth keeping."""
        said = {**{name: getattr(self, name) for name in KEPT}, "pages": pages}
        return {k: v for k, v in said.items() if v not in ("", {}, -1, 0, False)}


def read(api: Api, spec: StreamSpec, cursor: Json) -> Iterator[Page]:
    """Pages of what is new. Raises Unreadable (``page-anomaly``) for paging in circles; the cursor
    stays where it was."""
    sweep = Sweep(**{k: v for k, v in cursor.items() if k in KEPT})
    if not paging.fits(spec.paging, sweep.place):
        sweep.place, sweep.count = {}, 0  # the settings have changed since
    pages: dict[str, str] = dict(cursor.get("pages") or {})
    while sweep.count < spec.most_pages:
        started = datetime.now(UTC)
        answer = _page(api, spec, sweep)
        value = None if answer is None else api.value(answer, reading=True)
        bodies, rows = ([], []) if answer is None else _rows(spec, answer)
        print_ = _guarded(spec, sweep, bodies)
        headers = {} if answer is None else answer.headers
        _watch(spec, sweep, rows, paging.total(spec.paging, value, headers))
        number = str(sweep.count)
        known = spec.since is None and pages.get(number) == print_
        pages |= {} if spec.since else {number: print_}
        heard = () if known else _heard(api, spec, bodies, rows, started)
        seen = paging.Seen(len(rows), rows[-1] if rows else None, sweep.largest)
        place = paging.following(spec.paging, sweep.place, seen, value, headers)
        if place is None:
            kept = {n: mark for n, mark in pages.items() if int(n) <= sweep.count}
            yield Page(heard, _ended(spec, sweep).cursor(kept))
            return
        if "url" in place:
            place = {"url": api.joined(_url(api, spec, sweep), place["url"])}
        sweep.place, sweep.count = place, sweep.count + 1
        sweep.largest = max(sweep.largest, len(rows))
        yield Page(heard, sweep.cursor(pages))
    raise _circle(spec, f"{spec.most_pages} pages have no end")


def _page(api: Api, spec: StreamSpec, sweep: Sweep) -> Response | None:
    """The page the sweep stands at; None where a page number lies beyond the end.

    A place that was kept since the last turn may have run out (a token, a link): then the sweep
    begins anew.
    """
    beyond = "page" in sweep.place
    try:
        return api.get(_url(api, spec, sweep), gone=beyond)
    except (Rejected, AccessRefused) as error:
        kept = bool(sweep.place) and not sweep.prints
        if not kept or error.code in ("revoked", "scope-missing"):
            raise
        sweep.place, sweep.count = {}, 0
        return api.get(_url(api, spec, sweep))


def _ended(spec: StreamSpec, sweep: Sweep) -> Sweep:
    """The next sweep. Rows that shifted may have hidden others: then it begins where this began."""
    if sweep.again or spec.since is None:
        return Sweep(since=sweep.since)
    return Sweep(since=sweep.newest or sweep.since)


def _url(api: Api, spec: StreamSpec, sweep: Sweep) -> str:
    if "url" in sweep.place:
        return api.url(sweep.place["url"])
    said = {**spec.params, **paging.params(spec.paging, sweep.place)}
    if spec.since is not None:
        asked = back(spec.since, sweep.since) if sweep.since else spec.since.first
        if asked:
            said.setdefault(spec.since.param, asked)
    return api.url(spec.address, said)


def _rows(spec: StreamSpec, answer: Response) -> tuple[list[bytes], list[Any]]:
    """The records as their bytes, and decoded. Raises Unreadable (``page-anomaly``)."""
    try:
        raw = raw_at(answer.body, spec.records)
        bodies = raw_items(raw) if raw is not None and raw.strip() != b"null" else None
    except msgspec.ValidationError:
        bodies = None
    if bodies is None:
        raise Unreadable(
            f"The answer holds no list of {spec.label or spec.name} at {spec.records!r}: correct "
            "the path of the records in the settings.",
            code="page-anomaly",
        )
    return bodies, [msgspec.json.decode(body) for body in bodies]


def _guarded(spec: StreamSpec, sweep: Sweep, bodies: Sequence[bytes]) -> str:
    """The page's fingerprint; raises Unreadable when the sweep has been there already."""
    if not bodies:
        sweep.empty += 1
        if sweep.empty > EMPTY_PAGES:
            raise _circle(spec, f"{EMPTY_PAGES} empty pages each name a next one")
        return "empty"
    sweep.empty = 0
    mark = hashlib.sha256(b"\n".join(bodies)).hexdigest()[:16]
    if mark in sweep.prints:
        raise _circle(spec, "the same page comes again and again")
    sweep.prints.add(mark)
    return mark


def _circle(spec: StreamSpec, how: str) -> Unreadable:
    return Unreadable(
        f"The paging of {spec.label or spec.name} goes in circles ({how}): correct the paging in "
        "the settings, or have the source's operator mend it.",
        code="page-anomaly",
    )


def _watch(spec: StreamSpec, sweep: Sweep, rows: Sequence[Any], total: int | None) -> None:
    """Remember the newest, and notice rows that shift from page to page under our eyes."""
    if total is not None:
        sweep.again = sweep.again or 0 <= total < sweep.total
        sweep.total = total
    for row in rows:
        known, mark = text(at(row, spec.id)), version(spec, row)
        before = sweep.versions.setdefault(known, mark)
        sweep.again = sweep.again or (before != mark and bool(known))
        if spec.since is not None:
            told = text(at(row, spec.since.path))
            if comparable(told) > comparable(sweep.newest) and not _absurd(spec.since, told):
                sweep.newest = told


def _absurd(since: Since, told: str) -> bool:
    """A record dated far ahead would have us ask for nothing until then."""
    if since.format in ("text", "number"):
        return False
    when = _when(told)
    return when is not None and when > datetime.now(UTC) + AHEAD


def _heard(
    api: Api, spec: StreamSpec, bodies: Sequence[bytes], rows: Sequence[Any], started: datetime
) -> tuple[Heard, ...]:
    if spec.whole:
        bodies, rows = _whole(api, spec, bodies, rows)
    seen: dict[tuple[str, str], bytes] = {}
    heard: dict[str, Heard] = {}
    for body, row in zip(bodies, rows, strict=True):
        known = text(at(row, spec.id))
        before = seen.setdefault((known, version(spec, row)), body)
        headers = {TWICE: known} if known and before != body else {}
        mark = f"{spec.name}\n{known}\n".encode()
        identity = hashlib.sha256(mark + body).hexdigest()
        heard.setdefault(identity, Heard(spec.name, identity, body, headers, started))
    return tuple(heard.values())


def _whole(
    api: Api, spec: StreamSpec, bodies: Sequence[bytes], rows: Sequence[Any]
) -> tuple[list[bytes], list[Any]]:
    """Each row by itself, as the list only says that it is there."""
    full: list[bytes] = []
    for body, row in zip(bodies, rows, strict=True):
        known = text(at(row, spec.id))
        found = _one(api, spec, known) if known else None
        # Gone since it was listed: what the list said of it is the last word.
        full.append(body if found is None else found)
    return full, [msgspec.json.decode(body) for body in full]


def _one(api: Api, spec: StreamSpec, known: str) -> bytes | None:
    if spec.one is None:
        raise ConnectorError(f"{spec.name} declares no address of one record.")
    address = addressed(spec.one.address, {"id": known}.get)
    answer = api.get(api.url(address), fixed=False, gone=True)
    if answer is None:
        return None
    api.value(answer, reading=True)
    raw = raw_at(answer.body, spec.one.record)
    if raw is None or raw.strip()[:1] != b"{":
        raise Unreadable(
            f"The answer for one of {spec.label or spec.name} holds no record at "
            f"{spec.one.record!r}: correct the path in the settings.",
            code="page-anomaly",
        )
    return raw


def reread(api: Api, spec: StreamSpec, ids: Sequence[str]) -> dict[str, SourceRecord | None]:
    """Records by id; None for one that is gone. Nothing where the API can't be asked by id: what it
    said is what there is."""
    if spec.one is None:
        return {}
    found: dict[str, SourceRecord | None] = {}
    for known in dict.fromkeys(ids):
        raw = _one(api, spec, known)
        found[known] = None if raw is None else record(spec, msgspec.json.decode(raw))
    return found


def back(since: Since, newest: str) -> str:
    """What to ask with: the newest seen, less the overlap, in the form the API wants."""
    if since.format == "text":
        return newest
    if since.format == "number":
        return text(float(newest) - since.overlap) if _numeric(newest) else newest
    when = _when(newest)
    if when is None:
        return newest
    when -= timedelta(seconds=since.overlap)
    if since.format == "unix":
        return str(int(when.timestamp()))
    if since.format == "unix_ms":
        return str(int(when.timestamp() * 1000))
    zone = "" if since.format == "naive" else "Z"
    return when.strftime("%Y-%m-%dT%H:%M:%S") + zone


def _when(newest: str) -> datetime | None:
    """Numbers are seconds, or milliseconds where seconds would lie beyond the year 5000."""
    if _numeric(newest):
        seconds = float(newest)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    return moment(newest)


def _numeric(said: str) -> bool:
    return said.replace(".", "", 1).isdigit()
