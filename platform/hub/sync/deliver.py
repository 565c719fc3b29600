"""Send what is wanted: claim → freeze → look up what is in doubt → write → settle.

Database work stays on this thread; calls to the target run beside it, as many at once as the
connector allows, each on a connector instance of its own. A write of several calls reports each
step that had its effect, and the step is committed before the next call begins.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec
import structlog

from connectors.sdk.connector import Connector
from connectors.sdk.errors import AccessRefused, ConnectorError, Rejected, Unavailable
from connectors.sdk.records import Done, Found, Step, WriteItem
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.sync import breaker, claim, failures, needs, settle
from hub.sync.claim import LEASE_SECONDS, Task
from hub.sync.freeze import freeze
from hub.sync.identity import reference
from hub.sync.outcomes import Answer
from hub.sync.plan import Plan, plan_of
from hub.sync.ready import ready
from hub.sync.sessions import connector_for

log = structlog.get_logger(__name__)

BATCH = 100

_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="call")


def drain_deliveries(connection_id: uuid.UUID, batch: int = BATCH) -> int:
    """Work one batch of a connection's deliveries; returns how many were claimed."""
    with ready(connection_id) as connection:
        allowed = 0 if connection is None else breaker.allowance(connection_id, batch)
        if connection is None or not allowed:
            return 0
        resources = {r.name: r for r in manifest_of(connection).resources}
        tasks = claim.claim(connection_id, resources, allowed)
        if tasks:
            _work(connection, plan_of(connection.environment_id), tasks)
        return len(tasks)


def _work(connection: Connection, plan: Plan, tasks: list[Task]) -> None:
    asked = [t for t in tasks if _must_ask(t)]
    failures.ask_person(connection, asked)
    rest = [t for t in tasks if t not in asked]
    now, later = at_once(rest, manifest_of(connection).limits.concurrency)
    claim.give_back(later)
    frozen = freeze(connection, plan, now)
    fence = tasks[0].fence
    settle.unchanged(connection, plan, frozen.unchanged)
    failures.leaving(connection, frozen.leaving)
    failures.faulty(connection, frozen.faulty)
    if frozen.lacks:
        needs.block(connection.id, fence, frozen.lacks)
    away = False
    for chunk in _chunks(frozen.send):
        if away:
            claim.give_back(chunk)
        else:
            away = _send(connection, plan, chunk)


def at_once(tasks: list[Task], room: int) -> tuple[list[Task], list[Task]]:
    """Those to freeze now, and those to give back. What is frozen counts as sent if we die; where
    nothing could prove that it wasn't, no more is frozen than is called at once, or a person would
    be asked about what never left."""
    blind = [t for t in tasks if t.resource.proof == "none" and not t.repeatable]
    later = {t.delivery for t in blind[room:]}
    return [t for t in tasks if t.delivery not in later], blind[room:]


def _must_ask(task: Task) -> bool:
    """Nothing can prove what became of it: no key, no look-up. A person decides."""
    resource = task.resource
    return (
        task.in_doubt
        and task.sending_version is not None
        and not task.repeatable
        and resource.proof == "none"
    )


def _chunks(tasks: list[Task]) -> Iterable[list[Task]]:
    """Batches of one resource where the target takes batches; everything else together.

    What is in doubt is looked up by itself, and after a worker died with a batch, or a batch was
    refused whole, its rows go alone, so that one bad record doesn't take its neighbours along.
    """
    single: list[Task] = []
    batches: dict[str, list[Task]] = {}
    for task in tasks:
        if task.resource.batch > 1 and not task.in_doubt and not task.alone:
            batches.setdefault(task.resource.name, []).append(task)
        else:
            single.append(task)
    for group in batches.values():
        size = group[0].resource.batch
        yield from (group[i : i + size] for i in range(0, len(group), size))
    if single:
        yield single


def _send(connection: Connection, plan: Plan, tasks: list[Task]) -> bool:
    """Send and settle; True if the target turned out to be away."""
    first = tasks[0]
    batched = first.resource.batch > 1 and not first.in_doubt and not first.alone
    started = datetime.now(UTC)
    for task in tasks:
        task.started_at = started
    if batched:
        answers = _send_batch(connection, plan, tasks)
        settle.settle(connection, plan, answers)
        return _away(answers)
    away = False
    for group in _one_by_one(connection, plan, tasks):
        settle.settle(connection, plan, group)
        away = away or _away(group)
    return away


def _away(answers: Iterable[Answer]) -> bool:
    return any(isinstance(a.outcome, Unavailable | AccessRefused) for a in answers)


def _send_batch(connection: Connection, plan: Plan, tasks: list[Task]) -> list[Answer]:
    resource = tasks[0].resource
    tasks = _kept(tasks)
    if not tasks:
        return []
    items = [_item(plan, t) for t in tasks]
    try:
        with connector_for(connection) as connector:
            if not all(t.in_time for t in tasks):
                claim.give_back(tasks)
                return []
            outcomes = connector.write_batch(resource.name, items)
    except Rejected as error:
        if len(tasks) > 1:
            # Refused whole: nothing was done, and each is tried by itself.
            claim.give_back(tasks, alone=True)
            log.info("deliver.batch_refused", resource=resource.name, code=error.code)
            return []
        return [Answer(tasks[0], error)]
    except ConnectorError as error:
        return [Answer(t, error) for t in tasks]
    return [Answer(t, o) for t, o in zip(tasks, outcomes, strict=True)]


