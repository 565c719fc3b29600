"""Which day is "today": the merchant's business day of the newest order or sale that is known.

A shop that is closed on Sunday, or a replayed history, still shows its last day with business. A
shipment or refund of later doesn't make a new day: nothing was sold on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from hub.portal.words import SOLD
from tenants.merchants.models import Environment

NEWEST = """
SELECT max(newest.occurred_at)
  FROM unnest(%(entities)s::text[]) AS kind (entity),
       LATERAL (SELECT r.occurred_at FROM sync_record r
                 WHERE r.environment_id = %(environment)s AND r.entity = kind.entity
                   AND r.occurred_at <= %(now)s
                 ORDER BY r.occurred_at DESC LIMIT 1) newest
"""


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """``start`` ≤ t < ``end``: the day in the merchant's own zone."""

    day: date
    start: datetime
    end: datetime
    is_today: bool

    @property
    def label(self) -> str:
        """``today`` or ``19 August 2011``."""
        return "today" if self.is_today else f"{self.day.day} {self.day:%B %Y}"

    @property
    def of_label(self) -> str:
        """As it follows a noun: ``of today``, ``of 19 August 2011``."""
        return f"of {self.label}"


def business_day(moment: datetime, zone: ZoneInfo, now: datetime) -> BusinessDay:
    """The day in ``zone`` that ``moment`` falls on; a future date counts as today."""
    today = now.astimezone(zone).date()
    return day_of(min(moment.astimezone(zone).date(), today), zone, now)


def day_of(day: date, zone: ZoneInfo, now: datetime) -> BusinessDay:
    """The given day in ``zone``."""
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return BusinessDay(day, start, end, day == now.astimezone(zone).date())


def newest_day(environment: Environment) -> BusinessDay:
    """Today where nothing was sold yet. One query."""
    now = timezone.now()
    parameters: dict[str, Any] = {"entities": list(SOLD), "environment": environment.pk, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, parameters)
        newest = cursor.fetchone()[0]
    return business_day(newest or now, ZoneInfo(environment.merchant.time_zone), now)
