"""Inbox events → records: what was told becomes what is, and what is wanted where.

claim → understand → (read again what was only hinted at) → map → match, lock, merge,
compute what is derived, route — the last line in one transaction, so that a new version is
never visible without its deliveries (engine rule 2.3).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog
from django.db import OperationalError, transaction

from connectors.sdk.connector import Connector
from connectors.sdk.errors import AccessRefused, ConnectorError, Unreadable
from connectors.sdk.records import Heard, Hint, Nothing, SourceRecord
from hub.canonical.entities import is_level
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.mappings.problems import MappingError, Problem
from hub.mappings.selectors import mapping_for
from hub.mappings.to_canonical import Canonical, ToCanonical
from hub.sync import availability, merge, milestones, route
from hub.sync.attention import access_refused
from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.identity import new_fence
from hub.sync.matching import Change, Raced, match
from hub.sync.merge import Refusal
from hub.sync.plan import plan_of
from hub.sync.ready import ready
from hub.sync.receive import Envelope, receive_hints, receive_reread
from hub.sync.sessions import connector_for
from hub.sync.sql import clock, execute, rows
from hub.sync.store import store
from kernel.telemetry import metrics

log = structlog.get_logger(__name__)

BATCH = 200
LEASE_SECONDS = 60
#: A worker that died this often with an event died of it.
POISON_AFTER = 4
RACES = 6

#: A batch of those nobody died with, or one that somebody did: leased together, its neighbours
#: would be blamed for each of its deaths, and set aside with it.
CLAIM = """
WITH ready AS MATERIALIZED (
    SELECT id, next_at, lease_until IS NOT NULL AS lost, alone OR lease_until IS NOT NULL AS single
    FROM sync_inboxevent
    WHERE connection_id = %s AND state = 'pending' AND next_at <= now()
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY next_at, id LIMIT %s FOR UPDATE SKIP LOCKED),
first AS (SELECT id, single FROM ready ORDER BY next_at, id LIMIT 1),
due AS (
    SELECT r.id, r.lost FROM ready r JOIN first f ON CASE WHEN f.single THEN r.id = f.id
                                                          ELSE NOT r.single END)
UPDATE sync_inboxevent e SET lease_until = now() + %s, fence = %s, attempts = e.attempts + 1,
    alone = e.alone OR due.lost
FROM due WHERE e.id = due.id
RETURNING e.id, e.kind, e.stream, e.body, e.headers, e.read_started_at, e.received_at, e.attempts,
          e.alone
