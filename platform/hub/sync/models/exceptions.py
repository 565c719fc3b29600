"""Business exceptions: what went wrong, whose move it is, and what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class BusinessException(models.Model):
    """One cause, however many rows it holds up; those rows point to it.

    ``cause``: key of the root cause, unique while open, so that a second row with the same cause
    joins the first. ``owner``: whose move it is (platform, partner, merchant). ``assignee_id``: a
    person (users live in public; no foreign key). ``title``: what happened, in the reader's
    words; ``move``: what to do.
    """

    class State(models.TextChoices):
        OPEN = "open"
        SNOOZED = "snoozed"
        RESOLVED = "resolved"
        IGNORED = "ignored"

    id = models.UUIDField(primary_key=True)
    environment_id = models.UUIDField()
    code = models.CharField(max_length=40)
    cause = models.CharField(max_length=300)
    title = models.TextField()
    move = models.TextField(default="", db_default="")
    owner = models.CharField(max_length=10, default="partner")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    assignee_id = models.UUIDField(null=True)
    due_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    note = models.TextField(default="", db_default="")
    resolution = models.CharField(max_length=12, default="", db_default="")
    connection_id = models.UUIDField(null=True)
    record_id = models.UUIDField(null=True)
    entity = models.CharField(max_length=24, default="", db_default="")
    opened_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment_id", "cause"],
                name="exception_open_cause",
                condition=models.Q(state__in=["open", "snoozed"]),
            )
        ]
        indexes = [
            models.Index(fields=["environment_id", "state", "code"], name="exception_desk"),
        ]
