"""What is billed for, counted in the transaction that did it. Rows in a partner's schema."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class UsageEvent(models.Model):
    """One unit of work done for a merchant, once.

    ``key``: document and fact: once in its life, when the last required target confirmed; level:
    once per change a source caused and per delivery. ``sealed``: the statement run that took it;
    rows are sealed by marking, never by time or id (engine.md 5.4).
    """

    environment_id = models.UUIDField()
    meter = models.CharField(max_length=20)
    key = models.CharField(max_length=80, unique=True)
    entity = models.CharField(max_length=24)
    record_id = models.UUIDField()
    delivery_id = models.UUIDField()
    units = models.PositiveIntegerField(default=1)
    occurred_at = models.DateTimeField(db_default=Now())
    sealed = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["environment_id", "occurred_at"], name="usage_by_time"),
            models.Index(
                fields=["id"], name="usage_unsealed", condition=models.Q(sealed__isnull=True)
            ),
        ]
