"""Files of lines (CSV, fixed width): cut into documents of raw lines, and read.

What is kept of a document is the header line, if there is one, and its own lines, byte for byte.
A line that can't be read costs its own document and no other.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from connectors.files.profile import LONGEST_LINE, Column, RecordType, StreamProfile, Totals
from connectors.files.values import NoValue, Value, value_of
from connectors.sdk.files.contents import (
    Misfit,
    NotWhole,
    Spoilt,
    Text,
    decoded,
    line_end,
    lines_of,
    text_of,
)
from connectors.sdk.files.drop import Piece
from connectors.sdk.records import Json

#: Raw lines one quoted record may run over.
MOST_RUN_ON = 200


class Misread(ValueError):
    """``line`` and ``column``: from 1, the line within the piece; ``column`` 0: the whole line."""

    def __init__(self, line: int, column: int, why: str) -> None:
        super().__init__(why)
        self.line, self.column, self.why = line, column, why


@dataclass(frozen=True, slots=True)
class Line:
    """``raw``: one record's raw lines. ``number``: its first line in the file, from 1. ``text``:
    "" if it can't be decoded or read over its lines; then ``bad``."""

    number: int
    raw: bytes
    text: str = ""
    bad: bool = False


# ------------------------------------------------------------------ cutting


def cut_lines(name: str, raw: bytes, stream: StreamProfile) -> list[Piece]:
    """Raises NotWhole where a declared totals line is missing, Spoilt where it disagrees."""
    text = text_of(raw, stream.encoding)
    lines = [line for line in _records(text, stream) if line.raw.strip(b"\0 \t") or line.bad]
    lines = [line for line in lines if line.number > stream.skip]
    header = lines.pop(0) if stream.header and stream.format == "csv" and lines else None
    end = line_end(text.encoding)
    try:
        _titles(header, stream)
    except Misread as error:
        raise Spoilt(f"The header of {name} can't be read: {error.why}; have the file sent again.",
                     code="unreadable") from error  # fmt: skip
    if stream.totals is not None:
        lines = _proved(name, lines, header, stream, stream.totals)
    elif lines and not text.raw.endswith((end, "\r".encode(text.encoding))):
        _refuse_half(lines[-1], header, stream)
    lead = header.raw + end if header else b""
    pieces = []
    for group in _grouped(lines, header, stream):
        own = end.join(line.raw for line in group) + end
        notes = {
            "encoding": text.encoding,
            "lines": ",".join(str(line.number) for line in group[:500]),
        }
        mark = hashlib.sha256(lead + own).hexdigest()
        pieces.append(Piece(lead + own, mark, notes))
    return pieces


def _titles(header: Line | None, stream: StreamProfile) -> list[str]:
    return split(header.text, stream) if header and not header.bad else []


def _refuse_half(last: Line, header: Line | None, stream: StreamProfile) -> None:
    """Raises NotWhole for a last line that has no end and lacks fields: it is still being
    written. A whole one without an end is how many programs finish a file."""
    kind = type_of(last.text, stream) if stream.records else None
    if last.bad or (stream.records and kind is None):
        raise NotWhole("its last line is cut off")
    columns = kind.columns if kind else stream.columns
    longest = max((c.at + c.length - 1 for c in columns), default=0)
    if stream.format == "fixed":
        if len(last.text) < longest and any(c.at > len(last.text) for c in columns):
            raise NotWhole("its last line is cut off")
        return
    try:
        fields(last.text, _titles(header, stream), columns, stream)
    except Misread as error:
        raise NotWhole("its last line is cut off") from error


def _records(text: Text, stream: StreamProfile) -> Iterator[Line]:
    """Raw lines, those joined that one quoted field runs over."""
    end, held, start = line_end(text.encoding), list[bytes](), 1
    quoting = stream.format == "csv" and stream.quote
    raw_lines = lines_of(text)
    at = 0
    while at < len(raw_lines):
        held, start = [raw_lines[at]], at + 1
        line = _line(start, held[0], text.encoding)
        while quoting and not line.bad and _open(line.text, stream):
            if at + 1 >= len(raw_lines) or len(held) > MOST_RUN_ON:
                line = Line(start, held[0], bad=True)  # never closed: this line is the bad one
                break
            at += 1
            held.append(raw_lines[at])
            line = _line(start, end.join(held), text.encoding)
        if line.bad:
            at = start - 1
        yield line
        at += 1


def _line(number: int, raw: bytes, encoding: str) -> Line:
    if len(raw) > LONGEST_LINE:
        return Line(number, raw[:4000], bad=True)
    try:
        return Line(number, raw, decoded(raw, encoding))
    except Misfit:
        return Line(number, raw, bad=True)


