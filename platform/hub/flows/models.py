"""What goes where, and who is right about what. Rows in a partner's schema."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.db import models

from hub.connections.models import Connection
from hub.flows.settings import FlowSettings, read_settings
from tenants.merchants.models import Environment


class Flow(models.Model):
    """Records of ``entity`` must be reflected by ``resource`` of ``target``.

    ``sources``: ids (text) of the connections whose records qualify, empty = any. ``condition``:
    a condition of docs/mappings.md over the canonical content, or null. ``settings``: see
    `hub.flows.settings.FlowSettings`. At most one active flow owns a slot (engine rule 3.8).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="flows")
    slug = models.SlugField(max_length=60)
    title = models.CharField(max_length=160)
    entity = models.CharField(max_length=40)
    sources = models.JSONField(default=list)
    target = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="flows_in")
    resource = models.CharField(max_length=40)
    condition = models.JSONField(null=True, blank=True)
    settings = models.JSONField(default=dict)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="one_flow_per_slug"),
            models.UniqueConstraint(
                fields=["target", "resource", "entity"],
                condition=models.Q(active=True),
                name="one_active_flow_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def behaviour(self) -> FlowSettings:
        """``settings``, typed."""
        return read_settings(self.settings)


class Ownership(models.Model):
    """``connection`` is the system of record for ``group`` of ``entity``.

    No row for a group = every connection may speak about it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="ownership")
    entity = models.CharField(max_length=40)
    group = models.CharField(max_length=40, default="core")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="owns")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["entity", "group", "connection"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "entity", "group", "connection"],
                name="one_ownership_per_group_and_connection",
            )
        ]

    def __str__(self) -> str:
        return f"{self.entity}.{self.group}: {self.connection}"


class Availability(models.Model):
    """How *available to sell* is computed: Σ over ``locations`` of (on hand - reserved) - buffer.

    ``code``: the location code of the computed stock level. ``source``: the owner of stock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="availabilities"
    )
    code = models.CharField(max_length=40, default="available")
    locations = models.JSONField(default=list)
    buffer = models.DecimalField(max_digits=12, decimal_places=3, default=Decimal(0))
    source = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="feeds")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "code"], name="one_availability_per_code"
            )
        ]

    def __str__(self) -> str:
        return self.code
