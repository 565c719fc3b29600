"""Whose shops, tills and books: merchants and their environments. Rows in a partner's schema."""

from __future__ import annotations

import uuid

from django.db import models


class Merchant(models.Model):
    """A retailer, customer of the partner. ``currency``: ISO 4217; ``time_zone``: IANA name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="EUR")
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """Where a merchant's connections, flows, records and meters live; environments never mix.

    ``release``: number of the release in force. ``paused``: nothing is sent; receipt goes on.
    """

    class Kind(models.TextChoices):
        PRODUCTION = "production"
        SANDBOX = "sandbox"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="environments")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PRODUCTION)
    release = models.PositiveIntegerField(default=1)
    paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind"], name="one_environment_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.merchant} ({self.kind})"
