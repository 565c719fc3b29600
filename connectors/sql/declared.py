"""What a connection declares to read and to write, as typed tables. Pure.

Unknown keys are refused: a typo must not be silent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connectors.sdk.manifest import Resource, Stream
from connectors.sdk.records import Json
from connectors.sql import statement
from connectors.sql.dialects import DIALECTS, NOT_SHIPPED

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252})")
_TABLE = re.compile(r"[^\W\d][\w$]{0,62}(\.[^\W\d][\w$]{0,62})?")
#: Rows of one page; a page is read in one statement and stored in one transaction.
LARGEST_PAGE = 2_000


Entity = Literal[
    "product", "price", "tax_rate", "location", "stock_level", "stock_movement", "customer",
    "order", "sale", "return", "refund", "payment", "fulfilment", "milestone",
]  # fmt: skip
"""The names of the canonical model; `tests/sql` holds them to it."""


class Detail(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Rows that belong to a stream's row (a receipt's lines), put into it as the list ``name``.

    ``match``: {column of this query: column of the stream's}. ``order``: columns to sort by.
    """

    name: str
    query: str
    match: dict[str, str]
    order: list[str] = []


class StreamTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One thing that is read.

    ``watermark``: a column that grows with every change (a time, a date or a number); without one
    the whole query is read every time and compared. ``overlap``: how far behind the newest
    watermark reading begins again: seconds for times, the number itself for numbers.
    ``sweep_every``: seconds between comparisons of all keys, which is how deletions are noticed;
    0 = never. ``json``: text columns that hold JSON.
    """

    name: str
    produces: list[Entity]
    query: str
    key: list[str]
    label: str = ""
    watermark: str = ""
    overlap: float = 300
    page: int = 500
    poll_every: float = 60
    sweep_every: float = 0
    json: list[str] = []
    details: list[Detail] = []


class Answer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the other side tells what became of a staged row: it sets the status to one of ``done``
    or ``refused``. ``external_id``, ``message``: columns it fills in."""

    done: list[str]
    refused: list[str] = []
    external_id: str = ""
    message: str = ""


