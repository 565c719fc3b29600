"""Mappings of a connection that replace the connector's own. Rows in a partner's schema."""

from __future__ import annotations

import uuid

from django.db import models

from hub.connections.models import Connection


class MappingOverride(models.Model):
    """``name``: ``<stream>.<entity>`` or ``<entity>.<resource>``, as the file it replaces.
    ``rules``: the language of docs/mappings.md. A version is never changed; a new one replaces it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="mapping_overrides"
    )
    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    rules = models.JSONField()
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "name", "version"], name="one_mapping_per_version"
            ),
            models.UniqueConstraint(
                fields=["connection", "name"],
                condition=models.Q(active=True),
                name="one_active_mapping_per_name",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
