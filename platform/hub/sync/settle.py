"""Write down what came of a send: binding, delivery, attempt and usage in one transaction.

Settling must not be able to fail after an effect (engine rule 5.1): conflicts are outcomes, and
if a batch's transaction fails for any reason its rows are settled one by one, the last resort
keeping the external id in the attempt and the row in doubt. A settle that lost its lease after
sending still stores its attempt and asks for another look (rule 3.4). Work ends only if nothing
newer is wanted (rule 3.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from django.db import DatabaseError, transaction

from billing.metering import Usage, count
from connectors.sdk.records import Done, Found, Step
from hub.canonical.entities import is_level
from hub.connections.models import Connection
from hub.sync import breaker
from hub.sync.claim import Task
from hub.sync.failures import dead, failed
from hub.sync.matching import absorb
from hub.sync.outcomes import Answer, record_attempts, show_stock, tried
from hub.sync.plan import Plan
from hub.sync.sql import execute, rows

log = structlog.get_logger(__name__)

#: The target may tell of what it named while we write the name down: a placeholder committed
#: between our look and our insert is seen only by the next look.
TAKE_OVERS = 3


def settle(connection: Connection, plan: Plan, answers: Sequence[Answer]) -> None:
    """Settle what came back. Successes together in one transaction; failures one by one."""
    good = [a for a in answers if isinstance(a.outcome, Done | Found)]
    if good:
        try:
            _confirm(connection, plan, good)
        except DatabaseError:
            log.exception("settle.batch_failed", rows=len(good))
            for answer in good:
                _confirm_alone(connection, plan, answer)
        if any(not getattr(a.outcome, "unchanged", False) for a in good):
            breaker.answered(connection)
    for answer in answers:
        if not isinstance(answer.outcome, Done | Found):
            failed(connection, answer)


def step(connection: Connection, task: Task, done: Step) -> None:
    """A step of a several-call write had its effect: commit it before the next call."""
    task.steps[done.role] = done.external_id
    execute(
        "INSERT INTO sync_binding (environment_id, connection_id, record_id, object, external_id,"
        " role) SELECT environment_id, connection_id, record_id, %s, %s, %s"
        " FROM sync_delivery WHERE id = %s"
        " ON CONFLICT (connection_id, object, external_id) DO NOTHING",
        [f"{task.resource.name}/{done.role}", done.external_id, done.role,
         task.delivery],
    )  # fmt: skip


def unchanged(connection: Connection, plan: Plan, tasks: Sequence[Task]) -> None:
    """The target already holds exactly this: nothing is sent, nothing is billed."""
    if tasks:
        now = datetime.now(UTC)
        for task in tasks:
            task.started_at = now
        settle(connection, plan, [
            Answer(t, Done(t.external_id, t.parts, unchanged=True)) for t in tasks
        ])  # fmt: skip


def _confirm(connection: Connection, plan: Plan, answers: Sequence[Answer]) -> None:
    with transaction.atomic():
        _lock_records([a.task.record for a in answers])
        taken = _bind(connection, answers)
        mine = [a for a in answers if a.task.delivery not in taken]
        settled = _mark_delivered(mine)
        late = [a for a in mine if a.task.delivery not in settled]
        _ask_again([a.task for a in late])
        confirmed = [a for a in mine if a.task.delivery in settled]
        _meter(plan, confirmed)
        show_stock(plan, connection.id, [a.task for a in confirmed])
        record_attempts(connection.id, [tried(a, a in late) for a in answers])
        for answer in answers:
            if answer.task.delivery in taken:
                _bound_elsewhere(connection, answer)


def _confirm_alone(connection: Connection, plan: Plan, answer: Answer) -> None:
    try:
        _confirm(connection, plan, [answer])
    except DatabaseError:
        log.exception("settle.row_failed", delivery=str(answer.task.delivery))
        with transaction.atomic():
            record_attempts(connection.id, [tried(answer, late=True)])
            execute(
                "UPDATE sync_delivery SET uncertain = true WHERE id = %s", [answer.task.delivery]
            )


def _lock_records(records: Sequence[uuid.UUID]) -> None:
    """Before looking at what else is undone for a document, and before binding: both sides of
    "last target confirms" and of "blocked" lock the record first (E9, E2)."""
    rows(
        "SELECT 1 FROM sync_record WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [sorted(set(records))],
    )


def _bind(connection: Connection, answers: Sequence[Answer]) -> set[uuid.UUID]:
    """Remember what the records are called there; returns deliveries whose id is taken."""
    named = [a for a in answers if a.outcome.external_id and a.task.sending_op != "delete"]  # type: ignore[union-attr]
    if not named:
        return set()
    unbound = named
    for _ in range(TAKE_OVERS):
        _write_bindings(connection, unbound)
        held = _held(connection, named)
        unbound = [a for a in named if (a.task.resource.object, a.task.record) not in held]
        if not unbound:
            break
    return {a.task.delivery for a in unbound}


def _write_bindings(connection: Connection, named: Sequence[Answer]) -> None:
    """What is bound to another record stays so, unless that is a placeholder."""
    ordered = sorted(named, key=lambda a: (a.task.resource.object, a.outcome.external_id))  # type: ignore[union-attr]
    unique = {(a.task.resource.object, a.outcome.external_id): a for a in ordered}  # type: ignore[union-attr]
    _take_over(connection, {place: a.task for place, a in unique.items()})
    execute(
        "INSERT INTO sync_binding AS b (environment_id, connection_id, record_id, object,"
        " external_id, parts, url)"
        " SELECT %s, %s, r, o, x, p::jsonb, u FROM unnest(%s::uuid[], %s::text[], %s::text[],"
        " %s::text[], %s::text[]) AS d (r, o, x, p, u)"
        " WHERE NOT EXISTS (SELECT 1 FROM sync_binding k WHERE k.connection_id = %s"
        " AND k.object = d.o AND k.record_id = d.r AND k.role = 'primary' AND k.external_id <> d.x)"
        " ON CONFLICT (connection_id, object, external_id) DO UPDATE SET"
        " parts = b.parts || excluded.parts,"
        " url = CASE WHEN excluded.url <> '' THEN excluded.url ELSE b.url END"
        " WHERE b.record_id = excluded.record_id",
        [connection.environment_id, connection.id,
         [a.task.record for a in unique.values()], [k[0] for k in unique], [k[1] for k in unique],
         [msgspec.json.encode(dict(a.outcome.parts)).decode() for a in unique.values()],  # type: ignore[union-attr]
         [getattr(a.outcome, "url", "") for a in unique.values()], connection.id],
    )  # fmt: skip


def _held(connection: Connection, named: Sequence[Answer]) -> set[tuple[str, uuid.UUID]]:
    """(object, record) of what is known by a name of its own there."""
    return {
        (obj, record)
        for obj, record in rows(
            "SELECT object, record_id FROM sync_binding WHERE connection_id = %s"
            " AND record_id = ANY(%s) AND role IN ('primary', 'twin')",
            [connection.id, [a.task.record for a in named]],
        )
    }


def _take_over(connection: Connection, named: dict[tuple[str, str], Task]) -> None:
    """The target named these before we knew that they are ours (it shipped an order whose create
    had not been answered yet): what was a placeholder is our record, and what was told of it is
    read again as told of ours (rule 2.6)."""
    strangers = rows(
        "SELECT b.object, b.external_id, b.record_id, b.seen_event, r.entity FROM sync_binding b"
        " JOIN sync_record r ON r.id = b.record_id AND r.state = 'expected'"
        " WHERE b.connection_id = %s AND (b.object, b.external_id) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[]))",
        [connection.id, [place[0] for place in named], [place[1] for place in named]],
    )
    events = []
    for obj, external_id, stranger, event, entity in strangers:
        task = named[obj, external_id]
        if stranger == task.record or entity != task.entity:
            continue
        absorb(stranger, task.record)
        events.append(event)
        execute(
            "UPDATE sync_binding SET seen_hash = NULL WHERE connection_id = %s AND object = %s"
            " AND external_id = %s",
            [connection.id, obj, external_id],
        )
    if events:
        execute(
            "UPDATE sync_inboxevent SET state = 'pending', current = false, next_at = now()"
            " WHERE id = ANY(%s) AND state = 'done'",
            [[e for e in events if e is not None]],
        )


DELIVERED = """
UPDATE sync_delivery d SET
    delivered = greatest(d.delivered, s.version), delivered_hash = s.hash,
    sending_version = NULL, sending_release = NULL, sending_key = NULL, sending_hash = NULL,
    sending_op = NULL, sending_body = NULL, uncertain = false,
    problem = 'none', problem_code = '', exception_id = NULL, settled_at = now()
