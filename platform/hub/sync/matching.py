"""Which record is this about? Our reference, then the external id, then natural keys.

Matching is explicit: a key that points to two records is a person's decision, never a merge.
The unknown gets a placeholder, so that there is always a row to lock, to wait for and to show.
Everything is found or made set-wise; losing a race against another transaction raises Raced and
the caller starts its transaction again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from connectors.sdk.records import SourceRecord
from hub.canonical.values import normalised_key
from hub.mappings.references import PendingRef
from hub.mappings.to_canonical import Canonical
from hub.sync.identity import new_id, record_of
from hub.sync.sql import execute, rows

External = tuple[str, str]
Key = tuple[str, str, str]

#: Entities of which one system may hold two for what is one to us (a person with two accounts).
MAY_HAVE_TWINS = {"customer"}


class Raced(Exception):
    """Another transaction made the same record first; begin again and find it."""


@dataclass(slots=True)
class Change:
    """One canonical record that one inbox event tells about. ``anchor``: it bears the event's own
    external id. ``final``: told by a file, which can't tell it a second time in other words.
    ``heard_at``: when it was pushed to us, by the database's clock; None: we read it."""

    event_id: int
    source: SourceRecord
    canonical: Canonical
    anchor: bool
    final: bool = False
    heard_at: datetime | None = None
    record_id: uuid.UUID | None = None
    twin: bool = False
    ambiguous: str = ""


@dataclass(slots=True)
class Matches:
    """The result: where each change and each reference leads, and what had to be made."""

    environment: uuid.UUID
    connection: uuid.UUID
    bound: dict[External, uuid.UUID] = field(default_factory=dict)
    keyed: dict[Key, uuid.UUID] = field(default_factory=dict)
    states: dict[uuid.UUID, str] = field(default_factory=dict)
    ours: dict[uuid.UUID, str] = field(default_factory=dict)
    primaries: set[tuple[str, uuid.UUID]] = field(default_factory=set)
    made: dict[uuid.UUID, str] = field(default_factory=dict)
    made_keys: dict[Key, uuid.UUID] = field(default_factory=dict)
    made_bindings: dict[External, uuid.UUID] = field(default_factory=dict)
    twins: set[External] = field(default_factory=set)
    absorbed: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)

    def of(self, ref: PendingRef) -> uuid.UUID | None:
        """The record a reference leads to."""
        if ref.external_id:
            found = self.bound.get((ref.object, ref.external_id))
        else:
            found = next(
                (self.keyed[k] for k in _keys(ref.entity, ref.key) if k in self.keyed), None
            )
        return self.absorbed.get(found, found) if found else None


def match(environment: uuid.UUID, connection: uuid.UUID, changes: list[Change]) -> Matches:
    """Give every change its record and every reference a record to lead to.

    Runs in the caller's transaction. Raises Raced.
    """
    matches = Matches(environment, connection)
    refs = [r for c in changes for r in (*c.canonical.refs, c.canonical.root) if r is not None]
    _find(matches, changes, refs)
    for change in changes:
        _place(matches, change)
    for ref in refs:
        _expect(matches, ref)
    _make(matches)
    return matches


