"""Who resells: partners, the hosts they answer on, the brand they show. Rows in `public`."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Lower
from django_tenants.models import DomainMixin, TenantMixin

from tenants.partners.colours import DEFAULT_ACCENT, DEFAULT_PRIMARY


class SchemaName(models.Model):
    """A schema name that was ever given out; names are random and never used again.

    ``spare`` schemas are clones made ahead: creating a partner takes one at once. A row is never
    deleted, so a cached route can't write one partner's data into another's (engine.md section 8).
    """

    class State(models.TextChoices):
        SPARE = "spare"
        USED = "used"
        DROPPED = "dropped"

    name = models.CharField(primary_key=True, max_length=63)
    state = models.CharField(max_length=8, choices=State, default=State.USED)
    taken_at = models.DateTimeField(auto_now_add=True)


class Partner(TenantMixin):
    """A company that resells the platform under its own brand; a tenant with its own schema."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        CLOSING = "closing"

    auto_create_schema = False
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name


class Departure(models.Model):
    """A partner that leaves, and afterwards the trace that it was here; never deleted.

    ``state``: how far it is; each is reached in one transaction. ``marks``: what every table held
    when the archive was written ({table: [rows, newest transaction]}). ``left``: what could not be
    delivered ({words: count}). ``usage``: what was counted for billing, by environment, meter and
    month; the rows go with the schema. ``gone_schema``: the schema's name until it is dropped.
    """

    class State(models.TextChoices):
        CLOSING = "closing"
        ARCHIVED = "archived"
        RENAMED = "renamed"
        DROPPED = "dropped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    partner_id = models.UUIDField()
    slug = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    schema = models.CharField(max_length=63, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.CLOSING)
    archive = models.CharField(max_length=500, blank=True)
    archive_sha256 = models.CharField(max_length=64, blank=True)
    marks = models.JSONField(default=dict)
    left = models.JSONField(default=dict)
    usage = models.JSONField(default=list)
    gone_schema = models.CharField(max_length=63, blank=True)
    began_at = models.DateTimeField(auto_now_add=True)
    drop_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["began_at"]

    def __str__(self) -> str:
        return f"{self.slug}: {self.state}"


class Domain(DomainMixin):
    """A host a partner's portal answers on, once it is verified. One owner a host, ever."""

    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="domain_is_lower_case", condition=models.Q(domain=Lower("domain"))
            )
        ]

    def __str__(self) -> str:
        return str(self.domain)


class Brand(models.Model):
    """How a partner's portal looks. Colours are stored corrected: see `tenants.partners.colours`.

    ``logo``: raster bytes we encoded ourselves; an SVG is refused because it can carry script.
    """

    partner = models.OneToOneField(Partner, on_delete=models.CASCADE, related_name="brand")
    product_name = models.CharField(max_length=60)
    logo = models.BinaryField(null=True, blank=True)
    logo_type = models.CharField(max_length=20, blank=True)
    primary = models.CharField(max_length=7, default=DEFAULT_PRIMARY)
    accent = models.CharField(max_length=7, default=DEFAULT_ACCENT)
    primary_dark = models.CharField(max_length=7, blank=True)
    accent_dark = models.CharField(max_length=7, blank=True)
    support_email = models.EmailField(blank=True)
    support_phone = models.CharField(max_length=40, blank=True)
    support_url = models.URLField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.product_name