FROM unnest(%s::uuid[], %s::int[], %s::bytea[]) AS s (id, version, hash)
JOIN sync_work w ON w.delivery_id = s.id AND w.fence = %s
WHERE d.id = s.id
RETURNING d.id, d.wanted, d.delivered, d.verify
"""


def _mark_delivered(answers: Sequence[Answer]) -> set[uuid.UUID]:
    """Deliveries whose lease was still ours; their work ends unless something newer is wanted."""
    if not answers:
        return set()
    fence = answers[0].task.fence
    versions = [a.task.sending_version or a.task.version for a in answers]
    hashes = [a.task.sending_hash for a in answers]
    settled = rows(DELIVERED, [[a.task.delivery for a in answers], versions, hashes, fence])
    ended = [d for d, wanted, delivered, verify in settled if wanted <= delivered and not verify]
    if ended:
        execute("DELETE FROM sync_work WHERE delivery_id = ANY(%s) AND fence = %s", [ended, fence])
    more = [d for d, *_ in settled if d not in set(ended)]
    if more:
        execute(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, attempts = 0, next_at = now(),"
            " alone = false WHERE delivery_id = ANY(%s) AND fence = %s",
            [more, fence],
        )
    return {d for d, *_ in settled}


def _ask_again(tasks: Sequence[Task]) -> None:
    """We sent, and the lease was no longer ours: someone may have sent something newer before us,
    so what the target holds now is in doubt. A level is sent again, a document is looked at."""
    if not tasks:
        return
    ids = [t.delivery for t in tasks]
    execute(
        "UPDATE sync_delivery SET verify = true, delivered_hash = NULL WHERE id = ANY(%s)", [ids]
    )
    execute(
        "INSERT INTO sync_work (delivery_id, connection_id, resource, root_id, seq, priority)"
        " SELECT d.id, d.connection_id, d.resource, coalesce(r.root_id, r.id), 0, 3"
        " FROM sync_delivery d JOIN sync_record r ON r.id = d.record_id WHERE d.id = ANY(%s)"
        " ON CONFLICT (delivery_id) DO NOTHING",
        [ids],
    )


def _meter(plan: Plan, answers: Sequence[Answer]) -> None:
    """A level counts once per change a source caused; a repair, a replay or a release of ours
    raises no billable version. A document counts once, when its last required target confirms:
    the records are locked, so two targets that confirm at once see each other (E9)."""
    done = [a.task for a in answers if not getattr(a.outcome, "unchanged", False)]
    levels = [t for t in done if is_level(t.entity) and t.billable > t.billed]
    if levels:
        count(plan.environment, [
            Usage("change", f"lvl:{t.delivery}:{t.billable}", t.entity, t.record, t.delivery)
            for t in levels
        ])  # fmt: skip
        execute(
            "UPDATE sync_delivery d SET billed = c.v FROM unnest(%s::uuid[], %s::int[])"
            " AS c (id, v) WHERE d.id = c.id",
            [[t.delivery for t in levels], [t.billable for t in levels]],
        )
    documents = {t.record: t for t in done if not is_level(t.entity)}
    if documents:
        complete = rows(
            "SELECT r FROM unnest(%s::uuid[]) AS c (r) WHERE NOT EXISTS (SELECT 1"
            " FROM sync_delivery d WHERE d.record_id = c.r AND d.required AND d.delivered = 0"
            " AND d.problem <> 'retired')",
            [list(documents)],
        )
        count(plan.environment, [
            Usage("document", f"doc:{r}", documents[r].entity, r, documents[r].delivery)
            for (r,) in complete
        ])  # fmt: skip


def _bound_elsewhere(connection: Connection, answer: Answer) -> None:
    """The target gave us an id that belongs to another record of ours: a person compares."""
    task = answer.task
    external_id = answer.outcome.external_id  # type: ignore[union-attr]
    cause = f"already-bound-elsewhere|{connection.id}|{task.resource.object}|{external_id}"
    dead(
        connection, task, "already-bound-elsewhere",
        f"The target answered with {external_id}, which already stands for another record.",
        "partner", cause,
    )  # fmt: skip