class Rows(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A staging table for the list ``name`` of a record; ``reference`` points to its head."""

    name: str
    table: str
    reference: str = "hub_ref"


class ResourceTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One thing that is written: a staging table with one row per record.

    ``reference``: column of our reference, unique in the table. ``mark``: column of what was
    written last (32 characters). ``status``: column that says how far the row is; we write
    ``new`` (and ``removed`` where something is deleted), the other side the rest.
    ``when_taken``: what a change does once the other side has the row: *lock* (a person is told)
    or *again* (the row becomes new again).
    """

    name: str
    entity: Entity
    table: str
    label: str = ""
    writes: Literal["set", "create", "append"] = "create"
    reference: str = "hub_ref"
    mark: str = "hub_mark"
    status: str = "status"
    new: str = "new"
    removed: str = ""
    when_taken: Literal["lock", "again"] = "lock"
    answer: Answer | None = None
    details: list[Rows] = []
    batch: int = 100


class Declared(msgspec.Struct, frozen=True):
    streams: list[StreamTable] = []
    resources: list[ResourceTable] = []

    def stream(self, name: str) -> StreamTable:
        return next(s for s in self.streams if s.name == name)

    def resource(self, name: str) -> ResourceTable:
        return next(r for r in self.resources if r.name == name)


def declared(config: Json) -> Declared:
    """Raises msgspec.ValidationError for what `problems` would have named."""
    return Declared(
        msgspec.convert(config.get("streams") or [], list[StreamTable]),
        msgspec.convert(config.get("resources") or [], list[ResourceTable]),
    )


def as_stream(table: StreamTable) -> Stream:
    return Stream(table.name, list(table.produces), table.label, poll_every=table.poll_every)


def as_resource(table: ResourceTable) -> Resource:
    """Proof is the key: the staging table takes one row per reference. A row that waits for the
    other side's answer goes alone, because answers come one by one."""
    return Resource(
        table.name,
        table.entity,
        table.label,
        writes=table.writes,
        proof="key",
        batch=1 if table.answer else table.batch,
        deletes=bool(table.removed),
    )


def problems(config: Json) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong and the mend)."""
    yield from _place(config)
    for setting, kind in (("streams", StreamTable), ("resources", ResourceTable)):
        names: list[str] = []
        for index, raw in enumerate(config.get(setting) or []):
            at = f"{setting}[{index}]"
            try:
                table: Any = msgspec.convert(raw, kind)
            except msgspec.ValidationError as error:
                yield at, f"{error}."
                continue
            names.append(table.name)
            if not NAME.fullmatch(table.name):
                yield f"{at}.name", "A name is small letters, digits and _, at most 40."
            if isinstance(table, StreamTable):
                yield from _stream(table, str(config.get("dialect")), at)
            else:
                yield from _resource(table, at)
        for name, count in Counter(names).items():
            if count > 1:
                yield setting, f"The name {name!r} is there {count} times: once is enough."


def _place(config: Json) -> Iterator[tuple[str, str]]:
    dialect = str(config.get("dialect"))
    if dialect not in DIALECTS:
        why = NOT_SHIPPED.get(dialect, f"{dialect!r} is not known")
        yield "dialect", f"{why}: use {', '.join(DIALECTS)}."
    if not _HOST.fullmatch(str(config.get("host"))):
        yield "host", "The host is one name or address, without port, path or user."
    if not float(config.get("port") or 0).is_integer() or not 0 <= config.get("port", 0) < 65536:
        yield "port", "A port is a whole number up to 65535; 0 stands for the usual one."
    if config.get("tls") not in ("verify", "require", "off"):
        yield "tls", "TLS is verify, require or off."
    if not 1 <= float(config.get("deadline") or 0) <= 60:
        yield "deadline", "A statement may take 1 to 60 seconds."
    try:
        ZoneInfo(str(config.get("zone")))
    except (ZoneInfoNotFoundError, ValueError):
        yield "zone", "Write an IANA name, e.g. Europe/London."


def _stream(table: StreamTable, dialect: str, at: str) -> Iterator[tuple[str, str]]:
    queries = [(f"{at}.query", table.query)]
    queries += [(f"{at}.details[{i}].query", d.query) for i, d in enumerate(table.details)]
    for where, query in queries:
        why = statement.problem(query, dialect)
        if why:
            yield where, why
    if not table.key or not all(table.key):
        yield f"{at}.key", "Name the columns that make a row unique."
    if not 1 <= table.page <= LARGEST_PAGE:
        yield f"{at}.page", f"A page has 1 to {LARGEST_PAGE} rows."
    if table.overlap < 0 or table.poll_every <= 0 or table.sweep_every < 0:
        yield at, "overlap and sweep_every must not be below 0, and poll_every must be above it."
    if table.watermark and table.watermark.lower() in {k.lower() for k in table.key}:
        yield f"{at}.watermark", "The watermark is a column of its own, none of the key."
    for index, detail in enumerate(table.details):
        if not detail.match:
            yield f"{at}.details[{index}].match", "Say which column matches which of the stream."
        if not NAME.fullmatch(detail.name):
            yield f"{at}.details[{index}].name", "A name is small letters, digits and _."


def _resource(table: ResourceTable, at: str) -> Iterator[tuple[str, str]]:
    tables = [(f"{at}.table", table.table)]
    tables += [(f"{at}.details[{i}].table", d.table) for i, d in enumerate(table.details)]
    for where, name in tables:
        if not _TABLE.fullmatch(name):
            yield where, "Write table or schema.table, letters, digits and _ only."
    if not 1 <= table.batch <= 500:
        yield f"{at}.batch", "A batch has 1 to 500 rows."
    columns = [table.reference, table.mark, table.status]
    if len({c.lower() for c in columns if c}) < 3:
        yield at, "reference, mark and status are three columns: name each."
    ours = {table.new, table.removed} - {""}
    theirs = {*table.answer.done, *table.answer.refused} if table.answer else set()
    if not table.new or ours & theirs:
        yield at, "The status we write (new, removed) must be none that the other side writes."
    if table.answer and not table.answer.done:
        yield f"{at}.answer.done", "Name the status that says the row was taken over."