def _kept(tasks: list[Task]) -> list[Task]:
    """Those that are still ours after what was sent before them took its time."""
    if tasks[0].ours_until - monotonic() > LEASE_SECONDS * 3 / 4:
        return tasks
    ours = claim.renew(tasks)
    return [t for t in tasks if t.delivery in ours]


def _one_by_one(
    connection: Connection, plan: Plan, tasks: list[Task]
) -> Generator[list[Answer], None, None]:
    """Run the writes side by side; hand over what is ready, keep the lease alive meanwhile."""
    limit = manifest_of(connection).limits.concurrency
    waiting = list(reversed(tasks))
    with ExitStack() as borrowed:
        connectors = [
            borrowed.enter_context(connector_for(connection)) for _ in range(min(limit, len(tasks)))
        ]
        running: dict[Future[Any], _Run] = {}
        renewed = monotonic()
        while waiting or running:
            while waiting and connectors:
                run = _Run(connection, plan, waiting.pop(), connectors.pop())
                running[_threads.submit(run.begin)] = run
            done, _ = wait(running, timeout=LEASE_SECONDS / 4, return_when=FIRST_COMPLETED)
            ready = []
            for future in done:
                run = running.pop(future)
                if isinstance(future.exception(), LeaseOver):
                    claim.give_back([run.task])
                    connectors.append(run.connector)
                    continue
                answer = run.advance(future)
                if answer is None:
                    running[_threads.submit(run.resume)] = run
                else:
                    ready.append(answer)
                    connectors.append(run.connector)
            if monotonic() - renewed > LEASE_SECONDS / 4:
                waiting = _still_ours(waiting, running.values())
                renewed = monotonic()
            if _away(ready):
                # One call tells that the target is away; the rest of the batch need not ask too.
                claim.give_back(waiting)
                waiting = []
            if ready:
                yield ready


def _still_ours(waiting: list[Task], running: Iterable[_Run]) -> list[Task]:
    """Renew the lease; a task that was taken from us is not begun."""
    tasks = [*waiting, *(r.task for r in running)]
    if not tasks:
        return waiting
    ours = claim.renew(tasks)
    return [t for t in waiting if t.delivery in ours]


def _proves(task: Task) -> bool:
    """Would finding it at the target prove that this very send had its effect? A change of what
    exists is found either way: its write compares, and does what is missing."""
    made = task.sending_op == "create" or task.resource.writes == "append"
    return made and not task.repeatable and task.resource.proof == "lookup"


class LeaseOver(Exception):
    """We slept, or were slow: what we hold may be another's by now, so no call is begun."""


class _Run:
    """One write under way: its calls happen on another thread, its commits on ours."""

    def __init__(
        self, connection: Connection, plan: Plan, task: Task, connector: Connector
    ) -> None:
        self.connection = connection
        self.plan = plan
        self.task = task
        self.connector = connector
        self.write: Generator[Step, None, Done] | None = None
        self.looked = False

    def begin(self) -> Step | Done | Found | None:
        """On the other thread: look up what is in doubt, else start writing."""
        task, resource = self.task, self.task.resource
        self._check_lease()
        if task.in_doubt and _proves(task):
            found = self.connector.look_up(resource.name, _item(self.plan, task))
            self.looked = True
            if found is not None:
                return found
        return self.start()

    def start(self) -> Step | Done:
        self.write = self.connector.write(self.task.resource.name, _item(self.plan, self.task))
        return self.resume()

    def resume(self) -> Step | Done:
        assert self.write is not None  # noqa: S101 - start() came first
        self._check_lease()
        try:
            return next(self.write)
        except StopIteration as stop:
            return stop.value

    def _check_lease(self) -> None:
        if not self.task.in_time:
            raise LeaseOver

    def advance(self, future: Future[Any]) -> Answer | None:
        """On our thread: commit a step and go on, or say what came of it."""
        try:
            outcome = future.result()
        except ConnectorError as error:
            return Answer(self.task, error, self.looked)
        except Exception as error:
            log.exception("deliver.connector_failed", resource=self.task.resource.name)
            return Answer(self.task, error, self.looked)
        if isinstance(outcome, Step):
            settle.step(self.connection, self.task, outcome)
            return None
        if isinstance(outcome, Found) and not outcome.complete:
            for role, external_id in outcome.steps.items():
                settle.step(self.connection, self.task, Step(role, external_id))
            self.write = self.connector.write(
                self.task.resource.name, _item(self.plan, self.task, uncertain=True)
            )
            return None
        return Answer(self.task, outcome, self.looked)


def _item(plan: Plan, task: Task, uncertain: bool | None = None) -> WriteItem:
    body = msgspec.json.decode(task.sending_body or b"null")
    return WriteItem(
        ref=reference(plan.environment, task.record),
        key=task.sending_key or "",
        op=task.sending_op or "create",  # type: ignore[arg-type]
        body=body or {},
        external_id=task.external_id,
        parts=task.parts,
        steps=dict(task.steps),
        uncertain=task.in_doubt if uncertain is None else uncertain,
    )
