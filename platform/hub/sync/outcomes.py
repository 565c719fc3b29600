"""The rows an outcome leaves behind: attempts, released or set-aside work, asked-for stock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from connectors.sdk.errors import ConnectorError, OutcomeUnknown
from connectors.sdk.records import Done, Found
from hub.sync.claim import Task
from hub.sync.plan import Plan
from hub.sync.receive import receive_hints
from hub.sync.retry import Decision
from hub.sync.sql import execute, rows
from kernel.telemetry import metrics

#: An attempt that failed keeps what was sent, up to this many bytes, for the person who looks.
EXCERPT = 16_000


@dataclass(slots=True)
class Answer:
    """What came of one task: Done, Found by a look-up, or an error. ``looked``: a look-up was
    made first, so a Done after it means the look-up proved absence."""

    task: Task
    outcome: Done | Found | Exception
    looked: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """One try, ready to be stored."""

    task: Task
    outcome: str
    external_id: str = ""
    error: ConnectorError | None = None


def tried(answer: Answer, late: bool, decision: Decision | None = None) -> Tried:
    """The attempt's row for an answer; ``late``: the lease was lost meanwhile."""
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


def record_attempts(connection: uuid.UUID, attempts: Sequence[Tried]) -> None:
    """Store tries set-wise; a worker that lost its lease stores its own too."""
    now = datetime.now(UTC)
    for one in attempts:
        metrics.PROCESSED.labels("deliver", one.outcome).inc()
        metrics.STEP_SECONDS.labels("deliver").observe(
            (now - (one.task.started_at or now)).total_seconds()
        )
    execute(
        "INSERT INTO sync_attempt (delivery_id, record_id, connection_id, version, number,"
        " started_at, ended_at, outcome, code, owner, message, external_id, exchange, fence)"
        " SELECT d, r, %s, v, n, s, %s, o, c, w, m, x, e::jsonb, f FROM unnest(%s::uuid[],"
        " %s::uuid[], %s::int[], %s::smallint[], %s::timestamptz[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[])"
        " AS t (d, r, v, n, s, o, c, w, m, x, e, f)",
        [connection, now, [t.task.delivery for t in attempts], [t.task.record for t in attempts],
         [t.task.sending_version for t in attempts], [max(t.task.attempts, 1) for t in attempts],
         [t.task.started_at or now for t in attempts], [t.outcome for t in attempts],
         [t.error.code if t.error else "" for t in attempts],
         [str(t.error.owner) if t.error else "" for t in attempts],
         [str(t.error)[:2000] if t.error else "" for t in attempts],
         [t.external_id for t in attempts], [_exchange(t) for t in attempts],
         [t.task.fence for t in attempts]],
    )  # fmt: skip


def _exchange(attempt: Tried) -> str:
    """What was sent, kept for failures only: a success can be rendered again from its version."""
    if attempt.error is None:
        return "{}"
    sent = (attempt.task.sending_body or b"")[:EXCERPT].decode("utf-8", "replace")
    text = msgspec.json.encode(
        {"op": attempt.task.sending_op, "sent": sent, "detail": attempt.error.detail}
    ).decode()
    return text.replace("\\u0000", "")


def release(task: Task, decision: Decision, *, in_doubt: bool) -> None:
    """Give the row back for a later try. Without doubt and without steps done it is unfrozen, so
    that the next try sends the newest."""
    execute(
        "UPDATE sync_delivery d SET uncertain = %s,"
        " sending_version = CASE WHEN %s THEN d.sending_version END"
        " FROM sync_work w WHERE d.id = %s AND w.delivery_id = d.id AND w.fence = %s",
        [in_doubt, in_doubt or bool(task.steps), task.delivery, task.fence],
    )
    execute(
        "UPDATE sync_work SET lease_until = NULL, fence = NULL, next_at = %s,"
        " attempts = CASE WHEN %s THEN attempts ELSE greatest(attempts - 1, 0) END"
        " WHERE delivery_id = %s AND fence = %s",
        [decision.at, decision.counts, task.delivery, task.fence],
    )


def set_aside(
    tasks: Sequence[Task], problem: str, code: str, exception: uuid.UUID | None,
    *, keep_work: bool = True,
) -> None:  # fmt: skip
    """Nothing more happens by itself. The row of work stays, at infinity, so that what must come
    after it in its root's order keeps waiting; a retired delivery owes nothing."""
    ids, fence = [t.delivery for t in tasks], tasks[0].fence
    if keep_work:
        owned = rows(
            "UPDATE sync_work SET lease_until = NULL, fence = NULL, next_at = 'infinity'"
            " WHERE delivery_id = ANY(%s) AND fence = %s RETURNING delivery_id",
            [ids, fence],
        )
    else:
        owned = rows(
            "DELETE FROM sync_work WHERE delivery_id = ANY(%s) AND fence = %s"
            " RETURNING delivery_id",
            [ids, fence],
        )
    execute(
        "UPDATE sync_delivery SET problem = %s, problem_code = %s, exception_id = %s,"
        " sending_version = CASE WHEN %s THEN sending_version END WHERE id = ANY(%s)",
        [problem, code, exception, problem == "unknown", [d for (d,) in owned]],
    )


def show_stock(plan: Plan, connection: uuid.UUID, tasks: Sequence[Task]) -> None:
    """Documents that take stock are settled at its owner: note when, and ask to read those levels
    again, so that the commitment ends with what the owner now shows."""
    for rule in plan.rules:
        if rule.source != connection:
            continue
        settled = rows(
            "UPDATE sync_commitment SET settled_at = clock_timestamp()"
            " WHERE delivery_id = ANY(%s) AND settled_at IS NULL"
            " RETURNING sku || '|' || lower(location)",
            [[t.delivery for t in tasks]],
        )
        if not settled:
            continue
        levels = rows(
            "SELECT b.external_id FROM sync_recordkey k JOIN sync_binding b"
            " ON b.record_id = k.record_id AND b.connection_id = %s"
            " WHERE k.environment_id = %s AND k.entity = 'stock_level' AND k.kind = 'stock'"
            " AND k.value = ANY(%s)",
            [connection, plan.environment, [s for (s,) in settled]],
        )
        receive_hints(connection, "stock", [e for (e,) in levels],
                      f"after settle {tasks[0].fence}")  # fmt: skip
