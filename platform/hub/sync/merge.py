"""What several systems say of one record becomes one content.

Each connection's word is kept whole as its *facet* (on its binding). The content is a
deterministic merge of the facets under the ownership matrix; a new version exists only if that
content changed. Clocks of different connections are never compared.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from hub.canonical.entities import ENTITIES, RecordClass
from hub.canonical.validate import content_hash, encode, groups_of, validate
from hub.mappings.problems import Problem
from hub.mappings.to_canonical import Canonical
from hub.sync.matching import Change, Matches
from hub.sync.plan import Plan
from hub.sync.sql import rows

Judgement = Literal["accept", "same", "stale", "reread"]


@dataclass(slots=True)
class View:
    """A binding as the merge sees it. ``told``: this batch changed it."""

    connection: uuid.UUID
    object: str
    external_id: str
    role: str = "primary"
    version: str = ""
    read_at: datetime | None = None
    hash: bytes | None = None
    event: int | None = None
    facet: bytes | None = None
    heard_at: datetime | None = None
    told: bool = False


@dataclass(slots=True)
class Known:
    """A locked record. ``changed``: this batch gave it a new version."""

    id: uuid.UUID
    entity: str
    state: str
    version: int
    content: bytes | None
    root: uuid.UUID | None
    origin: uuid.UUID | None
    views: list[View] = field(default_factory=list)
    changed: bool = False
    cause: str = "source"
    events: list[int] = field(default_factory=list)

    def decoded(self) -> dict[str, Any]:
        return {} if self.content is None else msgspec.json.decode(self.content)

    def speakers(self) -> set[uuid.UUID]:
        """Connections that have told something about it."""
        return {v.connection for v in self.views if v.facet is not None} | (
            {self.origin} if self.origin else set()
        )


@dataclass(slots=True)
class Refusal:
    """An event that can't be taken: it is parked with these problems."""

    event_id: int
    code: str
    problems: list[Problem]
    record_id: uuid.UUID | None = None
    owner: str = "partner"


@dataclass(slots=True)
class Merged:
    """``shown``: stock figures a source showed, by (sku, location): when that reading began."""

    known: dict[uuid.UUID, Known] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    reread: list[Change] = field(default_factory=list)
    outcomes: dict[int, list[str]] = field(default_factory=dict)
    current: dict[int, bool] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)
    accepted: dict[uuid.UUID, int] = field(default_factory=dict)
    shown: dict[tuple[str, str], datetime] = field(default_factory=dict)

    @property
    def changed(self) -> list[Known]:
        return [k for k in self.known.values() if k.changed]


def judge(view: View | None, change: Change, told: bytes) -> Judgement:
    """May what was told replace what we hold from this connection? (engine rule 2.2)

    Our own reads are ordered by when they began, on the database's clock, and beat any version of
    the source. A push counts only if the source's version grew; anything odd is read again. A
    reading that began before a push was heard proves nothing against it, however late it is
    worked (its worker may have died with it for a minute).
    """
    if view is None or view.hash is None:
        return "accept"
    read_at, version = change.source.read_started_at, change.canonical.version
    if read_at is not None:
        if view.read_at is not None and read_at < view.read_at:
            return "stale"
        if told == view.hash:
            return "same"
        if view.heard_at is not None and read_at <= view.heard_at:
            return "stale" if version and version < view.version else "reread"
        return "accept"
    if told == view.hash and version == view.version:
        return "same"
    return "accept" if version and version > view.version else "reread"


def merged_content(known: Known, plan: Plan) -> dict[str, Any]:
    """The content under the matrix: each group from its owner, unowned groups from the origin,
    else from whoever spoke first. Pure, and the same whatever the order of arrival."""
    groups = groups_of(known.entity)
    names = sorted({*groups.values(), "core"})
    facets = [
        (v, msgspec.json.decode(v.facet))
        for v in sorted(known.views, key=lambda v: (v.role != "primary", v.object, v.external_id))
        if v.facet is not None
    ]
    content: dict[str, Any] = {}
    for name in names:
        owners = plan.owners.get((known.entity, name))
        speakers = [(v, f) for v, f in facets if owners is None or v.connection in owners]
        speakers.sort(key=lambda vf: vf[0].connection != known.origin)
        for _, facet in speakers:
            mine = {k: v for k, v in facet.items() if groups.get(k, "core") == name}
            if mine:
                content |= mine
                break
    return content


def load(ids: set[uuid.UUID]) -> dict[uuid.UUID, Known]:
    """Lock records in id order, then read them and every connection's view of them."""
    known = {
        r[0]: Known(*r)
        for r in rows(
            "SELECT id, entity, state, version, content, root_id, origin_id FROM sync_record"
            " WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [sorted(ids)],
        )
    }
    for record, *view in rows(
        "SELECT record_id, connection_id, object, external_id, role, seen_version, seen_read_at,"
        " seen_hash, seen_event, facet, seen_heard_at FROM sync_binding"
        " WHERE record_id = ANY(%s) AND role IN ('primary', 'twin') ORDER BY id",
        [list(known)],
    ):
        known[record].views.append(View(*view))
    return known


def merge(plan: Plan, connection: uuid.UUID, changes: list[Change], matches: Matches) -> Merged:
    """Apply changes in order to locked records, in memory; `store` writes the result."""
    result = Merged()
    ids = {c.record_id for c in changes if c.record_id}
    roots = {r for c in changes if c.canonical.root and (r := matches.of(c.canonical.root))}
    result.known = load(ids | roots)
    for change in changes:
        if change.ambiguous:
            result.refused.append(_ambiguous(change))
        elif change.record_id is not None:
            _apply(plan, connection, change, matches, result)
    return result


