"""Write down what came of a send: binding, delivery, attempt and usage in one transaction.

Settling must not be able to fail after an effect (engine rule 5.1): conflicts are outcomes, and
if a batch's transaction fails for any reason its rows are settled one by one, the last resort
keeping the external id in the attempt and the row in doubt. A settle that lost its lease after
sending still stores its attempt and asks for another look (rule 3.4). Work ends only if nothing
newer is wanted (rule 3.2).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from django.db import DatabaseError, transaction

from billing.metering import Usage, count
from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    MissingReference,
    NotYet,
    OutcomeUnknown,
)
from connectors.sdk.records import Done, Found, Step
from hub.canonical.entities import is_level
from hub.canonical.values import normalised_key
from hub.connections.models import Connection
from hub.mappings.problems import Problem
from hub.sync import breaker, retry
from hub.sync.attention import access_refused
from hub.sync.claim import Task
from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.needs import Lack, block
from hub.sync.outcomes import Tried, record_attempts, release, set_aside, show_stock
from hub.sync.plan import Plan
from hub.sync.retry import Decision
from hub.sync.sql import execute, rows

log = structlog.get_logger(__name__)

#: How long a target may not be ready for a record before a person is told.
PATIENCE = timedelta(hours=24)


@dataclass(slots=True)
class Answer:
    """What came of one task: Done, Found by a look-up, or an error. ``looked``: a look-up was
    made first, so a Done after it means the look-up proved absence."""

    task: Task
    outcome: Done | Found | Exception
    looked: bool = False


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
        breaker.answered(connection)
    for answer in answers:
        if not isinstance(answer.outcome, Done | Found):
            _failed(connection, answer)


def step(connection: Connection, task: Task, done: Step) -> None:
    """A step of a several-call write had its effect: commit it before the next call."""
    task.steps[done.role] = done.external_id
    execute(
        "INSERT INTO sync_binding (environment_id, connection_id, record_id, object, external_id,"
        " role, generation) SELECT environment_id, connection_id, record_id, %s, %s, %s, %s"
        " FROM sync_delivery WHERE id = %s"
        " ON CONFLICT (connection_id, object, external_id) DO NOTHING",
        [f"{task.resource.name}/{done.role}", done.external_id, done.role, task.generation,
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


def leaving(connection: Connection, tasks: Sequence[Task]) -> None:
    """What is no longer wanted there and never got there: retired without a call."""
    if tasks:
        with transaction.atomic():
            set_aside(tasks, "retired", "", None, keep_work=False)


def faulty(connection: Connection, found: Sequence[tuple[Task, str, list[Problem]]]) -> None:
    """Records that can't be written in the target's words: dead until rules or data change."""
    for task, code, problems in found:
        with transaction.atomic():
            message = "; ".join(str(p) for p in problems)
            cause = f"{code}|{connection.id}|{task.resource.name}|{problems[0]}"
            _dead(connection, task, code, message, "partner", cause)


def ask_person(connection: Connection, tasks: Sequence[Task]) -> None:
    """In doubt at a target that can prove nothing: never resent blind; a person looks there."""
    for task in tasks:
        with transaction.atomic():
            _unknown(connection, task)


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
        record_attempts(connection.id, [_tried(a, a in late) for a in answers])
        for answer in answers:
            if answer.task.delivery in taken:
                _bound_elsewhere(connection, answer)


def _confirm_alone(connection: Connection, plan: Plan, answer: Answer) -> None:
    try:
        _confirm(connection, plan, [answer])
    except DatabaseError:
        log.exception("settle.row_failed", delivery=str(answer.task.delivery))
        with transaction.atomic():
            record_attempts(connection.id, [_tried(answer, late=True)])
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
    ordered = sorted(named, key=lambda a: (a.task.resource.object, a.outcome.external_id))  # type: ignore[union-attr]
    unique = {(a.task.resource.object, a.outcome.external_id): a for a in ordered}  # type: ignore[union-attr]
    execute(
        "INSERT INTO sync_binding AS b (environment_id, connection_id, record_id, object,"
        " external_id, generation, parts, url)"
        " SELECT %s, %s, r, o, x, g, p::jsonb, u FROM unnest(%s::uuid[], %s::text[], %s::text[],"
        " %s::smallint[], %s::text[], %s::text[]) AS d (r, o, x, g, p, u)"
        " WHERE NOT EXISTS (SELECT 1 FROM sync_binding k WHERE k.connection_id = %s"
        " AND k.object = d.o AND k.record_id = d.r AND k.role = 'primary' AND k.external_id <> d.x)"
        " ON CONFLICT (connection_id, object, external_id) DO UPDATE SET"
        " parts = b.parts || excluded.parts,"
        " url = CASE WHEN excluded.url <> '' THEN excluded.url ELSE b.url END"
        " WHERE b.record_id = excluded.record_id",
        [connection.environment_id, connection.id,
         [a.task.record for a in unique.values()], [k[0] for k in unique], [k[1] for k in unique],
         [a.task.generation for a in unique.values()],
         [msgspec.json.encode(dict(a.outcome.parts)).decode() for a in unique.values()],  # type: ignore[union-attr]
         [getattr(a.outcome, "url", "") for a in unique.values()], connection.id],
    )  # fmt: skip
    held = {
        (obj, record): external_id
        for obj, record, external_id in rows(
            "SELECT object, record_id, external_id FROM sync_binding WHERE connection_id = %s"
            " AND record_id = ANY(%s) AND role IN ('primary', 'twin')",
            [connection.id, [a.task.record for a in named]],
        )
    }
    return {
        a.task.delivery for a in named
        if (a.task.resource.object, a.task.record) not in held
    }  # fmt: skip


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


def _failed(connection: Connection, answer: Answer) -> None:
    task, error = answer.task, answer.outcome
    now = datetime.now(UTC)
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    if isinstance(error, ConnectorError):
        decision = retry.decide(
            error,
            attempts=task.attempts,
            resource=task.resource,
            repeatable=task.repeatable,
            now=now,
            jitter=jitter,
        )
    else:
        decision = retry.decide_bug(attempts=task.attempts, now=now, jitter=jitter)
        error = ConnectorError(f"Our own defect ({type(error).__name__}); the platform's team "
                               "mends it.", detail=repr(error))  # fmt: skip
    if decision.trips:
        breaker.tripped(connection, error)
    with transaction.atomic():
        record_attempts(connection.id, [_tried(Answer(task, error), False, decision)])
        _act(connection, task, error, decision, answer.looked)


def _act(
    connection: Connection, task: Task, error: ConnectorError, decision: Decision, looked: bool
) -> None:
    if decision.act == "dead":
        cause = f"{error.code}|{connection.id}|{task.resource.name}|{task.delivery}"
        _dead(connection, task, error.code, str(error), str(error.owner), cause)
    elif decision.act == "ask":
        _unknown(connection, task)
    elif decision.act == "block" and isinstance(error, MissingReference):
        _block(connection, task, error)
    else:
        if decision.act == "pause" and isinstance(error, AccessRefused):
            access_refused(connection, error)
        if isinstance(error, NotYet) and datetime.now(UTC) - task.since > PATIENCE:
            _tell_waiting(connection, task, error)
        # A look-up that failed has proved nothing: the doubt of before remains.
        doubt = isinstance(error, OutcomeUnknown) or (task.in_doubt and not looked)
        release(task, decision, in_doubt=doubt)


def _tell_waiting(connection: Connection, task: Task, error: NotYet) -> None:
    """It goes on asking, but somebody should know that it has been asking for a day."""
    cause = f"{error.code}|{connection.id}|{task.delivery}"
    opened = open_exceptions([
        Trouble(connection.environment_id, error.code, cause, f"{connection.title}: {error}",
                owner=str(error.owner), connection=connection.id, record=task.record,
                entity=task.entity)
    ])  # fmt: skip
    execute(
        "UPDATE sync_delivery SET exception_id = %s WHERE id = %s", [opened[cause], task.delivery]
    )


def _block(connection: Connection, task: Task, error: MissingReference) -> None:
    """The target itself says what it lacks: wait for that record, if the hub knows it."""
    keys = [(k, normalised_key(k, v)) for k, v in error.key.items()]
    found = rows(
        "SELECT record_id FROM sync_recordkey WHERE environment_id = %s AND entity = %s"
        " AND (kind, value) IN (SELECT * FROM unnest(%s::text[], %s::text[])) LIMIT 1",
        [connection.environment_id, error.entity, [k for k, _ in keys], [v for _, v in keys]],
    )
    if not found:
        cause = f"{error.code}|{connection.id}|{error.entity}|{keys}"
        _dead(connection, task, error.code, str(error), str(error.owner), cause)
        return
    execute(
        "UPDATE sync_delivery SET sending_version = NULL WHERE id = %s AND uncertain = false",
        [task.delivery],
    )
    block(connection.id, task.fence, [Lack(task.delivery, found[0][0], error.entity)])


def _dead(
    connection: Connection, task: Task, code: str, message: str, owner: str, cause: str
) -> None:
    opened = open_exceptions([
        Trouble(connection.environment_id, code, cause, f"{connection.title}: {message}",
                owner=owner, connection=connection.id, record=task.record, entity=task.entity)
    ])  # fmt: skip
    set_aside([task], "dead", code, opened[cause])


def _unknown(connection: Connection, task: Task) -> None:
    code = "timeout-ambiguous"
    cause = f"unknown|{connection.id}|{task.delivery}"
    opened = open_exceptions([
        Trouble(
            connection.environment_id, code, cause,
            f"{connection.title} may or may not have taken this {task.entity}: the answer never "
            "came, and the system offers no way to find out.",
            move="Look there for our reference, then say whether it arrived.",
            connection=connection.id, record=task.record, entity=task.entity,
        )
    ])  # fmt: skip
    set_aside([task], "unknown", code, opened[cause])


def _bound_elsewhere(connection: Connection, answer: Answer) -> None:
    """The target gave us an id that belongs to another record of ours: a person compares."""
    task = answer.task
    external_id = answer.outcome.external_id  # type: ignore[union-attr]
    cause = f"already-bound-elsewhere|{connection.id}|{task.resource.object}|{external_id}"
    _dead(
        connection, task, "already-bound-elsewhere",
        f"The target answered with {external_id}, which already stands for another record.",
        "partner", cause,
    )  # fmt: skip


def _tried(answer: Answer, late: bool, decision: Decision | None = None) -> Tried:
    outcome = answer.outcome
    if isinstance(outcome, Done):
        word = "late" if late else "unchanged" if outcome.unchanged else "done"
        return Tried(answer.task, word, external_id=outcome.external_id)
    if isinstance(outcome, Found):
        return Tried(answer.task, "late" if late else "adopted", external_id=outcome.external_id)
    error = outcome if isinstance(outcome, ConnectorError) else ConnectorError(str(outcome))
    words = {"dead": "refused", "block": "blocked", "look_up": "unknown", "ask": "unknown"}
    word = words.get(decision.act, "retry") if decision else "retry"
    if isinstance(error, OutcomeUnknown):
        word = "unknown"
    return Tried(answer.task, word, error=error)
