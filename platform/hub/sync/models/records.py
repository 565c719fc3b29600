"""What the hub knows: records, the values they are matched by, and each connection's view."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Record(models.Model):
    """The hub's newest canonical content of one thing in one environment.

    ``state`` *expected*: a placeholder, named by someone but not yet told by its owner.
    ``root``: records that must be done in order share it (null: the record itself).
    ``billable_version``: the last version a source caused. ``number``, ``title`` and
    ``occurred_at`` are for people: search and lists.
    """

    class State(models.TextChoices):
        EXPECTED = "expected"
        LIVE = "live"
        MERGED = "merged"
        DELETED = "deleted"

    id = models.UUIDField(primary_key=True)
    environment_id = models.UUIDField()
    entity = models.CharField(max_length=24)
    state = models.CharField(max_length=8, choices=State, default=State.EXPECTED)
    version = models.IntegerField(default=0)
    billable_version = models.IntegerField(default=0)
    content = models.BinaryField(null=True)
    content_hash = models.BinaryField(max_length=16, null=True)
    schema = models.CharField(max_length=8, default="1.0", db_default="1.0")
    root_id = models.UUIDField(null=True)
    merged_into = models.UUIDField(null=True)
    origin_id = models.UUIDField(null=True)
    number = models.CharField(max_length=120, default="", db_default="")
    title = models.CharField(max_length=200, default="", db_default="")
    occurred_at = models.DateTimeField(null=True)
    next_change_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["environment_id", "entity", "-changed_at"], name="record_recent"),
            models.Index(fields=["environment_id", "entity", "-occurred_at"], name="record_day"),
            models.Index(fields=["environment_id", "-changed_at", "id"], name="record_list"),
            models.Index(fields=["environment_id", "number"], name="record_number"),
            models.Index(
                fields=["root_id"],
                name="record_root",
                condition=models.Q(root_id__isnull=False),
            ),
            models.Index(
                fields=["next_change_at"],
                name="record_next_change",
                condition=models.Q(next_change_at__isnull=False),
            ),
        ]


class RecordKey(models.Model):
    """A value by which records of different systems are matched, e.g. a SKU; normalised."""

    environment_id = models.UUIDField()
    entity = models.CharField(max_length=24)
    kind = models.CharField(max_length=24)
    value = models.CharField(max_length=320)
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="keys")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["environment_id", "entity", "kind", "value"], name="record_key_value"
            )
        ]


class RecordVersion(models.Model):
    """One content a record had, and why: source, release, replay, backfill, merge, derived."""

    record_id = models.UUIDField()
    version = models.IntegerField()
    cause = models.CharField(max_length=10)
    release = models.PositiveIntegerField()
    op = models.CharField(max_length=6, default="set", db_default="set")
    content = models.BinaryField(null=True)
    events = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["record_id", "version"], name="record_version_once")
        ]


class Binding(models.Model):
    """One connection's view of a record: what it is called there, what it last told us.

    ``object``: which of the system's objects the external id names. ``role`` *primary*, or a step
    of a several-call write. ``facet``: the field groups this connection owns, as last accepted.
    """

    environment_id = models.UUIDField()
    connection_id = models.UUIDField()
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="bindings")
    object = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200)
    role = models.CharField(max_length=30, default="primary", db_default="primary")
    parts = models.JSONField(default=dict, db_default={})
    url = models.TextField(default="", db_default="")
    seen_version = models.CharField(max_length=60, default="", db_default="")
    seen_read_at = models.DateTimeField(null=True)
    seen_heard_at = models.DateTimeField(null=True)
    seen_hash = models.BinaryField(max_length=16, null=True)
    seen_event = models.BigIntegerField(null=True)
    facet = models.BinaryField(null=True)
    facet_release = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection_id", "object", "external_id"], name="binding_external"
            ),
            models.UniqueConstraint(
                fields=["connection_id", "object", "record"],
                name="binding_primary",
                condition=models.Q(role="primary"),
            ),
        ]
        indexes = [
            models.Index(fields=["environment_id", "external_id"], name="binding_search"),
        ]
