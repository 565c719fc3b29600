"""Keep what a source told us, once. Everything that comes in goes through here.

The same message heard again ends at the unique key (connection, identity) — unless the hub's
view no longer rests on it: A, then B, then A again within one second gives two equal messages,
and the second is the truth (engine rule 2.2). Such a copy becomes pending once more; one that
comes while the first is being worked is noted (``again``) and becomes pending afterwards.

A reading of ours that says what we hold already is worked again too: that it was read *now* is
news of its own (it ends a commitment of stock).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.sdk.records import Heard, SourceRecord
from hub.sync.identity import digest
from hub.sync.models import InboxEvent
from hub.sync.sql import rows

INSERT = """
INSERT INTO {table} AS e (connection_id, kind, stream, identity, body, headers, read_started_at)
SELECT %s, kind, stream, identity, body, headers, read_started_at
FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::bytea[], %s::timestamptz[])
     AS told (kind, stream, identity, body, headers, read_started_at)
ORDER BY identity
ON CONFLICT (connection_id, identity) DO UPDATE SET
    copies = e.copies + 1,
    again = e.again OR coalesce(e.lease_until > now(), false),
    state = CASE WHEN e.state = 'done' AND (NOT e.current OR e.kind = 'reread')
                 THEN 'pending' ELSE e.state END,
    attempts = CASE WHEN e.state = 'done' THEN 0 ELSE e.attempts END,
    next_at = CASE WHEN e.state = 'done' THEN now() ELSE e.next_at END,
    read_started_at = greatest(e.read_started_at, excluded.read_started_at)
RETURNING xmax = 0
"""


Told = tuple[str, str, bytes, bytes, bytes, datetime | None]


class Envelope(msgspec.Struct, omit_defaults=True):
    """A record we read again by id, kept as bytes before a mapping can fail on it."""

    external_id: str
    body: dict[str, object]
    version: str = ""
    our_ref: str = ""
    deleted: bool = False


def receive(connection_id: uuid.UUID, heard: Iterable[Heard]) -> int:
    """Store what was heard; returns how many were new. Runs in the caller's transaction."""
    return _insert(connection_id, [_row(h) for h in heard])


def receive_hints(connection_id: uuid.UUID, stream: str, ids: Sequence[str], why: str) -> int:
    """Ask ourselves to read these records again. ``why`` keeps two askings apart."""
    told = [
        (
            InboxEvent.Kind.HINT.value,
            stream,
            digest("hint", stream, i, why),
            i.encode(),
            b"{}",
            None,
        )
        for i in ids
    ]
    return _insert(connection_id, told)


def receive_reread(
    connection_id: uuid.UUID, records: Iterable[SourceRecord], started_at: datetime
) -> int:
    """Store records read by id, in envelopes of ours."""
    told: list[Told] = []
    for record in records:
        envelope = msgspec.json.encode(
            Envelope(record.external_id, record.body, record.version, record.our_ref,
                     record.deleted)
        )  # fmt: skip
        identity = digest("reread", record.stream, envelope)
        told.append(
            (InboxEvent.Kind.REREAD.value, record.stream, identity, envelope, b"{}", started_at)
        )
    return _insert(connection_id, told)


def parameters(connection_id: uuid.UUID, heard: Iterable[Heard]) -> list[Any]:
    """Parameters of INSERT, for the front door, which has a connection of its own."""
    return _columns(connection_id, [_row(h) for h in heard])


def _row(heard: Heard) -> Told:
    return (
        InboxEvent.Kind.TOLD.value, heard.stream, digest(heard.stream, heard.identity), heard.body,
        msgspec.json.encode(dict(heard.headers)), heard.read_started_at,
    )  # fmt: skip


def _insert(connection_id: uuid.UUID, told: Sequence[Told]) -> int:
    if not told:
        return 0
    statement = INSERT.format(table="sync_inboxevent")
    return sum(new for (new,) in rows(statement, _columns(connection_id, told)))


def _columns(connection_id: uuid.UUID, told: Sequence[Told]) -> list[Any]:
    # One statement must not meet the same key twice; the later of two copies is as good.
    unique = list({t[2]: t for t in told}.values())
    return [connection_id, *(list(column) for column in zip(*unique, strict=True))]
