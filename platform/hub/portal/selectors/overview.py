"""The merchant's overview: what happened to the day's business, and how each system is doing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from hub.portal.selectors.days import BusinessDay
from hub.portal.states import Shown, connection_state
from hub.portal.systems import System
from hub.portal.words import DOCUMENTS
from hub.sync.models import Attempt, BusinessException, Lane, Record, Work
from tenants.merchants.models import Environment

BUCKETS = 24
BUCKET = timedelta(minutes=5)
"""Width of one bar of the throughput line; the line covers two hours."""

HEARD = """
SELECT c.id, last.received_at, day.hour, day.total, waiting.number, waiting.oldest
  FROM connections_connection c
  LEFT JOIN LATERAL (SELECT received_at FROM sync_inboxevent i
                      WHERE i.connection_id = c.id ORDER BY i.received_at DESC LIMIT 1) last ON true
  LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE i.received_at > %(hour)s) AS hour,
                            count(*) AS total
                       FROM sync_inboxevent i
                      WHERE i.connection_id = c.id AND i.received_at > %(day)s) day ON true
  LEFT JOIN LATERAL (SELECT count(*) AS number, min(i.received_at) AS oldest
                       FROM sync_inboxevent i
                      WHERE i.connection_id = c.id AND i.state = 'pending') waiting ON true
 WHERE c.environment_id = %(environment)s
"""

DAY = """
SELECT one.connection_id, one.entity, count(*), count(*) FILTER (WHERE one.there),
       count(*) FILTER (WHERE one.troubled)
  FROM (SELECT d.connection_id, r.entity, r.id,
               bool_and(d.problem = 'none' AND d.delivered > 0) AS there,
               bool_or(d.problem <> 'none') AS troubled
          FROM sync_record r JOIN sync_delivery d ON d.record_id = r.id
         WHERE r.environment_id = %(environment)s AND r.entity = ANY(%(entities)s)
           AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s AND r.state = 'live'
           AND d.connection_id = ANY(%(connections)s) AND d.problem <> 'retired'
         GROUP BY 1, 2, 3) one
 GROUP BY 1, 2
"""


@dataclass(slots=True)
class Traffic:
    """One system's figures. ``line``: accepted writes per five minutes, oldest first."""

    system: System
    state: Shown
    heard_at: datetime | None = None
    heard_hour: int = 0
    heard_day: int = 0
    unread: int = 0
    oldest_unread: datetime | None = None
    written_hour: int = 0
    written_day: int = 0
    queued: int = 0
    oldest_due: datetime | None = None
    line: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    @property
    def depth(self) -> int:
        """Everything that waits: heard and not read, wanted and not written."""
        return self.unread + self.queued


@dataclass(frozen=True, slots=True)
class DayRow:
    """Documents of one kind on the day: how many one system took of how many it should."""

    entity: str
    system: System
    wanted: int
    done: int
    problems: int

    @property
    def under_way(self) -> int:
        return self.wanted - self.done - self.problems


@dataclass(frozen=True, slots=True)
class Cause:
    """Open exceptions of one code."""

    code: str
    owner: str
    count: int
    oldest: datetime
    title: str


def heard_on(environment: Environment, day: BusinessDay) -> dict[tuple[UUID | None, str], int]:
    """Documents of the day by (system they came from, kind). One query."""
    rows = (
        Record.objects.filter(_of_day(environment, day))
        .values("origin_id", "entity")
        .annotate(number=Count("pk"))
    )
    return {(row["origin_id"], row["entity"]): row["number"] for row in rows}


