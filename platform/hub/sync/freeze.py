"""Fix what will be sent: version, bytes, key. Nothing newer goes until its outcome is known.

Rendered once and stored, so that a resend has the same bytes and the same key whatever changed
meanwhile (engine rule 4.1). A create's key carries no version: two versions of one order are one
order at the target.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.connections.models import Connection
from hub.mappings.problems import MappingError, Problem
from hub.mappings.references import External
from hub.mappings.selectors import mapping_for
from hub.sync.claim import Task
from hub.sync.identity import digest, reference
from hub.sync.needs import Lack
from hub.sync.plan import Plan
from hub.sync.route import is_void
from hub.sync.sql import execute, rows


@dataclass(slots=True)
class Frozen:
    """What became of a batch: ready to ``send``, ``unchanged`` (nothing to do at the target),
    ``leaving`` (no longer wanted there), ``lacks`` (something is missing), ``faulty``."""

    send: list[Task] = field(default_factory=list)
    unchanged: list[Task] = field(default_factory=list)
    leaving: list[Task] = field(default_factory=list)
    lacks: list[Lack] = field(default_factory=list)
    faulty: list[tuple[Task, str, list[Problem]]] = field(default_factory=list)


def freeze(connection: Connection, plan: Plan, tasks: list[Task]) -> Frozen:
    """Decide and fix what each task sends. One statement stores it for all."""
    result = Frozen()
    fresh = []
    for task in tasks:
        if task.sending_version is not None and not task.repeatable:
            # In doubt, or half done in steps: the same bytes and key as before. A send that
            # surely had no effect was unfrozen when it was settled.
            result.send.append(task)
        else:
            fresh.append(task)
    posted = [
        t for t in fresh if t.resource.writes == "append" and t.delivered > 0 and not t.verify
    ]
    result.unchanged += posted  # a fact that was delivered can't be made newer
    bodies = _rendered(connection, plan, [t for t in fresh if t not in posted], result)
    frozen = []
    for task, body in bodies:
        doubted = task.in_doubt
        _fix(connection, plan, task, body)
        if task.sending_op == "update" and not doubted and _same(task):
            result.unchanged.append(task)
            continue
        frozen.append(task)
    _store(plan, frozen)
    result.send += frozen
    return result


def _same(task: Task) -> bool:
    """The target already holds exactly this. (A person who asks for it again, and a settle that
    came too late, forget the delivered hash.)"""
    return task.sending_hash == task.delivered_hash


def _rendered(
    connection: Connection, plan: Plan, tasks: list[Task], result: Frozen
) -> list[tuple[Task, dict[str, Any] | None]]:
    wanted: list[tuple[Task, dict[str, Any], list[External]]] = []
    bodies: list[tuple[Task, dict[str, Any] | None]] = []
    for task in tasks:
        content = task.content
        leaving = _leaves(connection, plan, task, content)
        if leaving:
            result.leaving.append(task)
        elif task.state == "deleted" or _leaves_by_deletion(connection, plan, task, content):
            bodies.append((task, None))
        else:
            content["_id"] = str(task.record)
            content["_ref"] = reference(plan.environment, task.record)
            mapping = mapping_for(connection, f"{task.entity}.{task.resource.name}")
            wanted.append((task, content, mapping.references(content)))
    ids = _external_ids(connection.id, [e for _, _, externals in wanted for e in externals])
    for task, content, _ in wanted:
        mapping = mapping_for(connection, f"{task.entity}.{task.resource.name}")
        try:
            rendered = mapping.render(content, ids.get)
        except MappingError as error:
            result.faulty.append((task, error.code, error.problems))
            continue
        if rendered.missing:
            result.lacks += [Lack(task.delivery, ids.record(e), e.object) for e in rendered.missing]
        else:
            bodies.append((task, rendered.body))
    return bodies


def _leaves(connection: Connection, plan: Plan, task: Task, content: dict[str, Any]) -> bool:
    """Asked of the very version that is being sent (rule 1.5)."""
    flow = plan.route(connection.id, task.resource.name, task.entity)
    if flow is None:
        return task.delivered == 0
    if task.state == "deleted":
        return (task.delivered == 0 and not task.external_id) or not task.resource.deletes
    if task.delivered == 0 and is_void(content) and flow.settings.void == "skip":
        return True
    mapping = mapping_for(connection, f"{task.entity}.{task.resource.name}")
    return task.delivered == 0 and not (flow.matches(content) and mapping.applies(content))


def _leaves_by_deletion(
    connection: Connection, plan: Plan, task: Task, content: dict[str, Any]
) -> bool:
    """Delivered, no longer matching, and the flow wants it gone from the target."""
    flow = plan.route(connection.id, task.resource.name, task.entity)
    return (
        flow is not None
        and flow.settings.on_leave == "delete"
        and task.resource.deletes
        and task.delivered > 0
        and not flow.matches(content)
    )


@dataclass(slots=True)
class _Ids:
    found: dict[tuple[str, str], tuple[str, dict[str, str]]]
    merged: dict[str, str]

    def get(self, asked: External) -> str | None:
        external_id, parts = self.found.get(
            (self.merged.get(asked.record, asked.record), asked.object), ("", {})
        )
        return parts.get(asked.part, external_id) or None

    def record(self, asked: External) -> uuid.UUID:
        return uuid.UUID(self.merged.get(asked.record, asked.record))


def _external_ids(connection: uuid.UUID, asked: list[External]) -> _Ids:
    records = {e.record for e in asked}
    if not records:
        return _Ids({}, {})
    merged = {
        str(r): str(into)
        for r, into in rows(
            "SELECT id, merged_into FROM sync_record WHERE id = ANY(%s::uuid[])"
            " AND merged_into IS NOT NULL",
            [list(records)],
        )
    }
    found = {
        (str(record), obj): (external_id, msgspec.json.decode(parts))
        for record, obj, external_id, parts in rows(
            "SELECT record_id, object, external_id, parts::text FROM sync_binding"
            " WHERE connection_id = %s AND record_id = ANY(%s::uuid[])"
            " AND role IN ('primary', 'twin') ORDER BY role DESC, id DESC",
            [connection, list(records | set(merged.values()))],
        )
    }
    return _Ids(found, merged)


def _fix(connection: Connection, plan: Plan, task: Task, body: dict[str, Any] | None) -> None:
    op = "delete" if body is None else "update" if task.external_id else "create"
    encoded = msgspec.json.encode(body, order="deterministic")
    task.sending_op = op
    task.sending_version = task.version
    task.sending_body = encoded
    task.sending_hash = digest(encoded)
    task.sending_key = key_of(plan.environment, task, op)
    task.uncertain = task.in_doubt and not task.repeatable
    task.verify = False


def key_of(environment: uuid.UUID, task: Task, op: str) -> str:
    """The idempotency key: of a create, the record and how often it was re-created; of a change,
    also its version and how often a person asked for it again. Pure."""
    base = f"{reference(environment, task.record)}:{task.resource.name}:{task.generation}"
    if op == "create" and task.resource.writes in ("create", "append"):
        return base
    return f"{base}:{task.version}.{task.resend}"


def _store(plan: Plan, tasks: list[Task]) -> None:
    if not tasks:
        return
    execute(
        "UPDATE sync_delivery d SET sending_version = f.version, sending_release = %s,"
        " sending_key = f.key, sending_hash = f.hash, sending_op = f.op, sending_body = f.body,"
        " uncertain = f.uncertain, verify = false"
        " FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::bytea[], %s::text[], %s::bytea[],"
        " %s::bool[]) AS f (id, version, key, hash, op, body, uncertain)"
        " JOIN sync_work w ON w.delivery_id = f.id AND w.fence = %s"
        " WHERE d.id = f.id",
        [plan.release, [t.delivery for t in tasks], [t.sending_version for t in tasks],
         [t.sending_key for t in tasks], [t.sending_hash for t in tasks],
         [t.sending_op for t in tasks], [t.sending_body for t in tasks],
         [t.uncertain for t in tasks], tasks[0].fence],
    )  # fmt: skip
