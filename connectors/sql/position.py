"""How far a stream was read, and where reading begins again. Pure.

Why a watermark alone loses rows: it is given when a row is written and becomes visible when the
transaction commits, so a row can appear *behind* one that was read already. Three rules close that:

1. Every scan begins ``overlap`` behind the point that was safe, and takes rows it knows only once.
2. That point is never beyond what the database's own clock said (for a number: what was the
   largest) when the scan *began*: what is committed while a long scan runs is not passed over, and
   one row dated tomorrow doesn't hide today's.
3. In the hour that local clocks repeat, a local watermark runs backwards: reading begins that much
   earlier.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.records import Json
from connectors.sql.values import Mark, mark, unmark

#: Rows remembered from the end of a scan: read again in the overlap, they are not news.
REMEMBERED = 500
#: Keys that are kept to notice deletions; more than this belong to a mark in the row itself.
MOST_KEYS = 20_000


class Range(msgspec.Struct, array_like=True):
    """A piece of a full scan. ``upto``: its last key. ``sum``: hashes of its rows added up, so that
    neighbours can be joined without reading them. ``count``: its rows."""

    upto: list[Mark]
    sum: str
    count: int


class Position(msgspec.Struct, omit_defaults=True):
    """What a cursor holds.

    ``safe``: where the next scan begins, before the overlap is taken off. ``at``: the last row of
    an unfinished scan (watermark and key, or the key alone). ``top``: the limit of rule 2 for that
    scan; ``best``: its largest watermark. ``seen``: [id, hash] of the last rows. ``ids``: every
    key known, where deletions are looked for; ``swept``: when they were, by the database's clock.
    ``ranges``: of a full scan, where each piece ends, what its rows add up to and how many there
    are; ``done``: how many of them this scan has passed.
    """

    safe: Mark | None = None
    at: list[Mark] | None = None
    top: Mark | None = None
    best: Mark | None = None
    seen: list[list[str]] = []
    ids: list[str] = []
    swept: str = ""
    ranges: list[Range] = []
    done: int = 0

    @classmethod
    def of(cls, cursor: Json) -> Position:
        return msgspec.convert(cursor, cls)

    def as_cursor(self) -> Json:
        made: Json = msgspec.to_builtins(self)
        return made

    # ---- what is known of rows
    def is_news(self, external: str, digest: str) -> bool:
        """Whether this content of the row is new to us; remembers it."""
        known = next((one for one in self.seen if one[0] == external), None)
        if known is not None:
            self.seen.remove(known)
        self.seen = [*self.seen[1 - REMEMBERED :], [external, digest]]
        return known is None or known[1] != digest

    def knows(self, externals: list[str]) -> None:
        """Keys read: they are looked for when deletions are. Raises AccessRefused for too many."""
        self.ids = sorted({*self.ids, *externals})
        if len(self.ids) > MOST_KEYS:
            raise AccessRefused(
                f"More than {MOST_KEYS} rows are too many to find deletions by comparing keys: "
                "leave sweep_every out and have the query show a mark of deletion.",
                code="payload-too-large",
                owner=Owner.PARTNER,
            )

    # ---- a scan by watermark
    def finish(self) -> None:
        """A scan reached the end: the next one begins at the smaller of top and best."""
        reached = [unmark(m) for m in (self.top, self.best) if m is not None]
        if self.best is not None and reached:
            self.safe = mark(min(reached))
        self.at = self.top = self.best = None


def start_of(safe: Any, overlap: float, zone: str) -> Any:
    """Where a scan begins: ``overlap`` before the safe point."""
    if isinstance(safe, dt.datetime):
        begin = safe - dt.timedelta(seconds=overlap)
        return begin if safe.tzinfo else begin - max(_repeated(safe, zone), _repeated(begin, zone))
    if isinstance(safe, dt.date):
        return safe - dt.timedelta(days=max(1, -(-int(overlap) // 86_400)))
    if isinstance(safe, int | float):
        return safe - type(safe)(overlap)
    if isinstance(safe, Decimal):
        return safe - Decimal(repr(overlap))
    raise AccessRefused(
        "The watermark is a text: cast it to a time or a number in the query, because what was "
        "committed late can only be found by reckoning back.",
        code="type-mismatch",
        owner=Owner.PARTNER,
    )


def limit_of(now: Any, like: Any, zone: str, *, instant: bool) -> Any:
    """The database's time (aware, or naive in UTC) in the shape of the watermark ``like``."""
    aware = now if now.tzinfo else now.replace(tzinfo=dt.UTC)
    if isinstance(like, dt.datetime):
        if like.tzinfo:
            return aware
        there = dt.UTC if instant else ZoneInfo(zone)
        return aware.astimezone(there).replace(tzinfo=None)
    return aware.astimezone(ZoneInfo(zone)).date()


def _repeated(local: dt.datetime, zone: str) -> dt.timedelta:
    """How much the clocks go back in the hour this local time lies in; else nothing."""
    there = ZoneInfo(zone)
    first = local.replace(tzinfo=there, fold=0).utcoffset() or dt.timedelta(0)
    second = local.replace(tzinfo=there, fold=1).utcoffset() or dt.timedelta(0)
    return max(first - second, dt.timedelta(0))
