"""What must be done at targets: deliveries, what is owed now, what is waited for, what was tried.

`Delivery` lives as long as its record and no happy-path column of it is indexed, so its updates
stay within the page (HOT); `Work` holds all the churn and exists only while something is owed.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from hub.sync.models.records import Record


class Delivery(models.Model):
    """This slot (connection + resource) must reflect this record.

    ``wanted``/``delivered``: record versions. ``sending_*``: what is frozen until its outcome is
    known; ``uncertain``: an earlier send of it may have had its effect. ``resend`` grows when a
    person asks for it again, ``generation`` when one states that the target lost it.
    ``verify``: a settle lost its lease after sending; look before the next send. ``flow_id``: why,
    not where. ``required``: a document is billed when its last required target confirms.
    """

    class Problem(models.TextChoices):
        NONE = "none"
        BLOCKED = "blocked"
        HELD = "held"
        UNKNOWN = "unknown"
        DEAD = "dead"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True)
    environment_id = models.UUIDField()
    connection_id = models.UUIDField()
    resource = models.CharField(max_length=60)
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="deliveries")
    flow_id = models.UUIDField()
    required = models.BooleanField(default=True, db_default=True)
    wanted = models.IntegerField()
    delivered = models.IntegerField(default=0, db_default=0)
    billed = models.IntegerField(default=0, db_default=0)
    delivered_hash = models.BinaryField(max_length=16, null=True)
    sending_version = models.IntegerField(null=True)
    sending_release = models.PositiveIntegerField(null=True)
    sending_key = models.CharField(max_length=120, null=True)
    sending_hash = models.BinaryField(max_length=16, null=True)
    sending_op = models.CharField(max_length=6, null=True)
    sending_body = models.BinaryField(null=True)
    uncertain = models.BooleanField(default=False, db_default=False)
    verify = models.BooleanField(default=False, db_default=False)
    resend = models.PositiveSmallIntegerField(default=0, db_default=0)
    generation = models.PositiveSmallIntegerField(default=0, db_default=0)
    problem = models.CharField(
        max_length=8, choices=Problem, default=Problem.NONE, db_default=Problem.NONE
    )
    problem_code = models.CharField(max_length=40, default="", db_default="")
    exception_id = models.UUIDField(null=True)
    settled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection_id", "resource", "record"], name="delivery_slot"
            )
        ]
        indexes = [
            models.Index(
                fields=["problem", "connection_id"],
                name="delivery_problem",
                condition=~models.Q(problem="none"),
            ),
            models.Index(
                fields=["exception_id"],
                name="delivery_exception",
                condition=models.Q(exception_id__isnull=False),
            ),
        ]


class Work(models.Model):
    """Something is owed now. A row waits at ``next_at`` infinity while blocked, held or dead, so
    that what must come after it in its root's order keeps waiting.

    ``seq`` is taken under the root record's lock. ``fence``: random per claim. ``attempts`` is
    counted before the call.
    """

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True)
    connection_id = models.UUIDField()
    resource = models.CharField(max_length=60)
    root_id = models.UUIDField()
    seq = models.BigIntegerField()
    priority = models.SmallIntegerField(default=5, db_default=5)
    next_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    fence = models.UUIDField(null=True)
    alone = models.BooleanField(default=False, db_default=False)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["connection_id", "next_at"], name="work_due"),
            models.Index(fields=["connection_id", "resource", "root_id", "seq"], name="work_order"),
        ]


class Need(models.Model):
    """A delivery waits until that record has a binding to ``object`` at the delivery's target."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="needs")
    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="needed_by")
    object = models.CharField(max_length=60)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "record", "object"], name="need_once")
        ]


class Attempt(models.Model):
    """One try; written also by a worker that lost its lease. ``exchange``: redacted excerpt."""

    class Outcome(models.TextChoices):
        DONE = "done"
        UNCHANGED = "unchanged"
        ADOPTED = "adopted"
        ABSENT = "absent"
        BLOCKED = "blocked"
        RETRY = "retry"
        UNKNOWN = "unknown"
        REFUSED = "refused"
        LATE = "late"

    delivery_id = models.UUIDField()
    record_id = models.UUIDField()
    connection_id = models.UUIDField()
    version = models.IntegerField(null=True)
    number = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    outcome = models.CharField(max_length=9, choices=Outcome)
    code = models.CharField(max_length=40, default="", db_default="")
    owner = models.CharField(max_length=10, default="", db_default="")
    message = models.TextField(default="", db_default="")
    external_id = models.CharField(max_length=200, default="", db_default="")
    exchange = models.JSONField(default=dict, db_default={})
    fence = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["delivery_id", "id"], name="attempt_delivery"),
            models.Index(fields=["connection_id", "-ended_at"], name="attempt_recent"),
        ]


class Commitment(models.Model):
    """Stock a document takes (or, negative, gives back) that the owner of stock hasn't shown yet.

    It counts against *available to sell* from the moment the hub knows the document until a read
    of that stock level that began after the document was settled at the stock's owner.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="commitments")
    environment_id = models.UUIDField()
    sku = models.CharField(max_length=120)
    location = models.CharField(max_length=40)
    qty = models.DecimalField(max_digits=18, decimal_places=6)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "sku", "location"], name="commitment_once")
        ]
        indexes = [models.Index(fields=["environment_id", "sku"], name="commitment_sku")]
