"""Write what a merge decided: records, their versions, each connection's view. Set-wise."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.canonical.validate import content_hash
from hub.sync.merge import Known, Merged, View
from hub.sync.plan import Plan
from hub.sync.sql import execute


def store(plan: Plan, connection: uuid.UUID, result: Merged) -> None:
    """Write records, versions and views, set-wise."""
    changed = result.changed
    if changed:
        write_records(plan, changed)
    views = [
        (k.id, v) for k in result.known.values() for v in k.views
        if v.told and v.connection == connection
    ]  # fmt: skip
    if views:
        _write_views(plan, connection, views)
    rooted = [(k.id, k.root) for k in result.known.values() if k.root is not None]
    if rooted:
        execute(
            "UPDATE sync_record r SET root_id = d.root FROM unnest(%s::uuid[], %s::uuid[])"
            " AS d (id, root) WHERE r.id = d.id AND r.root_id IS NULL",
            [[i for i, _ in rooted], [r for _, r in rooted]],
        )


def write_records(plan: Plan, changed: list[Known]) -> None:
    """New contents and their versions."""
    heads = [headline(k.entity, k.decoded()) for k in changed]
    execute(
        "UPDATE sync_record r SET state = d.state, version = d.version, content = d.content,"
        " content_hash = d.hash, origin_id = d.origin, number = d.number, title = d.title,"
        " occurred_at = d.occurred, changed_at = now(), billable_version ="
        " CASE WHEN d.cause = 'source' THEN d.version ELSE r.billable_version END"
        " FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::bytea[], %s::bytea[], %s::uuid[],"
        " %s::text[], %s::text[], %s::timestamptz[], %s::text[])"
        " AS d (id, state, version, content, hash, origin, number, title, occurred, cause)"
        " WHERE r.id = d.id",
        [[k.id for k in changed], [k.state for k in changed], [k.version for k in changed],
         [k.content for k in changed],
         [content_hash(k.content or b"") for k in changed], [k.origin for k in changed],
         [h[0] for h in heads], [h[1] for h in heads], [h[2] for h in heads],
         [k.cause for k in changed]],
    )  # fmt: skip
    execute(
        "INSERT INTO sync_recordversion (record_id, version, cause, release, op, content, events)"
        " SELECT id, version, cause, %s, op, content, events::jsonb FROM unnest(%s::uuid[],"
        " %s::int[], %s::text[], %s::text[], %s::bytea[], %s::text[])"
        " AS d (id, version, cause, op, content, events)",
        [plan.release, [k.id for k in changed], [k.version for k in changed],
         [k.cause for k in changed],
         ["delete" if k.state == "deleted" else "set" for k in changed],
         [k.content for k in changed],
         [msgspec.json.encode(k.events).decode() for k in changed]],
    )  # fmt: skip


def _write_views(plan: Plan, connection: uuid.UUID, views: list[tuple[uuid.UUID, View]]) -> None:
    views.sort(key=lambda rv: (rv[1].object, rv[1].external_id))
    columns = [
        [r for r, _ in views],
        [v.object for _, v in views],
        [v.external_id for _, v in views],
        [v.role for _, v in views],
        [v.version for _, v in views],
        [v.read_at for _, v in views],
        [v.hash for _, v in views],
        [v.event for _, v in views],
        [v.facet for _, v in views],
        [v.heard_at for _, v in views],
    ]
    execute(
        "INSERT INTO sync_binding (environment_id, connection_id, record_id, object, external_id,"
        " role, seen_version, seen_read_at, seen_hash, seen_event, facet, seen_heard_at,"
        " facet_release)"
        " SELECT %s, %s, d.*, %s FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::timestamptz[], %s::bytea[], %s::bigint[], %s::bytea[],"
        " %s::timestamptz[]) AS d (r, o, x, role, v, t, h, e, f, p)"
        " ON CONFLICT (connection_id, object, external_id) DO UPDATE SET"
        " seen_version = excluded.seen_version,"
        " seen_read_at = excluded.seen_read_at, seen_hash = excluded.seen_hash,"
        " seen_event = excluded.seen_event, facet = excluded.facet,"
        " seen_heard_at = excluded.seen_heard_at,"
        " facet_release = greatest(sync_binding.facet_release, excluded.facet_release)",
        [plan.environment, connection, plan.release, *columns],
    )


def headline(entity: str, content: Mapping[str, Any]) -> tuple[str, str, datetime | None]:
    """What people search for and read in lists: number, title, when it happened."""
    variants = content.get("variants") or [{}]
    number = content.get("number") or content.get("sku") or content.get("code") or (
        variants[0].get("sku", "")
    )  # fmt: skip
    title = content.get("title") or content.get("location") or ""
    moment = next(
        (content[n] for n in ("placed_at", "sold_at", "returned_at", "refunded_at", "paid_at",
                              "shipped_at", "occurred_at") if content.get(n)), None,
    )  # fmt: skip
    return str(number or "")[:120], str(title)[:200], _instant(moment)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
