"""Times: whatever ISO 8601 form a source uses → RFC 3339 in UTC, and back to what targets want."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo


class NotATime(ValueError):
    """The value is no ISO 8601 date or time."""


def _parsed(value: object) -> datetime:
    if type(value) is not str:
        raise NotATime(f"{str(value)[:40]!r} is no date or time.")
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        raise NotATime(f"{value[:40]!r} is no date or time.") from None


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, or microseconds where there are any."""
    spec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def utc(value: object) -> str:
    """Naive time is UTC already (``…_gmt`` of shops, ERPs); an offset is converted."""
    moment = _parsed(value)
    return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise NotATime(f"{name!r} is no time zone: use an IANA name, e.g. Europe/London.") from None


def local_utc(value: object, zone: str) -> str:
    """Naive local time of ``zone`` (IANA name) → UTC. Of an hour that happens twice, the first."""
    moment = _parsed(value)
    return rfc3339(moment if moment.tzinfo else moment.replace(tzinfo=_zone(zone)))


def day(value: object, zone: str = "") -> str:
    """The date of an instant in ``zone``, or in UTC; of a naive time or a date, its own."""
    moment = _parsed(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(_zone(zone) if zone else UTC)
    return moment.date().isoformat()


def date_only(value: object) -> str:
    """The date as it is written, whatever the zone."""
    if type(value) is not str:
        raise NotATime(f"{str(value)[:40]!r} is no date or time.")
    try:
        return date.fromisoformat(value.strip()[:10]).isoformat()
    except ValueError:
        raise NotATime(f"{value[:40]!r} is no date or time.") from None


def sql_time(value: object) -> str:
    """RFC 3339 → ``YYYY-MM-DD HH:MM:SS`` in UTC, as Odoo and others write times."""
    moment = _parsed(value)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
