"""A stream, page by page: what is new by its watermark, or what differs by comparing everything.

Each page is one short read-only transaction with one view of rows and details; nothing is open
while the hub stores it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from connectors.sdk.errors import AccessRefused, Owner, Unreadable
from connectors.sdk.records import Heard, Json, Page
from connectors.sql import queries, values
from connectors.sql.database import Database, exact_json
from connectors.sql.declared import Detail, StreamTable
from connectors.sql.position import MOST_KEYS, Position, Range, limit_of, start_of
from connectors.sql.values import Column

#: A page ends early when it has grown to this, and a row larger than the other is parked.
PAGE_BYTES = 8 * 2**20
ROW_BYTES = 2**20
#: Details are read for so many rows at once, and may be so many.
PARENTS = 200
MOST_DETAILS = 20_000
#: Pages that hold no news, until the hub is told how far reading is.
SILENT = 10


class Envelope(msgspec.Struct, omit_defaults=True):
    """What is kept of a row. ``local``: columns that hold a time without a zone, those of details
    with their list's name before a dot. ``gone``: its key is no longer listed. ``unfit``: why the
    row can't be taken, with the code."""

    id: str
    row: Json = {}
    local: list[str] = []
    gone: bool = False
    unfit: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its details, ready to be kept."""

    id: str
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:16]


class Reading:
    """One turn of a stream. ``position`` moves with each page."""

    def __init__(
        self, database: Database, table: StreamTable, zone: str, position: Position
    ) -> None:
        self._database = database
        self._dialect = database.dialect
        self._table = table
        self._zone = zone
        self._position = position
        self._columns: list[Column] = []
        self._details: dict[str, list[Column]] = {}
        self._told = position.as_cursor()

    def pages(self) -> Iterator[Page]:
        """Raises Unavailable and AccessRefused."""
        yield from self._by_watermark() if self._table.watermark else self._by_key()
        if self._table.sweep_every:
            yield from self._sweep()

    def rows(self, externals: Sequence[str]) -> list[Row]:
        """These rows, as they are now; what isn't there is left out."""
        with self._database.reading() as connection:
            self.describe(connection)
            found: list[Row] = []
            for at in range(0, len(externals), PARENTS):
                wanted = [values.key_parts(e) for e in externals[at : at + PARENTS]]
                wanted = [w for w in wanted if len(w) == len(self._table.key)]
                asked = queries.matching(self._table.query, self._columns, self._key, wanted)
                raw = list(queries.rows(connection, asked)) if wanted else []
                found += self._whole(connection, raw)
        return found

    def describe(self, connection: Connection) -> None:
        """Ask once what the queries give. Raises AccessRefused for what doesn't fit them."""
        if self._columns:
            return
        columns = queries.columns_of(connection, self._table.query)
        queries.named(columns, self._order_names)
        for detail in self._table.details:
            given = queries.columns_of(connection, detail.query)
            queries.named(given, [*detail.match, *detail.order])
            queries.named(columns, list(detail.match.values()))
            self._details[detail.name] = given
        self._columns = columns

    def first(self) -> int:
        """Read one page without keeping anything; how many rows it has. For a check."""
        with self._database.reading() as connection:
            self.describe(connection)
            self._refuse_empty(connection)
            asked = queries.page(self._table.query, self._columns, self._order, 1)
            return len(self._whole(connection, list(queries.rows(connection, asked))))

    # ---- names
    @property
    def _order_names(self) -> list[str]:
        return [*([self._table.watermark] if self._table.watermark else []), *self._table.key]

    @property
    def _order(self) -> list[Column]:
        return queries.named(self._columns, self._order_names)

    @property
    def _key(self) -> list[Column]:
        return queries.named(self._columns, self._table.key)

    # ---- by watermark
    def _by_watermark(self) -> Iterator[Page]:
        position, limit, start = self._position, self._table.page, None
        silent, last = 0, False
        while not last:
            read_at = datetime.now(UTC)
            with self._database.reading() as connection:
                self.describe(connection)
                if position.at is None:
                    start = self._begin(connection)
                after = None if position.at is None else [values.unmark(m) for m in position.at]
                asked = queries.page(
                    self._table.query, self._columns, self._order, limit, start=start, after=after
                )
                raw, cut = self._fetch(connection, asked)
                rows = self._whole(connection, raw)
            news = [r for r in rows if position.is_news(r.id, r.digest)]
            self._know(rows)
            if raw:
                position.at = self._marks(raw[-1], self._order)
                position.best = position.at[0]
            last = not cut and len(raw) < limit
            if last:
                position.finish()
            silent = 0 if news else silent + 1
            if news or last or silent >= SILENT:
                silent = 0
                yield from self._page(news, read_at)

    def _begin(self, connection: Connection) -> Any:
        """Where this scan begins; sets how far the next one may trust it (rule 2)."""
        self._refuse_empty(connection)
        position, column = self._position, self._order[0]
        greatest = queries.largest(self._table.query, self._columns, column)
        safe = None if position.safe is None else values.unmark(position.safe)
        like = safe if safe is not None else connection.execute(greatest).scalar()
        if like is None:
            return None
        start = start_of(like, self._table.overlap, self._zone)
        if hasattr(like, "year"):
            instant = column.kind in self._dialect.instants
            top = limit_of(self._database.now(connection), like, self._zone, instant=instant)
        else:
            top = connection.execute(greatest).scalar()
        position.top = None if top is None else values.mark(top)
        return None if safe is None else start

    def _refuse_empty(self, connection: Connection) -> None:
        asked = queries.empty(self._table.query, self._columns, self._order)
        if connection.execute(asked).first() is not None:
            raise AccessRefused(
                f"The stream {self._table.name} has rows with nothing in "
                f"{', '.join(self._order_names)}: fill it in the query (COALESCE), or leave those "
                "rows out there.",
                code="missing-required",
                owner=Owner.PARTNER,
            )

    # ---- by comparing everything
    def _by_key(self) -> Iterator[Page]:
        position, silent, ended = self._position, 0, False
        while not ended:
            read_at = datetime.now(UTC)
            done = position.done
            known = position.ranges[done] if done < len(position.ranges) else None
            limit = self._table.page * (2 if known else 1)
            with self._database.reading() as connection:
                self.describe(connection)
                if not done:
                    self._refuse_empty(connection)
                asked = queries.page(
                    self._table.query, self._columns, self._order, limit,
                    after=self._end_of(done - 1), upto=self._end_of(done),
                )  # fmt: skip
                raw, cut = self._fetch(connection, asked)
                rows = self._whole(connection, raw)
            self._know(rows)
            full = cut or len(raw) >= limit
            ended = known is None and not full
            news = rows if self._compare(known, raw, rows, full) else []
            if ended:
                position.done = 0
            silent = 0 if news else silent + 1
            if news or ended or silent >= SILENT:
                silent = 0
                yield from self._page(news, read_at)

    def _end_of(self, index: int) -> list[Any] | None:
        ranges = self._position.ranges
        inside = 0 <= index < len(ranges)
        return [values.unmark(m) for m in ranges[index].upto] if inside else None

    def _compare(self, known: Range | None, raw: list[Any], rows: list[Row], full: bool) -> bool:
        """Put a piece into the table of pieces; whether it holds anything new."""
        position = self._position
        if not raw:
            if known is not None:
                del position.ranges[position.done]
            return False
        total = sum(int(r.digest, 16) for r in rows)
        last = self._marks(raw[-1], self._order)
        made = Range(last, f"{total:x}", len(rows))
        if known is not None and not full:
            made.upto = known.upto
            position.ranges[position.done] = made
        elif known is not None:
            position.ranges.insert(position.done, made)
        else:
            before = position.ranges[-1] if position.ranges else None
            if before is not None and before.count + made.count <= self._table.page:
                joined = f"{int(before.sum, 16) + total:x}"
                position.ranges[-1] = Range(last, joined, before.count + made.count)
                return True
            position.ranges.append(made)
        position.done += 1
        return known is None or made.sum != known.sum

    # ---- deletions
    def _sweep(self) -> Iterator[Page]:
        """Keys that were there and are no longer listed are read again before they count as gone
        (the hub asks for each by `Hint`)."""
        position = self._position
        if position.at is not None or position.done:
            return
        read_at = datetime.now(UTC)
        with self._database.reading() as connection:
            now = self._database.now(connection)
            now = now if now.tzinfo else now.replace(tzinfo=UTC)
            due = position.swept and datetime.fromisoformat(position.swept) + timedelta(
                seconds=self._table.sweep_every
            )
            if due and now < due:
                return
            self.describe(connection)
            asked = queries.keys(self._table.query, self._columns, self._key, MOST_KEYS + 1)
            listed = [
                values.external_id(row, self._key, self._dialect)
                for row in queries.rows(connection, asked)
            ]
        gone = sorted(set(position.ids) - set(listed))
        position.ids, position.swept = [], now.isoformat()
        position.knows(listed)
        forgotten = set(gone)
        position.seen = [pair for pair in position.seen if pair[0] not in forgotten]
        heard = tuple(
            self._kept(Row(e, _encoded(Envelope(e, gone=True))), read_at, position.swept)
            for e in gone
        )
        yield Page(heard, self._moved())

    # ---- rows
    def _fetch(self, connection: Connection, asked: Any) -> tuple[list[tuple[Any, ...]], bool]:
        """Rows, and whether the page was ended early because they are large."""
        found: list[tuple[Any, ...]] = []
        size = 0
        for row in queries.rows(connection, asked):
            found.append(row)
            size += sum(len(v) for v in row if isinstance(v, str | bytes))
            if size > PAGE_BYTES:
                return found, True
        return found, False

    def _whole(self, connection: Connection, raw: list[tuple[Any, ...]]) -> list[Row]:
        lists: dict[str, dict[tuple[str, ...], list[tuple[Any, ...]]]] = {}
        for detail in self._table.details:
            lists[detail.name] = {}
            for at in range(0, len(raw), PARENTS):
                self._add_details(connection, detail, raw[at : at + PARENTS], lists[detail.name])
        return [self._row(row, lists) for row in raw]

    def _add_details(
        self, connection: Connection, detail: Detail, parents: list[tuple[Any, ...]],
        into: dict[tuple[str, ...], list[tuple[Any, ...]]],
    ) -> None:  # fmt: skip
        columns = self._details[detail.name]
        by = queries.named(columns, list(detail.match))
        mine = queries.named(self._columns, list(detail.match.values()))
        wanted = list(dict.fromkeys(self._pick(p, self._columns, mine) for p in parents))
        asked = queries.matching(
            detail.query, columns, by, wanted,
            [*by, *queries.named(columns, detail.order)], MOST_DETAILS + 1,
        )  # fmt: skip
        found = list(queries.rows(connection, asked))
        if len(found) > MOST_DETAILS and len(parents) > 1:
            half = len(parents) // 2
            self._add_details(connection, detail, parents[:half], into)
            self._add_details(connection, detail, parents[half:], into)
            return
        for row in found:
            into.setdefault(self._joined(self._pick(row, columns, by), by), []).append(row)

    def _row(
        self, raw: tuple[Any, ...],
        lists: dict[str, dict[tuple[str, ...], list[tuple[Any, ...]]]],
    ) -> Row:  # fmt: skip
        external = values.external_id(
            self._pick(raw, self._columns, self._key), self._key, self._dialect
        )
        try:
            envelope = self._envelope(external, raw, lists)
            encoded = _encoded(envelope)
        except Unreadable as error:
            encoded = _encoded(Envelope(external, unfit=(error.code, str(error))))
        if len(encoded) > ROW_BYTES:
            why = f"The row {external} has {len(encoded)} bytes: select fewer or shorter columns."
            encoded = _encoded(Envelope(external, unfit=("unreadable", why)))
        return Row(external, encoded)

    def _envelope(
        self, external: str, raw: tuple[Any, ...],
        lists: dict[str, dict[tuple[str, ...], list[tuple[Any, ...]]]],
    ) -> Envelope:  # fmt: skip
        row, local = self._plain(raw, self._columns)
        for detail in self._table.details:
            mine = queries.named(self._columns, list(detail.match.values()))
            key = self._joined(self._pick(raw, self._columns, mine), mine)
            under = [
                self._plain(one, self._details[detail.name])
                for one in lists[detail.name].get(key, [])
            ]
            if len(under) > MOST_DETAILS:
                raise Unreadable(
                    f"The row {external} has more than {MOST_DETAILS} {detail.name}: correct the "
                    "query.",
                )
            row[detail.name] = [one for one, _ in under]
            local += sorted({f"{detail.name}.{name}" for _, names in under for name in names})
        return Envelope(external, row, local)

    def _plain(self, raw: tuple[Any, ...], columns: Sequence[Column]) -> tuple[Json, list[str]]:
        row = {
            c.key: values.as_json(v, c, self._dialect) for v, c in zip(raw, columns, strict=True)
        }
        local = [
            c.key for v, c in zip(raw, columns, strict=True) if values.is_local(v, c, self._dialect)
        ]
        return row, local

    @staticmethod
    def _pick(
        raw: tuple[Any, ...], columns: Sequence[Column], wanted: Sequence[Column]
    ) -> tuple[Any, ...]:
        at = {c.key: i for i, c in enumerate(columns)}
        return tuple(raw[at[w.key]] for w in wanted)

    def _joined(self, key: tuple[Any, ...], columns: Sequence[Column]) -> tuple[str, ...]:
        """Equal for what the database joins: 7 and 7.00, ``A`` and ``A`` filled up with spaces."""
        return tuple(
            f"{v.normalize():f}" if hasattr(v, "normalize")
            else str(values.as_json(v, c, self._dialect)).rstrip(" ")
            for v, c in zip(key, columns, strict=True)
        )  # fmt: skip

    def _marks(self, raw: tuple[Any, ...], columns: Sequence[Column]) -> list[values.Mark]:
        return [values.mark(v) for v in self._pick(raw, self._columns, columns)]

    def _know(self, rows: list[Row]) -> None:
        if self._table.sweep_every:
            self._position.knows([r.id for r in rows])

    # ---- pages
    def _page(self, news: list[Row], read_at: datetime) -> Iterator[Page]:
        """A page, unless nothing is new and nothing has moved."""
        before, cursor = self._told, self._moved()
        if news or cursor != before:
            yield Page(tuple(self._kept(r, read_at) for r in news), cursor)

    def _moved(self) -> Json:
        self._told = self._position.as_cursor()
        return self._told

    def _kept(self, row: Row, read_at: datetime, moment: str = "") -> Heard:
        identity = hashlib.sha256(f"{row.id}\0{moment}\0".encode() + row.body).hexdigest()
        return Heard(self._table.name, identity, row.body, {}, read_at)


