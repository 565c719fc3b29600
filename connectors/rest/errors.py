"""Every answer that isn't what was asked for, as one of the SDK's errors. Pure.

The partner's rows decide first; then what HTTP itself says (RFC 9110, 15; RFC 6585, 4). A read has
no effect, so whatever went wrong with it, nothing was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.rest.paths import at, every, text
from connectors.rest.settings import ErrorRow
from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    DocumentLocked,
    MissingReference,
    NotYet,
    OutcomeUnknown,
    Owner,
    RateLimited,
    Rejected,
    Unavailable,
)

#: Where APIs commonly put the words for a person.
_WORDS = ("message", "error_description", "detail", "error.message", "errors[0].message",
          "errors[0].detail", "errors[0]", "error", "title")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked and what came of it. ``value``: decoded JSON, None if there was none.
    ``sent``: the record's body. ``fixed``: the address names no record, so 404 can't mean one."""

    status: int
    value: Any
    headers: Mapping[str, str]
    reading: bool
    start: str = ""
    sent: Any = None
    fixed: bool = True


def row_for(
    exchange: Exchange, rows: Sequence[ErrorRow], *, failed: bool = False
) -> ErrorRow | None:
    """The first row that fits. ``failed``: an item of a batch, told by something else than 4xx."""
    for row in rows:
        statuses = row.status or ([exchange.status] if failed or exchange.status >= 400 else [])
        if exchange.status not in statuses:
            continue
        said = [text(item) for item in every(at(exchange.value, row.path))] if row.path else []
        if not row.path or set(said) & set(row.values) or (said and not row.values):
            return row
    return None


def declared(exchange: Exchange, row: ErrorRow) -> ConnectorError:
    """What a row means; not for *exists* and *done*, which are no errors."""
    said = words(exchange.value)
    sentence = row.move or f"The system refused this: {said or exchange.status}."
    more: dict[str, Any] = {"detail": _detail(exchange)}
    if row.code:
        more["code"] = row.code
    if row.owner:
        more["owner"] = Owner(row.owner)
    if row.means == "missing":
        key = {kind: text(at(exchange.sent, path)) for kind, path in row.key.items()}
        return MissingReference(sentence, entity=row.entity, key=key, **more)
    if row.means in ("unavailable", "slow_down", "not_yet"):
        more["retry_after"] = wait_of(exchange.headers)
    kinds: dict[str, type[ConnectorError]] = {
        "locked": DocumentLocked, "not_yet": NotYet, "unavailable": Unavailable,
        "slow_down": RateLimited, "unknown": OutcomeUnknown, "access": AccessRefused,
    }  # fmt: skip
    return kinds.get(row.means, Rejected)(sentence, **more)


def fault(exchange: Exchange, rows: Sequence[ErrorRow] = ()) -> ConnectorError:
    """The error for an answer of 300 or more."""
    row = row_for(exchange, rows)
    if row is not None and row.means not in ("exists", "done"):
        return declared(exchange, row)
    status, detail = exchange.status, _detail(exchange)
    if status == 303 and not exchange.reading:
        return OutcomeUnknown(
            "The system did this and points to the result instead of naming it (303): "
            "it is looked up.",
            detail=detail,
        )
    if status < 400:
        place = exchange.headers.get("location", "another address")
        return AccessRefused(
            f"The system has moved to {place}: enter that address in the connection.",
            code="moved", owner=Owner.PARTNER, detail=detail,
        )  # fmt: skip
    if status in (401, 403):
        return _refused(status, detail)
    if status == 429:
        return RateLimited(
            "The system asked us to slow down.",
            detail=detail,
            retry_after=wait_of(exchange.headers),
        )
    if status >= 500 or status == 408:
        return _unwell(exchange, detail)
    return _client(exchange, detail)


def _refused(status: int, detail: str) -> AccessRefused:
    if status == 401:
        return AccessRefused(
            "The system does not accept our credentials: enter working ones and resume the "
            "connection.",
            detail=detail,
        )
    return AccessRefused(
        "The system knows us and does not let us do this: give our account the right to, and "
        "resume the connection.",
        code="scope-missing", detail=detail,
    )  # fmt: skip


def _unwell(exchange: Exchange, detail: str) -> ConnectorError:
    """503 says that the request wasn't taken; after any other 5xx it may have been done."""
    if exchange.reading or exchange.status == 503:
        return Unavailable(
            "The system is unwell; it will be asked again.",
            detail=detail, retry_after=wait_of(exchange.headers),
        )  # fmt: skip
    return OutcomeUnknown(
        "The system failed while it worked on this; whether it was done is found out next.",
        detail=detail,
    )


def _client(exchange: Exchange, detail: str) -> ConnectorError:
    status = exchange.status
    if status in (404, 405, 410, 501) and exchange.fixed:
        return AccessRefused(
            f"The address answers {status}: there is no such function there. Correct the base "
            "address or the address in the settings.",
            code="version-changed", owner=Owner.PARTNER, detail=detail,
        )  # fmt: skip
    if status in (404, 410):
        return Rejected(
            "What this refers to is not there (any more): restore it there, or send it again as "
            "new.",
            code="reference-missing", detail=detail,
        )  # fmt: skip
    if status == 413:
        return Rejected(
            "The system takes no more at once than it was sent: lower the batch in the settings.",
            code="payload-too-large", detail=detail,
        )  # fmt: skip
    said = words(exchange.value) or f"status {status}"
    return Rejected(
        f"The system refused this: {said}. Correct the record or the mapping and send it again.",
        detail=detail,
    )


def not_json(exchange: Exchange, problem: str) -> ConnectorError:
    """A page for people, or half an answer, where JSON was promised."""
    web = exchange.start.lstrip()[:1] == "<"
    if web:
        message = (
            f"The system answered with a web page instead of data (it begins with "
            f"{exchange.start[:60]!r}): look for a maintenance mode, a login or a firewall in "
            "front of it, and check the address."
        )
    else:
        message = (
            f"The system's answer is no whole JSON ({problem}): have its operator look for what "
            "cuts it off or writes into it."
        )
    kind: type[ConnectorError] = Unavailable if exchange.reading else OutcomeUnknown
    return kind(message, code="page-anomaly", owner=Owner.PARTNER, detail=_detail(exchange))


def words(value: Any) -> str:
    """What the answer says for people, one line, without a full stop."""
    for path in _WORDS:
        said = text(at(value, path))
        if said:
            return " ".join(said.split())[:200].rstrip(".")
    return ""


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds of Retry-After, which is a number or a date; None if it doesn't say. At most an
    hour: a source with a wrong clock must not silence itself for days."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            when = parsedate_to_datetime(said)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), 3600.0)


def _detail(exchange: Exchange) -> str:
    return f"{exchange.status} {words(exchange.value) or exchange.start}".strip()