"""


#: Of an event that is done: id, what it became in words, its records, the view rests on it.
Outcome = tuple[int, str, list[str], bool]


@dataclass(slots=True)
class Event:
    """A claimed inbox event."""

    id: int
    kind: str
    stream: str
    body: bytes
    headers: bytes
    read_started_at: datetime | None
    received_at: datetime
    attempts: int
    alone: bool


@dataclass(slots=True)
class Sorted:
    """What a batch turned out to be."""

    records: list[tuple[Event, SourceRecord]] = field(default_factory=list)
    hints: list[tuple[Event, Hint]] = field(default_factory=list)
    nothing: list[tuple[Event, str]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def drain_inbox(connection_id: uuid.UUID, batch: int = BATCH) -> int:
    """Work one batch of a connection's events; returns how many were claimed.

    A paused connection keeps receiving; its events wait.
    """
    with ready(connection_id) as connection:
        if connection is None:
            return 0
        fence = new_fence()
        claimed = [
            Event(*row)
            for row in rows(CLAIM, [connection_id, batch, timedelta(seconds=LEASE_SECONDS), fence])
        ]
        claimed.sort(key=lambda event: event.id)
        together = [e for e in claimed if not e.alone]
        for group in [together, *([e] for e in claimed if e.alone)]:
            if group:
                _guarded(connection, group, fence)
        return len(claimed)


def _guarded(connection: Connection, events: list[Event], fence: uuid.UUID) -> None:
    """A defect of ours must not hold a stream up: set its events apart and go on."""
    try:
        _work(connection, events, fence)
    except Exception as error:
        log.exception("normalize.failed", events=[e.id for e in events], error=repr(error))
        if len(events) == 1 and events[0].attempts > POISON_AFTER:
            _take(connection, Sorted(refused=[_bug(events[0], error)]), [], fence)
            return
        wait = timedelta(seconds=2 ** min(e.attempts for e in events))
        execute(
            "UPDATE sync_inboxevent SET lease_until = NULL, fence = NULL, alone = true,"
            " next_at = now() + %s WHERE id = ANY(%s) AND fence = %s",
            [wait, [e.id for e in events], fence],
        )


def _work(connection: Connection, events: list[Event], fence: uuid.UUID) -> None:
    poisoned = [e for e in events if e.alone and e.attempts > POISON_AFTER]
    events = [e for e in events if e not in poisoned]
    with connector_for(connection) as connector:
        found = _sort(connection, connector, events)
        found.refused += [_poison(e) for e in poisoned]
        if found.hints:
            _read_again(connection, connector, found, fence)
    changes, refused = _map(connection, found.records)
    found.refused += refused
    _take(connection, found, changes, fence)


def _sort(connection: Connection, connector: Connector, events: Iterable[Event]) -> Sorted:
    found = Sorted()
    for event in events:
        try:
            understood = _understand(connector, event)
        except Unreadable as error:
            problem = Problem("", error.code, str(error))
            found.refused.append(Refusal(event.id, error.code, [problem], owner=str(error.owner)))
            continue
        if isinstance(understood, Hint):
            found.hints.append((event, understood))
        elif isinstance(understood, Nothing):
            found.nothing.append((event, understood.why))
        else:
            found.records.append((event, understood))
    _fold(connection, found)
    return found


def _fold(connection: Connection, found: Sorted) -> None:
    """Of several readings of one level in a batch only the newest matters; the others end here."""
    levels = {s.name for s in manifest_of(connection).streams if all(map(is_level, s.produces))}
    newest: dict[tuple[str, str], datetime] = {}
    for _, record in found.records:
        if record.read_started_at is not None:
            place = (record.stream, record.external_id)
            newest[place] = max(record.read_started_at, newest.get(place, record.read_started_at))
    kept: dict[tuple[str, str], tuple[Event, SourceRecord]] = {}
    others: list[tuple[Event, SourceRecord]] = []
    for event, record in found.records:
        place = (record.stream, record.external_id)
        if record.stream not in levels or record.read_started_at is None:
            others.append((event, record))
        elif place not in kept and record.read_started_at == newest[place]:
            kept[place] = (event, record)
        else:
            found.nothing.append((event, "a newer reading came with it"))
    found.records = [*others, *kept.values()]


def _understand(connector: Connector, event: Event) -> SourceRecord | Hint | Nothing:
    if event.kind == "hint":
        return Hint(event.stream, event.body.decode(), "asked for")
    if event.kind == "reread":
        told = msgspec.json.decode(event.body, type=Envelope)
        return SourceRecord(event.stream, told.external_id, told.body, told.version, told.our_ref,
                            told.deleted, event.read_started_at)  # fmt: skip
    heard = Heard(event.stream, "", event.body, msgspec.json.decode(event.headers),
                  event.read_started_at)  # fmt: skip
    return connector.understand(heard)


def _read_again(
    connection: Connection, connector: Connector, found: Sorted, fence: uuid.UUID
) -> None:
    """Read what was hinted at, keep the bytes, and let the hint be done in the same commit."""
    streams: dict[str, list[tuple[Event, Hint]]] = {}
    for event, hint in found.hints:
        streams.setdefault(hint.stream, []).append((event, hint))
    for stream, hints in streams.items():
        ids = list(dict.fromkeys(h.external_id for _, h in hints))
        started = clock()
        try:
            answers = connector.reread(stream, ids)
        except Unreadable as error:
            problem = Problem("", error.code, str(error))
            found.refused += [
                Refusal(e.id, error.code, [problem], owner=str(error.owner)) for e, _ in hints
            ]
            continue
        except ConnectorError as error:
            _later(connection, [e for e, _ in hints], error, fence)
            continue
        told = [r if r is not None else SourceRecord(stream, i, {}, deleted=True)
                for i, r in answers.items()]  # fmt: skip
        with transaction.atomic():
            receive_reread(connection.id, told, started)
            _done(fence, [(e.id, f"read {h.stream} {h.external_id} again: {h.why}", [], False)
                          for e, h in hints])  # fmt: skip


def _later(
    connection: Connection, events: list[Event], error: ConnectorError, fence: uuid.UUID
) -> None:
    """The source can't be read now: the hints wait, without being blamed for it."""
    if isinstance(error, AccessRefused):
        access_refused(connection, error)
    execute(
        "UPDATE sync_inboxevent SET lease_until = NULL, fence = NULL, attempts = attempts - 1,"
        " next_at = now() + %s WHERE id = ANY(%s) AND fence = %s",
        [timedelta(seconds=error.retry_after or 3), [e.id for e in events], fence],
    )
    log.info("normalize.reread_later", code=error.code, events=len(events))


