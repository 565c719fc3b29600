"""A connection's own description of its files: what a person writes into its settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.files.contents import ENCODINGS
from connectors.sdk.files.drop import WHOLE

Format = Literal["csv", "fixed", "jsonl", "json", "xml"]
Type = Literal["text", "decimal", "integer", "date", "time", "datetime", "flag"]
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_LINE = 2**20


class Column(msgspec.Struct, forbid_unknown_fields=True, rename={"source": "from"}):
    """One value. ``source`` (written ``from``): name in the file's own header, or several that are
    joined by a blank (a date and a time); default: ``name``. ``at`` (from 1) and ``length``: place
    in a fixed-width line, in letters; in CSV ``at`` is the column's number where there is no
    header. ``places``: implied decimals (``1234`` with 2 is 12.34). ``format``: of dates and
    times, as in strptime. ``align``, ``pad``: how a fixed-width file is written.
    """

    name: str
    source: str | list[str] = ""
    at: int = 0
    length: int = 0
    type: Type = "text"
    places: int | None = None
    format: str = ""
    required: bool = False
    align: Literal["left", "right"] = "left"
    pad: str = " "

    @property
    def sources(self) -> list[str]:
        return [self.source] if isinstance(self.source, str) else self.source


class RecordType(msgspec.Struct, forbid_unknown_fields=True):
    """Lines that begin with ``prefix`` (in CSV: whose first column is it). ``begins``: such a line
    opens a document, and those of other types that follow are listed in it under their name."""

    name: str
    prefix: str
    columns: list[Column]
    begins: bool = False


class Totals(msgspec.Struct, forbid_unknown_fields=True):
    """The line that ends a file and says what is in it: a column called ``count`` counts the
    lines before it (without the header), one called ``sum`` adds up the column ``of``."""

    prefix: str
    columns: list[Column] = []
    of: str = ""


class Dialect(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What reading and writing share. ``decimal``, ``thousands``: marks within numbers. ``zone``:
    of times without one."""

    name: str
    files: str
    format: Format
    label: str = ""
    columns: list[Column] = []
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    decimal: Literal[".", ","] = "."
    thousands: str = ""
    zone: str = ""


class StreamProfile(Dialect, forbid_unknown_fields=True, kw_only=True):
    """Files to read. ``entities``: what its records become. ``key``: columns that identify a
    record. ``group_by``: columns whose equal values make one document of several lines.
    ``skip``: lines before the header. ``record_path``: where records are in JSON or XML.
    ``lists``: XML elements that are lists even where there is one of them only.
    ``empty``: texts that mean nothing was said. ``every``: seconds between looks.
    """

    entities: list[str]
    key: list[str]
    encoding: str = "auto"
    records: list[RecordType] = []
    group_by: list[str] = []
    skip: int = 0
    totals: Totals | None = None
    record_path: str = ""
    lists: list[str] = []
    empty: list[str] = []
    true: tuple[str, ...] = ("1", "true", "yes", "y", "x")
    every: float = 5.0


class ResourceProfile(Dialect, forbid_unknown_fields=True, kw_only=True):
    """Files to write. ``files``: name with ``{hash}`` and, if wanted, ``{date}``, ``{time}``,
    ``{number}`` (grows with every file), ``{resource}``. ``each``: list in the body whose items
    are the lines. ``key``: path in the body that names the record there. ``batch``: most records
    in a file. ``root``, ``record``: elements of an XML file. ``ending``: of lines.
    """

    entity: str
    encoding: str = "utf-8"
    each: str = ""
    key: str = ""
    batch: int = 500
    root: str = "records"
    record: str = "record"
    ending: Literal["lf", "crlf"] = "lf"


def streams_of(config: dict[str, Any]) -> list[StreamProfile]:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(config.get("streams") or [], list[StreamProfile])


def resources_of(config: dict[str, Any]) -> list[ResourceProfile]:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(config.get("resources") or [], list[ResourceProfile])


# ------------------------------------------------------------------ what is wrong with it