def _open(text: str, stream: StreamProfile) -> bool:
    """Whether a quoted field is still open at the end. A quote opens only where a field begins."""
    quote, delimiter = stream.quote, stream.delimiter
    if quote not in text:
        return False
    inside, beginning, at = False, True, 0
    while at < len(text):
        letter = text[at]
        if inside:
            if letter == quote:
                if text[at + 1 : at + 2] == quote:
                    at += 1
                else:
                    inside = False
        elif letter == quote and beginning:
            inside = True
        beginning = not inside and letter == delimiter
        at += 1
    return inside


def _grouped(lines: list[Line], header: Line | None, stream: StreamProfile) -> Iterable[list[Line]]:
    if stream.records:
        return _by_type(lines, stream)
    if not stream.group_by:
        return [[line] for line in lines]
    titles = _titles(header, stream)
    groups: dict[object, list[Line]] = {}
    for line in lines:
        groups.setdefault(_group_of(line, titles, stream), []).append(line)
    return groups.values()


def _group_of(line: Line, titles: list[str], stream: StreamProfile) -> object:
    """A line that can't be read stands alone, so that it spoils no other document."""
    try:
        values = fields(line.text, titles, stream.columns, stream)
    except Misread:
        return line.number
    key = tuple(values.get(name) for name in stream.group_by)
    return line.number if line.bad or None in key else key


def _by_type(lines: list[Line], stream: StreamProfile) -> Iterator[list[Line]]:
    group: list[Line] = []
    for line in lines:
        kind = None if line.bad else type_of(line.text, stream)
        if kind is None:
            # Whether it belongs to the document before it can't be told: that one is bad too,
            # or the line is the head of the next and its parts would follow alone.
            group.append(line)
            continue
        if kind.begins and group:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


# ------------------------------------------------------------------ the totals line


def _proved(
    name: str, lines: list[Line], header: Line | None, stream: StreamProfile, totals: Totals
) -> list[Line]:
    """The lines without the totals line, which must be the last one and agree."""
    if not lines or not _is_totals(lines[-1], stream, totals):
        raise NotWhole(f"its last line doesn't begin with {totals.prefix!r}")
    *lines, last = lines
    try:
        said = fields(last.text, [], totals.columns, stream)
    except Misread as error:
        raise Spoilt(f"The totals line of {name} can't be read: {error.why}; have the file sent "
                     "again.", code="file-totals") from error  # fmt: skip
    count, total = said.get("count"), said.get("sum")
    if count is not None and int(str(count)) != len(lines):
        raise _differ(name, f"{count} lines", str(len(lines)))
    if total is not None and totals.of:
        added = _added(lines, header, stream, totals.of)
        if added is not None and Decimal(str(total)) != added:
            raise _differ(name, f"{totals.of} of {total}", str(added))
    return lines


def _added(
    lines: list[Line], header: Line | None, stream: StreamProfile, name: str
) -> Decimal | None:
    """None where a line can't be read: then its own exception says so."""
    titles = _titles(header, stream)
    total = Decimal(0)
    for line in lines:
        kind = type_of(line.text, stream) if stream.records else None
        columns = kind.columns if kind else stream.columns
        if stream.records and (kind is None or name not in {c.name for c in columns}):
            continue
        try:
            values = fields(line.text, titles, columns, stream)
        except Misread:
            return None
        if line.bad:
            return None
        total += Decimal(str(values.get(name) or 0))
    return total


def _is_totals(line: Line, stream: StreamProfile, totals: Totals) -> bool:
    if line.bad:
        return False
    # A quote may stand before the word: what matters is how the line begins.
    return line.text.lstrip(stream.quote or None).startswith(totals.prefix)


def _differ(name: str, said: str, found: str) -> Spoilt:
    return Spoilt(
        f"The totals line of {name} says {said}, and {found} are there: lines were lost or "
        "altered, so nothing of it was taken; have the file sent again.",
        code="file-totals",
    )


# ------------------------------------------------------------------ reading


def read_lines(body: bytes, encoding: str, stream: StreamProfile) -> Json:
    """A piece's record. Raises Misread, with the line counted within the piece's own lines."""
    lines = list(_records(Text(body, encoding), stream))
    lines = [line for line in lines if line.raw.strip(b"\0 \t") or line.bad]
    titles: list[str] = []
    if stream.header and stream.format == "csv":
        if not lines:
            raise Misread(1, 0, "there is no line")
        titles = split(_good(lines.pop(0), 0, encoding), stream)
    if not lines:
        raise Misread(1, 0, "there is no line beneath the header")
    if stream.records:
        return _typed(lines, encoding, stream)
    read = [
        fields(_good(line, n, encoding), titles, stream.columns, stream, n)
        for n, line in enumerate(lines, start=1)
    ]
    return {**read[0], "lines": read} if stream.group_by else read[0]


