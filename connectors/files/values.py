"""A column's text into a value, and back. Values are JSON: text, whole numbers, true or false;
decimals are text, dates and times ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import ZoneInfo

from connectors.files.profile import Column, Dialect, StreamProfile

Value = str | int | bool
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d+(?:\.\d*)?|\.\d+)(?P<after>-?)")


class NoValue(ValueError):
    """The text is none of the column's type; the message says why."""


def value_of(text: str, column: Column, stream: StreamProfile) -> Value | None:
    """None where nothing was said. Raises NoValue."""
    text = text.strip()
    if not text or text in stream.empty:
        if column.required:
            raise NoValue("is empty and must not be")
        return None
    match column.type:
        case "decimal":
            return f"{decimal_of(text, column, stream):f}"
        case "integer":
            return int(decimal_of(text, column, stream))
        case "flag":
            return text.casefold() in {true.casefold() for true in stream.true}
        case "text":
            return text
        case _:
            return moment_of(text, column, stream.zone)


def decimal_of(text: str, column: Column, dialect: Dialect) -> Decimal:
    """Marks as the file's dialect has them; a minus may follow, as mainframes write it.

    A comma where a point is declared is refused: twelve must not become twelve hundred.
    """
    plain = text.replace(dialect.thousands, "") if dialect.thousands else text
    plain = plain.replace(" ", "").replace("\u00a0", "")
    if dialect.decimal == ",":
        if "." in plain:
            raise NoValue(f"is no number with a decimal comma: {text[:40]!r}")
        plain = plain.replace(",", ".")
    found = _NUMBER.fullmatch(plain)
    if found is None or (found["sign"] and found["after"]):
        raise NoValue(f"is no number: {text[:40]!r}")
    try:
        value = Decimal(found["digits"])
    except InvalidOperation as error:
        raise NoValue(f"is no number: {text[:40]!r}") from error
    if column.places is not None and "." not in plain:
        value = value.scaleb(-column.places)
    if column.type == "integer" and value != value.to_integral_value():
        raise NoValue(f"is no whole number: {text[:40]!r}")
    return -value if "-" in (found["sign"], found["after"]) else value


def moment_of(text: str, column: Column, zone: str) -> str:
    """A date, a time, or both. With a zone a date and time becomes UTC; of an hour the clock shows
    twice the first counts, and one it skips is what a clock that wasn't put on showed."""
    try:
        if column.format:
            moment = datetime.strptime(text, column.format)  # noqa: DTZ007  the zone follows
        elif column.type == "time":
            return time.fromisoformat(text).isoformat()
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoValue(f"is no {column.type} like {column.format or 'ISO 8601'}: {text[:40]!r}") \
            from error  # fmt: skip
    if column.type == "date":
        return moment.date().isoformat()
    if column.type == "time":
        return moment.time().isoformat()
    if moment.tzinfo is None and zone:
        moment = moment.replace(tzinfo=_zone(zone))
    if moment.tzinfo is None:
        return moment.isoformat(timespec="seconds")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# ------------------------------------------------------------------ out


def text_of_value(value: object, column: Column, dialect: Dialect) -> str:
    """A body's value as the file wants it. Raises NoValue for one that isn't of the type."""
    if value is None or value == "":
        if column.required:
            raise NoValue("is empty and must not be")
        return ""
    match column.type:
        case "decimal" | "integer":
            return _number(value, column, dialect)
        case "flag":
            return "1" if value is True or value in ("true", "1") else "0"
        case "date" | "time" | "datetime":
            return _moment(str(value), column, dialect.zone)
        case _:
            return " ".join(str(value).split())


def _number(value: object, column: Column, dialect: Dialect) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise NoValue(f"is no number: {str(value)[:40]!r}") from error
    if column.type == "integer":
        return f"{number.to_integral_value():f}"
    if column.places is not None:
        number = number.quantize(Decimal(1).scaleb(-column.places))
        if dialect.format == "fixed":
            return f"{number.scaleb(column.places):f}".split(".")[0]
    return f"{number:f}".replace(".", dialect.decimal)


def _moment(text: str, column: Column, zone: str) -> str:
    try:
        if column.type == "date" and len(text) == 10:
            day = date.fromisoformat(text)
            return day.strftime(column.format) if column.format else text
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoValue(f"is no {column.type}: {text[:40]!r}") from error
    if moment.tzinfo is not None:
        moment = moment.astimezone(_zone(zone) if zone else UTC)
    return moment.strftime(column.format or {"date": "%Y-%m-%d", "time": "%H:%M:%S"}.get(
        column.type, "%Y-%m-%dT%H:%M:%S%z"))  # fmt: skip
