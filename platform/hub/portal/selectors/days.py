"""Which day is "today": the merchant's business day of the newest document that is known.

A shop that is closed on Sunday, or a replayed history, still shows its last day with business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Max
from django.utils import timezone

from hub.portal.words import DOCUMENTS
from hub.sync.models import Record
from tenants.merchants.models import Environment


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
    day = min(moment.astimezone(zone).date(), today)
    start = datetime.combine(day, time.min, zone)
    return BusinessDay(day, start, start + timedelta(days=1), day == today)


def newest_day(environment: Environment) -> BusinessDay:
    """Today where nothing is known yet. One query."""
    now = timezone.now()
    newest = Record.objects.filter(
        environment_id=environment.pk, entity__in=DOCUMENTS, occurred_at__lte=now
    ).aggregate(newest=Max("occurred_at"))["newest"]
    return business_day(newest or now, ZoneInfo(environment.merchant.time_zone), now)
