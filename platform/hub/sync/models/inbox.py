"""What came in: raw events, how far each stream was read, how each connection is doing."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class InboxEvent(models.Model):
    """Something a source told us: bytes kept as received.

    ``identity``: 16-byte hash, equal for copies; its uniqueness is an economy, the record's own
    uniqueness is the truth. ``headers``: JSON as bytes (a NUL in a header must not fail a group).
    ``kind``: *told* (bytes of the source), *hint* (read it again), *reread* (an envelope of ours
    around what we read). ``current``: the hub's view of its record rests on this event, so an
    equal event heard later changes nothing. ``attempts`` is counted before the work, so an event
    that kills its worker is counted too. ``alone``: a worker died with it; try it by itself.
    ``again``: heard once more while it was being worked.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        PARKED = "parked"
        SUPERSEDED = "superseded"

    class Kind(models.TextChoices):
        TOLD = "told"
        HINT = "hint"
        REREAD = "reread"

    connection_id = models.UUIDField()
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.TOLD, db_default=Kind.TOLD)
    stream = models.CharField(max_length=60)
    identity = models.BinaryField(max_length=16)
    body = models.BinaryField()
    headers = models.BinaryField(default=b"{}", db_default=b"{}")
    read_started_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    copies = models.PositiveIntegerField(default=0, db_default=0)
    again = models.BooleanField(default=False, db_default=False)
    state = models.CharField(
        max_length=10, choices=State, default=State.PENDING, db_default=State.PENDING
    )
    current = models.BooleanField(default=False, db_default=False)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    alone = models.BooleanField(default=False, db_default=False)
    next_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    fence = models.UUIDField(null=True)
    outcome = models.TextField(default="", db_default="")
    records = models.JSONField(default=list, db_default=[])
    exception_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection_id", "identity"], name="inbox_identity")
        ]
        indexes = [
            models.Index(
                fields=["connection_id", "next_at", "id"],
                name="inbox_pending",
                condition=models.Q(state="pending"),
            ),
            models.Index(fields=["connection_id", "-received_at"], name="inbox_recent"),
            models.Index(
                fields=["exception_id"],
                name="inbox_parked",
                condition=models.Q(exception_id__isnull=False),
            ),
        ]


class Checkpoint(models.Model):
    """How far a stream was read; moved by compare-and-set with the page's rows.

    ``next_at``: when to poll next, moved by compare-and-set too: that is the whole election.
    """

    connection_id = models.UUIDField()
    stream = models.CharField(max_length=60)
    cursor = models.JSONField(default=dict)
    moved_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField()
    polled_at = models.DateTimeField(null=True)
    heard = models.BigIntegerField(default=0, db_default=0)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    problem = models.TextField(default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection_id", "stream"], name="checkpoint_stream")
        ]


class Lane(models.Model):
    """How a connection is doing as a target: its circuit breaker.

    While ``open_until`` is ahead nothing is claimed; afterwards one row goes alone (half-open).
    """

    connection_id = models.UUIDField(primary_key=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    open_until = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.TextField(default="", db_default="")
