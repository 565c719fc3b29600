"""Everything that happened to one record, read in nine queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, JSONObject, NullIf
from django.http import Http404

from hub.portal.selectors import dead_letters
from hub.portal.states import DELIVERY, RECORD, Owed, Shown, delivery_state
from hub.portal.systems import System, systems_of
from hub.sync.models import (
    Attempt,
    Binding,
    BusinessException,
    Delivery,
    InboxEvent,
    Need,
    Record,
    RecordKey,
    RecordVersion,
)
from tenants.merchants.models import Environment

VERSIONS = 30
EVENTS = 40
FAMILY = 60


@dataclass(slots=True)
class Target:
    """One delivery of the record: where it must arrive and how that stands."""

    delivery: Delivery
    system: System
    state: Shown
    owed: Owed | None
    binding: Binding | None
    attempts: list[Attempt] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    exception: BusinessException | None = None


@dataclass(slots=True)
class Story:
    """``family``: records that are done in order with it, e.g. an order's payments."""

    record: Record
    origin: System | None
    systems: list[System]
    versions: list[RecordVersion]
    events: list[InboxEvent]
    bindings: list[Binding]
    targets: list[Target]
    family: list[Record]
    exceptions: list[BusinessException]

    @property
    def steps(self) -> list[Binding]:
        """What the single calls of a write made, where it takes several."""
        return [one for one in self.bindings if one.role not in {"primary", "twin"}]

    @property
    def standing(self) -> list[Shown]:
        """How the record stands, as lists show it: its problems, else whether it has arrived."""
        rows = [one for one in self.targets if one.delivery.problem != Delivery.Problem.RETIRED]
        problems = {one.delivery.problem for one in rows} - {Delivery.Problem.NONE}
        if problems:
            return [DELIVERY[problem] for problem in sorted(problems)]
        if self.record.state != Record.State.LIVE or not rows:
            return [RECORD[self.record.state]]
        moving = any(one.delivery.delivered < one.delivery.wanted for one in rows)
        return [RECORD["moving" if moving else "settled"]]


def record_of(environment: Environment, key: UUID) -> Record:
    """Raises Http404 for one of another environment."""
    row = Record.objects.filter(environment_id=environment.pk, pk=key).first()
    if row is None:
        raise Http404
    return row


def story(environment: Environment, key: UUID, now: Any) -> Story:
    """Raises Http404 for a record of another environment."""
    record, family = _family(environment, key)
    systems = systems_of(environment)
    by_id = {one.id: one for one in systems}
    bindings = list(Binding.objects.filter(record=record).order_by("created_at", "pk"))
    versions = list(RecordVersion.objects.filter(record_id=key).order_by("-version")[:VERSIONS])
    versions.reverse()
    heard = {event for version in versions for event in version.events}
    heard |= {binding.seen_event for binding in bindings if binding.seen_event}
    events = list(
        InboxEvent.objects.filter(pk__in=heard, connection_id__in=by_id)
        .order_by("received_at", "pk")
        .defer("body", "headers")[:EVENTS]
    )
    targets = _targets(environment, record, by_id, bindings, now)
    exceptions = _exceptions(environment, record, targets)
    return Story(
        record,
        by_id.get(record.origin_id) if record.origin_id else None,
        systems,
        versions,
        events,
        bindings,
        targets,
        family,
        exceptions,
    )


def version_pair(
    environment: Environment, key: UUID, number: int
) -> tuple[RecordVersion, RecordVersion | None]:
    """(the version, the one before it that is still kept). Raises Http404."""
    record_of(environment, key)
    rows = list(
        RecordVersion.objects.filter(record_id=key, version__lte=number).order_by("-version")[:2]
    )
    if not rows or rows[0].version != number:
        raise Http404
    return rows[0], rows[1] if len(rows) > 1 else None


def event_of(environment: Environment, key: UUID, number: int) -> InboxEvent:
    """An event that led to a version of the record. Raises Http404 for any other event."""
    record_of(environment, key)
    led = RecordVersion.objects.filter(record_id=key, events__contains=[number]).exists()
    led = led or Binding.objects.filter(record_id=key, seen_event=number).exists()
    systems = [one.id for one in systems_of(environment)]
    row = InboxEvent.objects.filter(pk=number, connection_id__in=systems).first()
    if row is None or not led:
        raise Http404
    return row


def owed_rows(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Deliveries with their work's columns; a work that waits for ever has ``work_next`` None."""
    forever = RawSQL("TIMESTAMPTZ 'infinity'", [])
    return rows.annotate(
        work_since=F("work__since"),
        work_attempts=F("work__attempts"),
        work_lease=F("work__lease_until"),
        work_next=NullIf(F("work__next_at"), forever),
    )


def owed(row: Any) -> Owed | None:
    """The work of a row of `owed_rows`."""
    if row.work_since is None:
        return None
    return Owed(row.work_next, row.work_lease, row.work_attempts, row.work_since)


def _family(environment: Environment, key: UUID) -> tuple[Record, list[Record]]:
    here = Record.objects.filter(environment_id=environment.pk)
    root = here.filter(pk=key).values(root=Coalesce("root_id", "pk"))
    keys = RecordKey.objects.filter(record_id=OuterRef("pk")).order_by("kind")
    rows = here.filter(Q(pk=key) | Q(pk=Subquery(root)) | Q(root_id=Subquery(root))).annotate(
        names=ArraySubquery(keys.values(pair=JSONObject(kind="kind", value="value")))
    )
    found: list[Record] = list(rows.order_by("occurred_at", "created_at", "pk")[:FAMILY])
    record = next((row for row in found if row.pk == key), None) or rows.filter(pk=key).first()
    if record is None:
        raise Http404
    return record, [row for row in found if row.pk != key]


def _targets(
    environment: Environment,
    record: Record,
    systems: dict[UUID, System],
    bindings: list[Binding],
    now: Any,
) -> list[Target]:
    rows = owed_rows(
        Delivery.objects.filter(record=record, connection_id__in=systems).defer("sending_body")
    ).order_by("created_at", "pk")
    primary = {row.connection_id: row for row in bindings if row.role == "primary"}
    found = {}
    for row in rows:
        work = owed(row)
        found[row.pk] = Target(
            row,
            systems[row.connection_id],
            delivery_state(row.problem, work, now),
            work,
            primary.get(row.connection_id),
        )
    _add_attempts(found)
    _add_needs(found)
    return list(found.values())


def _add_attempts(found: dict[UUID, Target]) -> None:
    tried: dict[UUID, list[Attempt]] = defaultdict(list)
    for row in dead_letters.attempts(found):
        tried[row.delivery_id].append(row)
    for key, target in found.items():
        target.attempts = tried[key]


def _add_needs(found: dict[UUID, Target]) -> None:
    for need in Need.objects.filter(delivery_id__in=found).select_related("record"):
        found[need.delivery_id].needs.append(need)


def _exceptions(
    environment: Environment, record: Record, targets: Iterable[Target]
) -> list[BusinessException]:
    targets = list(targets)
    ids = [one.delivery.exception_id for one in targets if one.delivery.exception_id]
    rows = list(
        BusinessException.objects.filter(
            Q(pk__in=ids) | Q(record_id=record.pk), environment_id=environment.pk
        ).order_by("opened_at")
    )
    by_id = {row.pk: row for row in rows}
    for target in targets:
        if target.delivery.exception_id:
            target.exception = by_id.get(target.delivery.exception_id)
    return rows