def _find(matches: Matches, changes: list[Change], refs: list[PendingRef]) -> None:
    externals = {(c.canonical.object, c.canonical.external_id) for c in changes}
    externals |= {(r.object, r.external_id) for r in refs if r.external_id}
    keys = {k for c in changes for k in _all_keys(c.canonical)}
    keys |= {k for r in refs if not r.external_id for k in _keys(r.entity, r.key)}
    if externals:
        for obj, external_id, record, state in rows(
            "SELECT b.object, b.external_id, r.id, r.state FROM sync_binding b"
            " JOIN sync_record r ON r.id = b.record_id"
            " WHERE b.connection_id = %s AND (b.object, b.external_id) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[]))",
            [matches.connection, [e[0] for e in externals], [e[1] for e in externals]],
        ):
            matches.bound[obj, external_id] = record
            matches.states[record] = state
    if keys:
        for entity, kind, value, record, state in rows(
            "SELECT k.entity, k.kind, k.value, r.id, r.state FROM sync_recordkey k"
            " JOIN sync_record r ON r.id = k.record_id"
            " WHERE k.environment_id = %s AND (k.entity, k.kind, k.value) IN"
            " (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))",
            [matches.environment, *map(list, zip(*keys, strict=True))],
        ):
            matches.keyed[entity, kind, value] = record
            matches.states[record] = state
    ours = {r for c in changes if (r := _ours(matches, c))}
    known = ours | set(matches.states)
    for record, entity, state in rows(
        "SELECT id, entity, state FROM sync_record WHERE id = ANY(%s) AND environment_id = %s",
        [list(ours), matches.environment],
    ):
        matches.states[record] = state
        matches.ours[record] = entity
    matches.primaries = {
        (obj, record)
        for obj, record in rows(
            "SELECT object, record_id FROM sync_binding"
            " WHERE connection_id = %s AND role = 'primary' AND record_id = ANY(%s)",
            [matches.connection, list(known)],
        )
    }


def _place(matches: Matches, change: Change) -> None:
    """Choose the change's record: bound, ours, keyed, or new."""
    told = change.canonical
    place = (told.object, told.external_id)
    keys = _all_keys(told)
    keyed = {matches.keyed[k] for k in keys if k in matches.keyed}
    keyed = {matches.absorbed.get(k, k) for k in keyed}
    record = matches.bound.get(place) or _ours_known(matches, change)
    record = matches.absorbed.get(record, record) if record else None
    if record is None and len(keyed) > 1:
        change.ambiguous = "its keys belong to different records"
        return
    if record is None and keyed:
        record = next(iter(keyed))
        if (told.object, record) in matches.primaries:
            if told.entity not in MAY_HAVE_TWINS:
                change.ambiguous = "another record of the same system has this key already"
                return
            change.twin = True
    if record is None:
        record = new_id()
        matches.made[record] = told.entity
        matches.states[record] = "expected"
    for other in keyed - {record}:
        record = _settle_two(matches, change, record, other)
        if record is None:
            return
    change.record_id = record
    if place not in matches.bound:
        # Claimed before anything is written: another transaction may be making it too.
        matches.made_bindings[place] = record
        if change.twin:
            matches.twins.add(place)
    matches.bound[place] = record
    if not change.twin:
        matches.primaries.add((told.object, record))
    for key in keys:
        if key not in matches.keyed:
            matches.keyed[key] = record
            matches.made_keys[key] = record


def _settle_two(
    matches: Matches, change: Change, record: uuid.UUID, other: uuid.UUID
) -> uuid.UUID | None:
    """One thing, two records: a placeholder gives way; two real ones are a person's decision."""
    states = matches.states
    if states.get(other) == "expected":
        loser, winner = other, record
    elif states.get(record) == "expected":
        loser, winner = record, other
        change.twin = (change.canonical.object, winner) in matches.primaries
    elif change.canonical.entity in MAY_HAVE_TWINS:
        return record
    else:
        change.ambiguous = "one of its keys belongs to another record"
        return None
    matches.absorbed[loser] = winner
    return winner


def _expect(matches: Matches, ref: PendingRef) -> None:
    """Make sure that a reference leads somewhere, if its source expects it to."""
    if matches.of(ref) is not None or not ref.expect:
        return
    record = new_id()
    matches.made[record] = ref.entity
    matches.states[record] = "expected"
    if ref.external_id:
        matches.bound[ref.object, ref.external_id] = record
        matches.made_bindings[ref.object, ref.external_id] = record
        return
    for key in _keys(ref.entity, ref.key):
        matches.keyed[key] = record
        matches.made_keys[key] = record


