"""What a driver hands over, as JSON that loses nothing; and back, to ask for more. Pure.

Decimals and floats become text, so that no amount passes through binary fractions. A time without
a zone stays as it is written and is named; its zone is applied when the stored bytes are read.
"""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.sdk.errors import AccessRefused, Owner, Unreadable
from connectors.sql.database import exact_json
from connectors.sql.dialects import Dialect

#: A mark in a cursor: [kind, text].
Mark = list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """``name``: as the query gives it; ``key``: in small letters, as records have it."""

    name: str
    kind: int

    @property
    def key(self) -> str:
        return self.name.lower()


def as_json(value: Any, column: Column, dialect: Dialect) -> Any:
    """One value. Raises Unreadable for one that JSON has no words for (NaN, infinity)."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        if column.kind in dialect.documents:
            return exact_json(value)
        return value.rstrip(" ") if column.kind in dialect.padded else value
    if isinstance(value, Decimal | float):
        return _number(value, column)
    if isinstance(value, dt.datetime):
        return _moment(value, column, dialect)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return _clock(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if column.kind in dialect.bits:
            return int.from_bytes(raw, "big")
        return base64.b64encode(raw).decode()
    if isinstance(value, list | tuple):
        return [as_json(v, Column(column.name, 0), dialect) for v in value]
    if isinstance(value, dict):
        return value  # JSON, read by `exact_json`
    return str(value)


def is_local(value: Any, column: Column, dialect: Dialect) -> bool:
    """Whether it is a time that means nothing without the database's zone."""
    return (
        isinstance(value, dt.datetime)
        and value.tzinfo is None
        and column.kind not in dialect.instants
    )


def _number(value: Decimal | float, column: Column) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not exact.is_finite():
        raise Unreadable(
            f"The column {column.key} holds {exact}, which is no number: correct it at its source.",
            code="type-mismatch",
        )
    return f"{exact:f}"


def _moment(value: dt.datetime, column: Column, dialect: Dialect) -> str:
    if is_local(value, column, dialect):
        return value.isoformat()
    return utc_text(value if value.tzinfo else value.replace(tzinfo=dt.UTC))


def utc_text(value: dt.datetime) -> str:
    """RFC 3339 in UTC."""
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _clock(value: dt.timedelta) -> str:
    sign = "-" if value < dt.timedelta(0) else ""
    seconds, micro = divmod(abs(value) // dt.timedelta(microseconds=1), 10**6)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{micro:06d}" if micro else text


# ------------------------------------------------------------------ local times


def in_zone(text: str, column: str, zone: str) -> tuple[str, str]:
    """(UTC, doubt) of a local time. Of an hour that happens twice the first is taken, and the
    doubt says so. Raises Unreadable for a time the clocks skipped."""
    there = ZoneInfo(zone)
    local = dt.datetime.fromisoformat(text).replace(tzinfo=there)
    utc = local.astimezone(dt.UTC)
    if utc.astimezone(there).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Unreadable(
            f"The time {text} in {column} never was in {zone}, where the clocks went forward: "
            "correct the row at its source or the time zone of the connection.",
            code="type-mismatch",
        )
    doubt = ""
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        doubt = f"{column} {text} happened twice in {zone}; the first was taken"
    return utc_text(utc), doubt


# ------------------------------------------------------------------ keys and marks


#: An empty text as a key: a percent sign that stands alone, which nothing else becomes.
NOTHING = "%"


def external_id(values: Sequence[Any], columns: Sequence[Column], dialect: Dialect) -> str:
    """The key as one text; the parts of a compound one are kept apart by ``~``.

    Raises Unreadable for a key that is empty.
    """
    parts = []
    for value, column in zip(values, columns, strict=True):
        text = as_json(value, column, dialect)
        if text is None:
            raise Unreadable(
                f"A row has nothing in its key column {column.key}: correct the query, or fill it.",
                code="missing-required",
            )
        parts.append(str(text).replace("%", "%25").replace("~", "%7E") or NOTHING)
    return "~".join(parts)


def key_parts(external: str) -> list[str]:
    parts = ["" if p == NOTHING else p for p in external.split("~")]
    return [p.replace("%7E", "~").replace("%25", "%") for p in parts]


_KINDS: dict[type, str] = {
    int: "int", Decimal: "decimal", float: "float", str: "text", uuid.UUID: "text", bool: "int",
    dt.date: "date",
}  # fmt: skip


def mark(value: Any) -> Mark:
    """A key or watermark as the driver gave it, in a form a cursor can keep.

    Raises AccessRefused for a type that can't be compared.
    """
    if isinstance(value, dt.datetime):
        return ["moment", value.isoformat()]
    kind = _KINDS.get(type(value))
    if kind is None:
        raise AccessRefused(
            f"A column of type {type(value).__name__} can't be a key or a watermark: cast it to "
            "a number, a text or a time in the query.",
            code="type-mismatch",
            owner=Owner.PARTNER,
        )
    return [kind, str(int(value)) if kind == "int" else str(value)]


def unmark(mark: Mark) -> Any:
    kind, text = mark
    match kind:
        case "int":
            return int(text)
        case "decimal":
            return Decimal(text)
        case "float":
            return float(text)
        case "date":
            return dt.date.fromisoformat(text)
        case "moment":
            return dt.datetime.fromisoformat(text)
    return text


def body(row: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(row, order="deterministic")