def _apply(
    plan: Plan, connection: uuid.UUID, change: Change, matches: Matches, result: Merged
) -> None:
    told = change.canonical
    known = result.known[change.record_id]  # type: ignore[index]
    content = told.bind(lambda ref: _text(matches.of(ref)))
    facet = b"" if told.deleted else encode(told.entity, content)
    digest = content_hash(facet)
    view = _view(known, connection, told)
    verdict = judge(view, change, digest)
    _note_stock(change, content, result)
    if change.final and view is not None and view.hash not in (None, digest):
        result.refused.append(_conflict(change, known))
        return
    if verdict == "reread":
        result.reread.append(change)
        return
    _say(result, change, verdict, known)
    if verdict == "stale":
        return
    if verdict == "accept":
        refusal = _accept(plan, connection, change, known, facet, view)
        if refusal is not None:
            result.refused.append(refusal)
            return
        view = _view(known, connection, told)
    if view is not None:
        _see(view, change, digest, result)
        result.accepted[known.id] = max(change.event_id, result.accepted.get(known.id, 0))
    if told.root is not None and known.root is None:
        root = matches.of(told.root)
        known.root = root if root != known.id else None


def _view(known: Known, connection: uuid.UUID, told: Canonical) -> View | None:
    place = (connection, told.object, told.external_id)
    return next((v for v in known.views if (v.connection, v.object, v.external_id) == place), None)


def _accept(
    plan: Plan, connection: uuid.UUID, change: Change, known: Known, facet: bytes,
    view: View | None,
) -> Refusal | None:  # fmt: skip
    """Take the facet in and see whether the content changes; None if all is well."""
    told = change.canonical
    mine = view or View(connection, told.object, told.external_id,
                        "twin" if change.twin else "primary")  # fmt: skip
    before, was_new = mine.facet, view is None
    mine.facet = facet or None
    if was_new:
        known.views.append(mine)
    first = known.origin is None and _tells_core(told.entity, told.content)
    if first:
        known.origin = connection
    if told.deleted:
        if known.state == "live" and known.origin == connection:
            _change(known, "deleted", known.content, change)
        return None
    content = merged_content(known, plan)
    problems = validate(known.entity, content)
    if problems:
        if not _tells_core(told.entity, told.content):
            return None  # a word about a record whose own source hasn't spoken yet
        mine.facet = before
        if first:
            known.origin = None
        if was_new:
            known.views.remove(mine)
        return Refusal(change.event_id, problems[0].code, problems, known.id)
    encoded = encode(known.entity, content)
    if known.content == encoded and known.state == "live":
        return None
    if known.state == "live" and _is_fact(known.entity):
        mine.facet = before
        return _conflict(change, known)
    _change(known, "live", encoded, change)
    return None


def _change(known: Known, state: str, content: bytes | None, change: Change) -> None:
    if not known.changed:
        known.version += 1
    known.state, known.content, known.changed = state, content, True
    known.events.append(change.event_id)


def _see(view: View, change: Change, digest: bytes, result: Merged) -> None:
    if change.anchor:
        if view.event is not None and view.event != change.event_id:
            result.outdated.add(view.event)
        view.event = change.event_id
        result.current[change.event_id] = True
    view.version = max(change.canonical.version, view.version)
    if change.source.read_started_at is not None:
        view.read_at, view.version = change.source.read_started_at, change.canonical.version
    elif change.heard_at is not None:
        view.heard_at = max(change.heard_at, view.heard_at or change.heard_at)
    view.hash = digest
    view.told = True


def _say(result: Merged, change: Change, verdict: str, known: Known) -> None:
    said = result.outcomes.setdefault(change.event_id, [])
    said.append(f"{known.entity} {verdict}")


def _note_stock(change: Change, content: Mapping[str, Any], result: Merged) -> None:
    started = change.source.read_started_at
    if change.canonical.entity == "stock_level" and started is not None and content:
        place = (str(content.get("sku", "")).strip().casefold(), str(content.get("location", "")))
        result.shown[place] = max(started, result.shown.get(place, started))


def _is_fact(entity: str) -> bool:
    return ENTITIES[entity].record_class is RecordClass.FACT


def _tells_core(entity: str, content: Mapping[str, Any]) -> bool:
    groups = groups_of(entity)
    return any(groups.get(name, "core") == "core" for name in content)


def _text(record: uuid.UUID | None) -> str | None:
    return None if record is None else str(record)


def _conflict(change: Change, known: Known) -> Refusal:
    told = change.canonical
    return Refusal(
        change.event_id,
        "replay-conflict",
        [Problem("", "replay-conflict",
                 f"The {told.entity} {told.external_id} came again with other content. What was "
                 "done stays as it is: compare the two and correct it at its source.")],
        known.id,
    )  # fmt: skip


def _ambiguous(change: Change) -> Refusal:
    told = change.canonical
    code = "customer-ambiguous" if told.entity == "customer" else "sku-ambiguous"
    keys = ", ".join(f"{k} {v[0]}" for k, v in told.keys.items())
    return Refusal(
        change.event_id, code,
        [Problem("", code, f"The {told.entity} {told.external_id} ({keys}) can't be matched: "
                 f"{change.ambiguous}. Make the key unique at its source.")],
    )  # fmt: skip
