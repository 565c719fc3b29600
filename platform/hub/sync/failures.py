"""What follows when a send did not succeed: later, look first, wait, a person, or the end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    MissingReference,
    NotYet,
    OutcomeUnknown,
    Unavailable,
)
from hub.canonical.values import normalised_key
from hub.connections.models import Connection
from hub.mappings.problems import Problem
from hub.sync import breaker, retry
from hub.sync.attention import access_refused
from hub.sync.claim import Task
from hub.sync.exceptions import Trouble, open_exceptions
from hub.sync.needs import Lack, block
from hub.sync.outcomes import Answer, record_attempts, release, set_aside, tried
from hub.sync.retry import Decision
from hub.sync.sql import clock, execute, rows

#: How long a target may not be ready for a record before a person is told.
PATIENCE = timedelta(hours=24)


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
            dead(connection, task, code, message, "partner", cause)


def ask_person(connection: Connection, tasks: Sequence[Task]) -> None:
    """In doubt at a target that can prove nothing: never resent blind; a person looks there."""
    for task in tasks:
        with transaction.atomic():
            _unknown(connection, task)


def failed(connection: Connection, answer: Answer) -> None:
    """An error came back: let `retry.decide` say what follows, and do that."""
    task, error = answer.task, answer.outcome
    now = clock()
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
        record_attempts(connection.id, [tried(Answer(task, error), False, decision)])
        _act(connection, task, error, decision, answer.looked)


def _act(
    connection: Connection, task: Task, error: ConnectorError, decision: Decision, looked: bool
) -> None:
    if decision.act == "dead":
        cause = f"{error.code}|{connection.id}|{task.resource.name}|{task.delivery}"
        dead(connection, task, error.code, str(error), str(error.owner), cause)
    elif decision.act == "ask":
        _unknown(connection, task)
    elif decision.act == "block" and isinstance(error, MissingReference):
        _block(connection, task, error)
    else:
        if decision.act == "pause" and isinstance(error, AccessRefused):
            access_refused(connection, error)
        if isinstance(error, NotYet) and clock() - task.since > PATIENCE:
            _tell_waiting(connection, task, error)
        # A look-up that failed has proved nothing: the doubt of before remains.
        doubt = (
            isinstance(error, OutcomeUnknown)
            or (task.in_doubt and not looked)
            or _may_be_half_done(task, error)
        )
        release(task, decision, in_doubt=doubt)


def _may_be_half_done(task: Task, error: ConnectorError) -> bool:
    """A write of several calls was cut short: *this* call surely did nothing, but one before it,
    not yet reported as a step, may have (a payment was made, reading it back found Odoo away)."""
    return (
        isinstance(error, Unavailable | AccessRefused)
        and not task.repeatable
        and task.resource.proof == "lookup"
    )


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
        dead(connection, task, error.code, str(error), str(error.owner), cause)
        return
    execute(
        "UPDATE sync_delivery SET sending_version = NULL WHERE id = %s AND uncertain = false",
        [task.delivery],
    )
    block(connection.id, task.fence, [Lack(task.delivery, found[0][0], error.entity)])


def dead(
    connection: Connection, task: Task, code: str, message: str, owner: str, cause: str
) -> None:
    """Nothing more happens by itself: a person decides, under the exception of its cause."""
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