def _map(
    connection: Connection, records: list[tuple[Event, SourceRecord]]
) -> tuple[list[Change], list[Refusal]]:
    changes: list[Change] = []
    refused: list[Refusal] = []
    manifest = manifest_of(connection)
    for event, record in records:
        stream = manifest.stream(record.stream)
        made: list[Change] = []
        try:
            for entity in stream.produces:
                mapping = mapping_for(connection, f"{record.stream}.{entity}")
                if record.deleted and not record.body:
                    made += _gone(event, record, mapping)
                    continue
                made += [
                    Change(event.id, record, one, one.external_id == record.external_id,
                           final=stream.file, heard_at=_heard_at(event))
                    for one in mapping.run(record.body, deleted=record.deleted)
                ]  # fmt: skip
        except MappingError as error:
            refused.append(Refusal(event.id, error.code, error.problems))
            continue
        if made and not any(c.anchor for c in made):
            made[0].anchor = True
        changes += made
    return changes, refused


def _gone(event: Event, record: SourceRecord, mapping: ToCanonical) -> list[Change]:
    """A tombstone for the record itself; what is listed inside it can't be told any more."""
    if mapping.each is not None:
        return []
    told = Canonical(mapping.entity, mapping.object, record.external_id, record.version, True,
                     {}, None, {})  # fmt: skip
    return [Change(event.id, record, told, True, heard_at=_heard_at(event))]


def _heard_at(event: Event) -> datetime | None:
    return event.received_at if event.read_started_at is None else None


def _take(connection: Connection, found: Sorted, changes: list[Change], fence: uuid.UUID) -> None:
    """Everything a batch changes, in one transaction; tried again when another was first."""
    for _ in range(RACES):
        try:
            with transaction.atomic(), metrics.STEP_SECONDS.labels("normalise").time():
                _apply(connection, found, changes, fence)
            metrics.PROCESSED.labels("normalise", "done").inc(len(found.records))
            metrics.PROCESSED.labels("normalise", "parked").inc(len(found.refused))
            return
        except Raced:
            continue
        except OperationalError as error:
            if "deadlock" not in str(error):
                raise
    log.warning("normalize.raced", events=len(found.records))
    execute(
        "UPDATE sync_inboxevent SET lease_until = NULL, fence = NULL, attempts = attempts - 1,"
        " next_at = now() + interval '1 second' WHERE fence = %s AND id = ANY(%s)",
        [fence, [e.id for e, _ in [*found.records, *found.nothing]]],
    )


def _apply(connection: Connection, found: Sorted, changes: list[Change], fence: uuid.UUID) -> None:
    environment = connection.environment_id
    plan = plan_of(environment)
    matches = match(environment, connection.id, changes)
    merged = merge.merge(plan, connection.id, changes, matches)
    store(plan, connection.id, merged)
    wanted = route.route(plan, merged.changed)
    route.route(plan, milestones.derive(plan, merged.changed))
    if plan.rules:
        skus = availability.commit_stock(plan, wanted)
        skus |= availability.give_up(merged.changed)
        skus |= availability.release_shown(plan, merged.shown)
        skus |= availability.skus_of(plan, merged.changed)
        if skus:
            route.route(plan, availability.recompute(plan, skus))
    for change in merged.reread:
        receive_hints(connection.id, change.source.stream, [change.source.external_id],
                      f"doubt after event {change.event_id}")  # fmt: skip
    refused = {r.event_id: r for r in [*merged.refused, *found.refused]}
    _park(connection, list(refused.values()), found, fence)
    done: list[Outcome] = [(e.id, why, [], False) for e, why in found.nothing]
    told: dict[int, list[str]] = {c.event_id: [] for c in changes}
    for change in changes:
        if change.record_id is not None:
            told[change.event_id].append(str(change.record_id))
    done += [
        (e.id, ", ".join(merged.outcomes.get(e.id, ["nothing to map"])), told.get(e.id, []),
         merged.current.get(e.id, False))
        for e, _ in found.records if e.id not in refused
    ]  # fmt: skip
    _done(fence, done)
    _supersede(connection, merged.accepted)
    if merged.outdated:
        execute(
            "UPDATE sync_inboxevent SET current = false WHERE id = ANY(%s)",
            [list(merged.outdated)],
        )


