"""A record of a stream: its id, its version, whether it is gone, whether it is ours. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.rest.paths import at, every, text
from connectors.rest.settings import StreamSpec
from connectors.rest.webhooks import PUSHED
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Heard, Hint, Json, Nothing, SourceRecord

#: Header of ours on a kept record: two rows of one id that nothing puts in order.
TWICE = "crossdock-twice"
_DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
_WIDTH = 24


def understand(spec: StreamSpec, heard: Heard) -> SourceRecord | Hint | Nothing:
    """Raises Unreadable."""
    body = _object(spec, heard.body)
    kind = heard.headers.get(PUSHED, "")
    push = spec.push
    if kind and push is not None:
        known = text(at(body, push.id or spec.id))
        if not known:
            raise Unreadable(_nameless(spec, push.id or spec.id), code="missing-required")
        if kind in push.deleted:
            return SourceRecord(spec.name, known, {}, version(spec, body), deleted=True)
        if push.thin:
            return Hint(spec.name, known, f"pushed: {kind}")
    if heard.headers.get(TWICE):
        raise Unreadable(
            f"The list of {spec.label or spec.name} holds the id {heard.headers[TWICE]} twice, "
            "with different content and no version that tells which is newer: have the source make "
            "its ids unique, or name a version in the settings.",
            code="duplicate-exact",
        )
    return record(spec, body, heard)


def record(spec: StreamSpec, body: Json, heard: Heard | None = None) -> SourceRecord:
    """Raises Unreadable (``missing-required``) for a record without an id."""
    known = text(at(body, spec.id))
    if not known:
        raise Unreadable(_nameless(spec, spec.id), code="missing-required")
    return SourceRecord(
        stream=spec.name,
        external_id=known,
        body=body,
        version=version(spec, body),
        our_ref=text(at(body, spec.ref)) if spec.ref else "",
        deleted=gone(spec, body),
        read_started_at=None if heard is None else heard.read_started_at,
    )


def version(spec: StreamSpec, body: Any) -> str:
    return comparable(at(body, spec.version)) if spec.version else ""


def gone(spec: StreamSpec, body: Any) -> bool:
    if spec.deleted is None:
        return False
    found = at(body, spec.deleted.path)
    if not spec.deleted.values:
        return bool(found)
    return any(text(item) in spec.deleted.values for item in every(found))


def comparable(value: Any) -> str:
    """A version as text that sorts as it is meant: numbers padded, times in UTC to the
    microsecond (one without a zone is taken as UTC), other text as it is."""
    said = text(value)
    if _DIGITS.fullmatch(said) and not said.startswith("-"):
        whole, _, part = said.partition(".")
        return whole.zfill(_WIDTH) + (f".{part}" if part else "")
    when = moment(said)
    return said if when is None else when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(said: str) -> datetime | None:
    """An ISO time in UTC; None for anything else."""
    if len(said) < 10 or not said[:4].isdigit():
        return None
    try:
        when = datetime.fromisoformat(said)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def _object(spec: StreamSpec, raw: bytes) -> Json:
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(
            f"A record of {spec.label or spec.name} is no JSON: look at its bytes, and have the "
            "source send it again.",
            detail=str(error),
        ) from error
    if not isinstance(body, dict):
        raise Unreadable(
            f"A record of {spec.label or spec.name} is no JSON object: correct the path of the "
            "records in the settings."
        )
    return body


def _nameless(spec: StreamSpec, path: str) -> str:
    return (
        f"A record of {spec.label or spec.name} has no id at {path!r}: correct the path in the "
        "settings, or have the source send the id."
    )
