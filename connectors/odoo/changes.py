"""Reading what changed, by Odoo's write_date, without missing what commits late.

write_date is the start of the writing transaction, in whole seconds: a long batch appears after
rows that are newer than its own (recorded). So no cursor of a newest date is safe. Ours is Odoo's
own clock (the Date header): each poll reads what was written since shortly before the last one,
and now and then a *sweep* reads back over the longest transaction we expect. What comes twice has
the same identity and ends in the hub's inbox. In quiet times both windows are empty.

Pages go by id, which never changes; a row written while we page is read by the next poll.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.odoo.client import Client, Json
from connectors.sdk.records import Heard, Page

#: Seconds a poll reads back before the last one: clocks, and transactions of ordinary length.
OVERLAP = 5
#: Seconds a sweep reads back before the last sweep: the longest transaction we expect (NOTES 5).
LONGEST = 60
#: Seconds between sweeps.
SWEEP_EVERY = 60
PAGE = 500

FORMAT = "%Y-%m-%d %H:%M:%S"
Told = tuple[str, Json]
#: From changed rows, and whether this is a sweep, to (external id, body) of what is told.
Tell = Callable[[list[Json]], list[Told]]


@dataclass(frozen=True, slots=True)
class Watch:
    """What one model's changes are read by. ``context``: e.g. to see archived rows too."""

    model: str
    fields: list[str]
    domain: list[Any]
    context: Json | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """``since``: Odoo's clock, "" = everything; ``sweep``: reads back far."""

    since: str
    sweep: bool


def window(cursor: Json) -> Window:
    """What to read after ``cursor`` ({"at": clock of the last poll, "swept": of the last
    sweep}). Pure."""
    at, swept = cursor.get("at", ""), cursor.get("swept", "")
    if not at or not swept:
        return Window("", True)
    if _seconds(swept, at) >= SWEEP_EVERY:
        return Window(_before(swept, LONGEST), True)
    return Window(_before(at, OVERLAP), False)


def pages(
    client: Client, stream: str, watches: list[tuple[Watch, Tell]], cursor: Json
) -> Iterator[Page]:
    """Pages of a stream. While it pages, the cursor also holds how far it came, so that a read
    that is broken off goes on there.
    """
    doing = cursor.get("doing") or _begin(client, cursor)
    while doing["watch"] < len(watches):
        watch, tell = watches[doing["watch"]]
        started = datetime.now(UTC)
        rows = _rows(client, watch, doing)
        heard = tuple(_heard(stream, told, started) for told in tell(rows)) if rows else ()
        if len(rows) == PAGE:
            doing = {**doing, "after": rows[-1]["id"]}
        else:
            doing = {**doing, "after": 0, "watch": doing["watch"] + 1}
        if heard:
            yield Page(heard, {**cursor, "doing": doing})
    swept = doing["at"] if doing["sweep"] else cursor["swept"]
    yield Page((), {"at": doing["at"], "swept": swept})


def _begin(client: Client, cursor: Json) -> Json:
    """Odoo's clock is taken before anything is read."""
    client.call("res.users", "context_get")
    span = window(cursor)
    return {
        "at": client.server_time or datetime.now(UTC).strftime(FORMAT),
        "since": span.since,
        "sweep": span.sweep,
        "watch": 0,
        "after": 0,
    }


def _rows(client: Client, watch: Watch, doing: Json) -> list[Json]:
    domain = list(watch.domain)
    if doing["since"]:
        domain.append(["write_date", ">=", doing["since"]])
    if doing["after"]:
        domain.append(["id", ">", doing["after"]])
    more = {"context": watch.context} if watch.context else {}
    fields = [*watch.fields, "write_date"]
    return client.search_read(watch.model, domain, fields, order="id", limit=PAGE, **more)


def _heard(stream: str, told: Told, started: datetime) -> Heard:
    external_id, body = told
    raw = msgspec.json.encode({"id": external_id, "row": body})
    digest = hashlib.sha256(raw).hexdigest()[:24]
    return Heard(stream, f"{stream}:{external_id}:{digest}", raw, read_started_at=started)


def _before(moment: str, seconds: int) -> str:
    return (_parsed(moment) - timedelta(seconds=seconds)).strftime(FORMAT)


def _seconds(earlier: str, later: str) -> float:
    return (_parsed(later) - _parsed(earlier)).total_seconds()


def _parsed(moment: str) -> datetime:
    return datetime.strptime(moment, FORMAT).replace(tzinfo=UTC)
