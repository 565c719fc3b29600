"""Time as WooCommerce shows and filters it: naive texts, in the site's zone or in GMT.

Rows keep epoch seconds. The recorded shop has a resolution of one second (finding 14).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_FORM = "%Y-%m-%dT%H:%M:%S"
_FULL = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?$")


def gmt(epoch: int | None) -> str | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC).strftime(_FORM)


def local(epoch: int | None, zone: str) -> str | None:
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, ZoneInfo(zone)).strftime(_FORM)


def instant(text: str) -> int:
    """Epoch of an ISO time of a control route; naive means UTC."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())


def boundary(text: str, zone: str, dates_are_gmt: bool) -> int | None:
    """The epoch a date filter stands for, or None for an invalid one; quirks as recorded.

    Finding 15: a text with an offset *and* ``dates_are_gmt`` is turned into the site's wall clock
    and then taken for GMT, which is wrong by the zone's offset.
    """
    if not _FULL.match(text):
        return None
    try:
        when = datetime.fromisoformat(re.sub(r"\.\d+", "", text).replace("Z", "+00:00"))
    except ValueError:
        return None
    site = ZoneInfo(zone)
    if when.tzinfo is None:
        return int(when.replace(tzinfo=UTC if dates_are_gmt else site).timestamp())
    if dates_are_gmt:
        offset = when.astimezone(site).utcoffset() or timedelta(0)
        return int((when + offset).timestamp())
    return int(when.timestamp())