def _supersede(connection: Connection, accepted: dict[uuid.UUID, int]) -> None:
    """A newer word about these records was taken: what was parked before it needs nobody's mending
    any more (rule 2.9). What contradicts a fact stays: it is still for a person to compare."""
    if accepted:
        execute(
            "UPDATE sync_inboxevent e SET state = 'superseded', exception_id = NULL"
            " FROM sync_businessexception x, unnest(%s::text[], %s::bigint[]) AS a (record, event)"
            " WHERE x.id = e.exception_id AND e.state = 'parked' AND x.code <> 'replay-conflict'"
            " AND e.connection_id = %s AND e.records ? a.record AND e.id < a.event",
            [[str(r) for r in accepted], list(accepted.values()), connection.id],
        )


def _done(fence: uuid.UUID, done: list[Outcome]) -> None:
    if not done:
        return
    execute(
        "UPDATE sync_inboxevent e SET lease_until = NULL, fence = NULL, again = false,"
        " state = CASE WHEN e.again AND (NOT d.current OR e.kind = 'reread')"
        " THEN 'pending' ELSE 'done' END,"
        " outcome = d.outcome, records = d.records::jsonb, current = d.current,"
        " exception_id = NULL"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bool[])"
        " AS d (id, outcome, records, current) WHERE e.id = d.id AND e.fence = %s",
        [[d[0] for d in done], [d[1] for d in done],
         [msgspec.json.encode(d[2]).decode() for d in done], [d[3] for d in done], fence],
    )  # fmt: skip


def _park(connection: Connection, refused: list[Refusal], found: Sorted, fence: uuid.UUID) -> None:
    """Keep what can't be taken, under the exception of its cause."""
    if not refused:
        return
    streams = {e.id: e.stream for e, _ in [*found.records, *found.hints]}
    troubles = {r.event_id: _trouble(connection, r, streams.get(r.event_id, "")) for r in refused}
    opened = open_exceptions(list(troubles.values()))
    execute(
        "UPDATE sync_inboxevent e SET state = 'parked', lease_until = NULL, fence = NULL,"
        " outcome = d.outcome, exception_id = d.exception, records = d.records::jsonb"
        " FROM unnest(%s::bigint[], %s::text[], %s::uuid[], %s::text[])"
        " AS d (id, outcome, exception, records) WHERE e.id = d.id AND e.fence = %s",
        [[r.event_id for r in refused],
         ["; ".join(str(p) for p in r.problems)[:2000] for r in refused],
         [opened[troubles[r.event_id].cause] for r in refused],
         [msgspec.json.encode([str(r.record_id)] if r.record_id else []).decode()
          for r in refused], fence],
    )  # fmt: skip


def _trouble(connection: Connection, refusal: Refusal, stream: str) -> Trouble:
    """Same code at the same place with the same words = the same cause."""
    first = refusal.problems[0]
    words = str(refusal.record_id) if refusal.code == "replay-conflict" else first.message
    return Trouble(
        environment=connection.environment_id,
        code=refusal.code,
        cause=f"{refusal.code}|{connection.id}|{stream}|{first.path}|{words}",
        title=f"{connection.title}: {first}",
        owner=refusal.owner,
        connection=connection.id,
        record=refusal.record_id,
    )


def _poison(event: Event) -> Refusal:
    return _ours(
        event, "poison",
        f"Workers died {event.attempts - 1} times while reading event {event.id}. It is set aside "
        "and holds nothing else up; the platform's team looks at it.",
    )  # fmt: skip


def _bug(event: Event, error: Exception) -> Refusal:
    return _ours(
        event, "bug",
        f"Our own defect ({type(error).__name__}) stops event {event.id}. It is kept; the "
        "platform's team mends it and reads it again.",
    )  # fmt: skip


def _ours(event: Event, code: str, message: str) -> Refusal:
    return Refusal(event.id, code, [Problem("", code, message)], owner="platform")