def _encoded(envelope: Envelope) -> bytes:
    return msgspec.json.encode(envelope, order="deterministic")


def understood(body: bytes, table: StreamTable, zone: str) -> tuple[Envelope, Json]:
    """The envelope, and the record as mappings see it: columns in small letters, details as
    lists, and beside them

    ``_id``: the key as one text. ``_local``: {column: local time as stored} for each time that was
    stored without a zone; the column itself is in UTC. ``_doubts``: what could be read in two ways.

    Raises Unreadable.
    """
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable("These bytes are no row of a database: read the stream again.") from error
    code, why = envelope.unfit
    if why:
        raise Unreadable(why, code=code)
    row, doubts = dict(envelope.row), list[str]()
    row["_local"] = {n: row.get(n) for n in envelope.local if "." not in n}
    for name in envelope.local:
        of, _, column = name.rpartition(".")
        for one in row.get(of, []) if of else [row]:
            if one.get(column) is not None:
                one[column], doubt = values.in_zone(one[column], name, zone)
                doubts += [doubt] if doubt else []
    for name in table.json:
        row[name.lower()] = _document(row.get(name.lower()), name)
    return envelope, row | {"_id": envelope.id, "_doubts": doubts}


def _document(text: Any, name: str) -> Any:
    if not isinstance(text, str) or not text.strip():
        return None if isinstance(text, str) else text
    try:
        return exact_json(text)
    except ValueError as error:
        raise Unreadable(
            f"The column {name} is declared as JSON and holds something else: correct the row, or "
            "the declaration."
        ) from error
