"""What people and configuration did: one append-only, hash-chained table a schema.

Partners' acts are in their own schema, the platform's in `public`. The database refuses UPDATE,
DELETE and TRUNCATE by trigger (migration 0001); superusers can switch that off, which is what the
chain is for: `verify()` names the first row that was touched.
"""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """One act. ``seq`` counts from 1 without gaps; ``seal`` = SHA-256 of the row and ``previous``.

    ``subject``: "kind:id" of what was acted on. ``detail``: small facts, no secrets, no personal
    data: those would outlive an erasure.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    act = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)
    previous = models.BinaryField(max_length=32)
    seal = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["seq"]
        indexes = [models.Index(fields=["subject", "seq"], name="audit_by_subject")]

    def __str__(self) -> str:
        return f"{self.seq} {self.act} {self.subject}"