def _make(matches: Matches) -> None:
    """Insert what is new, in one order for everybody, and absorb placeholders."""
    gone = set(matches.absorbed)
    made = sorted((r, e) for r, e in matches.made.items() if r not in gone)
    if made:
        execute(
            "INSERT INTO sync_record (id, environment_id, entity, state, version, billable_version)"
            " SELECT id, %s, entity, 'expected', 0, 0 FROM unnest(%s::uuid[], %s::text[])"
            " AS made (id, entity)",
            [matches.environment, [r for r, _ in made], [e for _, e in made]],
        )
    keys = sorted((k, matches.absorbed.get(r, r)) for k, r in matches.made_keys.items())
    if keys:
        stored = execute(
            "INSERT INTO sync_recordkey (environment_id, entity, kind, value, record_id)"
            " SELECT %s, e, k, v, r FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[])"
            " AS made (e, k, v, r) ON CONFLICT DO NOTHING",
            [matches.environment, *([k[i] for k, _ in keys] for i in range(3)),
             [r for _, r in keys]],
        )  # fmt: skip
        if stored < len(keys):
            raise Raced
    bindings = sorted((b, matches.absorbed.get(r, r)) for b, r in matches.made_bindings.items())
    if bindings:
        stored = execute(
            "INSERT INTO sync_binding"
            " (environment_id, connection_id, record_id, object, external_id, role)"
            " SELECT %s, %s, r, o, x, w FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[])"
            " AS made (r, o, x, w) ON CONFLICT DO NOTHING",
            [
                matches.environment,
                matches.connection,
                [r for _, r in bindings],
                [b[0] for b, _ in bindings],
                [b[1] for b, _ in bindings],
                ["twin" if b in matches.twins else "primary" for b, _ in bindings],
            ],
        )  # fmt: skip
        if stored < len(bindings):
            raise Raced
    for loser, winner in sorted(matches.absorbed.items()):
        if loser not in matches.made:
            absorb(loser, winner)


def absorb(loser: uuid.UUID, winner: uuid.UUID) -> None:
    """A placeholder turns out to be a record we know: everything that led to it leads there.

    The placeholder's row is kept, marked, for references that still hold its id.
    """
    rows(
        "SELECT id FROM sync_record WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [[loser, winner]],
    )
    execute("UPDATE sync_recordkey SET record_id = %s WHERE record_id = %s", [winner, loser])
    execute(
        "UPDATE sync_binding b SET record_id = %s, role = CASE WHEN EXISTS ("
        " SELECT 1 FROM sync_binding o WHERE o.record_id = %s AND o.role = 'primary'"
        " AND o.connection_id = b.connection_id AND o.object = b.object)"
        " THEN 'twin' ELSE b.role END WHERE b.record_id = %s",
        [winner, winner, loser],
    )
    execute(
        "INSERT INTO sync_need (delivery_id, record_id, object)"
        " SELECT delivery_id, %s, object FROM sync_need WHERE record_id = %s"
        " ON CONFLICT DO NOTHING",
        [winner, loser],
    )
    execute("DELETE FROM sync_need WHERE record_id = %s", [loser])
    execute(
        "UPDATE sync_record SET state = 'merged', merged_into = %s, changed_at = now()"
        " WHERE id = %s",
        [winner, loser],
    )


def _ours(matches: Matches, change: Change) -> uuid.UUID | None:
    ref = change.source.our_ref
    return record_of(ref, matches.environment) if ref and change.anchor else None


def _ours_known(matches: Matches, change: Change) -> uuid.UUID | None:
    """The record our reference names, if we have it and it is of this kind.

    A system can send back anything, and copies our reference from an order to its delivery.
    """
    found = _ours(matches, change)
    return found if found and matches.ours.get(found) == change.canonical.entity else None


def _all_keys(told: Canonical) -> list[Key]:
    return [k for kind, values in told.keys.items() for k in _several(told.entity, kind, values)]


def _keys(entity: str, key: dict[str, str]) -> list[Key]:
    return [(entity, kind, normalised_key(kind, value)) for kind, value in key.items()]


def _several(entity: str, kind: str, values: Iterable[str]) -> list[Key]:
    return [(entity, kind, normalised_key(kind, value)) for value in values]