def day_rows(environment: Environment, day: BusinessDay, systems: list[System]) -> list[DayRow]:
    """What each target took of the day's documents; one that goes to several resources of a
    system is there when all of them have it. One query."""
    by_id = {one.id: one for one in systems}
    parameters: dict[str, Any] = {
        "environment": environment.pk,
        "entities": list(DOCUMENTS),
        "start": day.start,
        "end": day.end,
        "connections": list(by_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(DAY, parameters)
        found = [DayRow(row[1], by_id[row[0]], *row[2:]) for row in cursor.fetchall()]
    return sorted(found, key=lambda row: (DOCUMENTS.index(row.entity), row.system.row.slug))


def causes(environment: Environment) -> list[Cause]:
    """Open exceptions by code, most first. One query."""
    rows = (
        BusinessException.objects.filter(
            environment_id=environment.pk, state=BusinessException.State.OPEN
        )
        .values("code", "owner")
        .annotate(number=Count("pk"), oldest=Min("opened_at"), example=Min("title"))
        .order_by("-number", "code")
    )
    return [
        Cause(row["code"], row["owner"], row["number"], row["oldest"], row["example"])
        for row in rows
    ]


def traffic(environment: Environment, systems: list[System]) -> list[Traffic]:
    """How every system is doing now. Four queries."""
    now = timezone.now()
    resting = dict(
        Lane.objects.filter(connection_id__in=[one.id for one in systems]).values_list(
            "connection_id", "open_until"
        )
    )
    found = {
        one.id: Traffic(one, connection_state(one.row.state, resting.get(one.id), now))
        for one in systems
    }
    _add_heard(environment, found, now)
    _add_written(found, now)
    _add_queued(found, now)
    return list(found.values())


def total_line(rows: Iterable[Traffic]) -> list[int]:
    """Accepted writes of all systems per five minutes."""
    return [sum(column) for column in zip(*(row.line for row in rows), strict=True)] or [0]


def _of_day(environment: Environment, day: BusinessDay) -> Q:
    return Q(
        environment_id=environment.pk,
        entity__in=DOCUMENTS,
        occurred_at__gte=day.start,
        occurred_at__lt=day.end,
        state=Record.State.LIVE,
    )


def _add_heard(environment: Environment, found: dict[UUID, Traffic], now: datetime) -> None:
    parameters: dict[str, Any] = {
        "environment": environment.pk,
        "hour": now - timedelta(hours=1),
        "day": now - timedelta(days=1),
    }
    with connection.cursor() as cursor:
        cursor.execute(HEARD, parameters)
        for key, heard_at, hour, day, unread, oldest in cursor.fetchall():
            if key in found:
                row = found[key]
                row.heard_at, row.heard_hour, row.heard_day = heard_at, hour, day
                row.unread, row.oldest_unread = unread, oldest


def _add_written(found: dict[UUID, Traffic], now: datetime) -> None:
    """Accepted writes by connection and five minutes of the last day."""
    rows = (
        Attempt.objects.filter(
            connection_id__in=found,
            ended_at__gt=now - timedelta(days=1),
            outcome__in=[Attempt.Outcome.DONE, Attempt.Outcome.ADOPTED],
        )
        .extra(select={"bucket": "date_bin('5 minutes', ended_at, TIMESTAMPTZ '2000-01-01')"})
        .values("connection_id", "bucket")
        .annotate(number=Count("pk"), newest=Max("ended_at"))
    )
    written: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        written[row["connection_id"]].append(dict(row))
    for key, buckets in written.items():
        target = found[key]
        for bucket in buckets:
            target.written_day += bucket["number"]
            if bucket["newest"] > now - timedelta(hours=1):
                target.written_hour += bucket["number"]
            place = BUCKETS - 1 - int((now - bucket["bucket"]) / BUCKET)
            if 0 <= place < BUCKETS:
                target.line[place] = bucket["number"]


def _add_queued(found: dict[UUID, Traffic], now: datetime) -> None:
    rows = (
        Work.objects.filter(connection_id__in=found, next_at__lte=now)
        .values("connection_id")
        .annotate(number=Count("pk"), oldest=Min("next_at"))
    )
    for row in rows:
        found[row["connection_id"]].queued = row["number"]
        found[row["connection_id"]].oldest_due = row["oldest"]