def _good(line: Line, number: int, encoding: str) -> str:
    """The line's text. Raises Misread saying why it has none."""
    if not line.bad:
        return line.text
    try:
        decoded(line.raw, encoding)
    except Misfit as error:
        raise Misread(number, error.column, error.why) from error
    if len(line.raw) >= 4000:
        raise Misread(number, 0, f"it is longer than {LONGEST_LINE} bytes")
    raise Misread(number, 0, "a quote is opened and never closed")


def _typed(lines: list[Line], encoding: str, stream: StreamProfile) -> Json:
    body: Json = {}
    for number, line in enumerate(lines, start=1):
        text = _good(line, number, encoding)
        kind = type_of(text, stream)
        if kind is None:
            known = ", ".join(one.prefix for one in stream.records)
            raise Misread(number, 1, f"it begins with none of {known}")
        values = fields(text, [], kind.columns, stream, number)
        if kind.begins:
            if number > 1:
                raise Misread(number, 1, "a document begins within another")
            body = {"type": kind.name, **values}
        elif not body:
            raise Misread(number, 1, "it belongs to a document that has no beginning")
        else:
            body.setdefault(kind.name, []).append(values)
    return body


def type_of(text: str, stream: StreamProfile) -> RecordType | None:
    if stream.format == "fixed":
        fitting = [kind for kind in stream.records if text.startswith(kind.prefix)]
        return max(fitting, key=lambda kind: len(kind.prefix), default=None)
    try:
        first = (split(text, stream) or [""])[0].strip()
    except Misread:
        return None
    return next((kind for kind in stream.records if kind.prefix == first), None)


def split(text: str, stream: StreamProfile, number: int = 0) -> list[str]:
    """A CSV line's fields (RFC 4180, with the dialect's own marks)."""
    try:
        rows = list(
            csv.reader(
                text.splitlines(keepends=True),
                delimiter=stream.delimiter,
                quotechar=stream.quote or None,
                quoting=csv.QUOTE_MINIMAL if stream.quote else csv.QUOTE_NONE,
                strict=True,
            )
        )
    except csv.Error as error:
        raise Misread(number, 0, f"its quotes don't fit ({error})") from error
    return rows[0] if rows else []


def fields(
    text: str, titles: list[str], columns: list[Column], stream: StreamProfile, number: int = 0
) -> dict[str, Value]:
    """The line's values by column name; nothing said, no entry. Without declared columns the
    header's titles name text columns. Raises Misread."""
    if stream.format == "fixed":
        return _fixed(text, columns, stream, number)
    values = split(text, stream, number)
    if not columns:
        columns = [Column(name=title.strip()) for title in titles if title.strip()]
    if titles and len(values) != len(titles):
        why = f"it has {len(values)} fields, and the header {len(titles)}"
        raise Misread(number, min(len(values), len(titles)) + 1, why)
    places = {title.strip().casefold(): at for at, title in reversed(list(enumerate(titles)))}
    found: dict[str, Value] = {}
    for order, column in enumerate(columns):
        at = _places(column, order, places, number)
        if max(at) >= len(values):
            raise Misread(number, max(at) + 1, f"the field {column.name!r} is missing")
        text = " ".join(values[one].strip() for one in at if values[one].strip())
        _put(found, text, column, stream, number, at[0] + 1)
    return found


def _places(column: Column, order: int, places: dict[str, int], number: int) -> list[int]:
    if not places:
        return [column.at - 1 if column.at else order]
    named = [(source or column.name).strip().casefold() for source in column.sources]
    for name in named:
        if name not in places:
            raise Misread(number, 0, f"the header has no column {name!r}")
    return [places[name] for name in named]


def _fixed(
    text: str, columns: list[Column], stream: StreamProfile, number: int
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for column in columns:
        start = column.at - 1
        if start >= len(text) and column.required:
            raise Misread(number, column.at, f"the line ends before {column.name!r}")
        _put(found, text[start : start + column.length], column, stream, number, column.at)
    return found


def _put(
    found: dict[str, Value], text: str, column: Column, stream: StreamProfile, number: int, at: int
) -> None:
    try:
        value = value_of(text, column, stream)
    except NoValue as error:
        raise Misread(number, at, f"{column.name!r} {error}") from error
    if value is not None:
        found[column.name] = value