def problems(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong and the mend)."""
    try:
        streams, resources = streams_of(config), resources_of(config)
    except msgspec.ValidationError as error:
        setting = "streams" if not _converts(streams_of, config) else "resources"
        yield setting, f"{error}. Correct that table."
        return
    if not streams and not resources:
        yield "streams", "Nothing is read and nothing is written: declare a stream or a resource."
    for setting, named in (("streams", streams), ("resources", resources)):
        names = [one.name for one in named]
        for name in names:
            if not NAME.fullmatch(name) or name == WHOLE or names.count(name) > 1:
                yield setting, f"{name!r} is no name of its own: use small letters, digits and _."
    patterns = [stream.files for stream in streams]
    for stream in streams:
        if patterns.count(stream.files) > 1:
            yield "streams", f"{stream.name}: another stream reads {stream.files!r} too."
        yield from (("streams", f"{stream.name}: {p}") for p in _stream_problems(stream))
    for resource in resources:
        yield from (("resources", f"{resource.name}: {p}") for p in _resource_problems(resource))


def _converts(attempt: Any, config: dict[str, Any]) -> bool:
    try:
        attempt(config)
    except msgspec.ValidationError:
        return False
    return True


def _stream_problems(stream: StreamProfile) -> Iterator[str]:
    yield from _dialect_problems(stream)
    if stream.encoding != "auto" and stream.encoding not in ENCODINGS:
        yield f"the encoding {stream.encoding!r} is none of auto, {', '.join(sorted(ENCODINGS))}."
    if not stream.key:
        yield "say under 'key' which columns identify a record."
    if stream.format == "xml" and not stream.record_path:
        yield "say under 'record_path' where its records are, e.g. Orders/Order."
    if stream.format in ("csv", "fixed"):
        yield from _line_problems(stream)


def _line_problems(stream: StreamProfile) -> Iterator[str]:
    kinds = stream.records
    if stream.columns and kinds:
        yield "it has both columns and records: keep the one that fits its lines."
    if kinds and (not any(kind.begins for kind in kinds) or stream.group_by):
        yield "of several record types one at least begins a document, and group_by is not used."
    if len({kind.prefix for kind in kinds}) != len(kinds) or any(not k.prefix for k in kinds):
        yield "every record type needs a prefix of its own."
    if not stream.columns and not kinds and (stream.format == "fixed" or not stream.header):
        yield "name its columns: the file doesn't."
    columns = [c for kind in kinds for c in kind.columns] or stream.columns
    if stream.format == "fixed":
        every = [*columns, *(stream.totals.columns if stream.totals else [])]
        if any(c.at < 1 or c.length < 1 for c in every):
            yield "every column of a fixed-width line needs 'at' (from 1) and 'length'."
    if stream.totals and stream.totals.of not in ("", *(c.name for c in columns)):
        yield f"the totals add up {stream.totals.of!r}, which is none of its columns."
    known = {c.name for c in columns}
    for name in [*stream.key, *stream.group_by]:
        if known and name not in known:
            yield f"{name!r} is none of its columns ({', '.join(sorted(known))})."


def _resource_problems(resource: ResourceProfile) -> Iterator[str]:
    yield from _dialect_problems(resource)
    if resource.encoding not in ENCODINGS:
        yield f"the encoding {resource.encoding!r} is none of {', '.join(sorted(ENCODINGS))}."
    if "{hash}" not in resource.files.rpartition("/")[2]:
        yield "its name needs {hash}, by which a file given twice is known."
    try:
        resource.files.format(hash="", date="", time="", number="", resource="")
    except (KeyError, IndexError, ValueError):
        yield "its name knows {hash}, {date}, {time}, {number} and {resource} and nothing else."
    if resource.format in ("csv", "fixed") and not resource.columns:
        yield "name its columns, in their order."
    if resource.format == "fixed" and any(c.at < 1 or c.length < 1 for c in resource.columns):
        yield "every column of a fixed-width line needs 'at' (from 1) and 'length'."
    if resource.batch < 1:
        yield "a file holds one record at least."


def _dialect_problems(one: Dialect) -> Iterator[str]:
    if one.files.startswith("/") or ".." in one.files.split("/") or not one.files:
        yield f"the name {one.files!r} leads out of the place: name files below it."
    if len(one.delimiter) != 1 or len(one.quote) > 1 or one.delimiter == one.quote:
        yield "delimiter is one letter, quote another one or empty."
    if one.thousands and (len(one.thousands) != 1 or one.thousands == one.decimal):
        yield "thousands is one letter, other than decimal."
    if one.zone:
        try:
            ZoneInfo(one.zone)
        except (KeyError, ValueError, OSError):
            yield f"{one.zone!r} is no time zone: use an IANA name, e.g. Europe/Berlin."
    if len({column.name for column in one.columns}) != len(one.columns):
        yield "two of its columns have the same name."
