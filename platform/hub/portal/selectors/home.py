"""The partner's home: every merchant with its health, in two queries however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from hub.portal.words import SOLD
from tenants.merchants.models import Environment
from tenants.merchants.scope import Scope

SIZE = 50

HEALTH = """
SELECT e.id,
       day.on_day, day.orders,
       (SELECT count(*) FROM sync_businessexception x
         WHERE x.environment_id = e.id AND x.state = 'open') AS exceptions,
       (SELECT min(x.opened_at) FROM sync_businessexception x
         WHERE x.environment_id = e.id AND x.state = 'open') AS oldest_exception,
       (SELECT min(w.since) FROM sync_work w JOIN connections_connection c
            ON c.id = w.connection_id
         WHERE c.environment_id = e.id AND w.next_at <= %(now)s) AS oldest_due,
       (SELECT count(*) FROM sync_delivery d JOIN connections_connection c
            ON c.id = d.connection_id
         WHERE c.environment_id = e.id AND d.problem = 'dead') AS dead,
       (SELECT max(heard.received_at) FROM connections_connection c, LATERAL (
            SELECT received_at FROM sync_inboxevent i WHERE i.connection_id = c.id
             ORDER BY i.received_at DESC LIMIT 1) heard
         WHERE c.environment_id = e.id) AS heard_at,
       (SELECT count(*) FROM connections_connection c
         WHERE c.environment_id = e.id AND c.state <> 'active') AS troubled,
       (SELECT count(*) FROM connections_connection c WHERE c.environment_id = e.id) AS systems
  FROM merchants_environment e
  JOIN merchants_merchant m ON m.id = e.merchant_id
  LEFT JOIN LATERAL (
       SELECT newest.on_day, count(*) AS orders
         FROM (SELECT (max(r.occurred_at) AT TIME ZONE m.time_zone)::date AS on_day
                 FROM sync_record r
                WHERE r.environment_id = e.id AND r.entity = ANY(%(entities)s)
                  AND r.occurred_at <= %(now)s) newest
         JOIN sync_record r ON r.environment_id = e.id AND r.entity = ANY(%(entities)s)
              AND (r.occurred_at AT TIME ZONE m.time_zone)::date = newest.on_day
        GROUP BY newest.on_day) day ON true
 WHERE e.id = ANY(%(environments)s)
"""


@dataclass(frozen=True, slots=True)
class Health:
    """How one merchant's environment is doing. ``day``: its newest business day."""

    environment: Environment
    day: object
    orders: int
    exceptions: int
    oldest_exception: datetime | None
    oldest_due: datetime | None
    dead: int
    heard_at: datetime | None
    troubled: int
    systems: int

    @property
    def tone(self) -> str:
        """bad: a system has stopped or something is not delivered; warn: someone must look."""
        if self.troubled or self.dead:
            return "bad"
        return "warn" if self.exceptions else ("good" if self.systems else "quiet")

    @property
    def word(self) -> str:
        return {
            "bad": "Needs attention",
            "warn": "Has exceptions",
            "good": "All well",
            "quiet": "Not connected yet",
        }[self.tone]


def merchants_health(scope: Scope, text: str = "", after: str = "") -> tuple[list[Health], str]:
    """Production environments in order of the merchant's slug, and the slug to go on from.

    ``text`` filters by name. Two queries.
    """
    rows = scope.environments().filter(kind=Environment.Kind.PRODUCTION)
    if text:
        rows = rows.filter(merchant__name__icontains=text)
    if after:
        rows = rows.filter(merchant__slug__gt=after)
    found = list(rows.order_by("merchant__slug")[: SIZE + 1])
    shown = found[:SIZE]
    figures = _figures([row.pk for row in shown])
    health = [Health(row, *figures[row.pk]) for row in shown]
    return health, shown[-1].merchant.slug if len(found) > SIZE else ""


def _figures(environments: list[UUID]) -> dict[UUID, tuple[Any, ...]]:
    parameters: dict[str, Any] = {
        "environments": environments,
        "entities": list(SOLD),
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(HEALTH, parameters)
        return {row[0]: (row[1], row[2] or 0, *row[3:]) for row in cursor.fetchall()}
