"""Connectors authorised in one environment. Rows in a partner's schema."""

from __future__ import annotations

import secrets
import uuid

from django.db import models

from tenants.merchants.models import Environment


def new_webhook_token() -> str:
    """43 URL-safe characters, 256 bits: the token alone finds the connection, so it must not be
    guessable."""
    return secrets.token_urlsafe(32)


class Connection(models.Model):
    """A connector authorised in one environment. Its secrets lie in the vault under its id.

    ``connector``: name in `connectors.registry`. ``config``: public settings as the manifest
    declares them. ``lookups``: {table: {value: value}} for its mappings. ``account``: fingerprint
    of the remote account. ``listen_at``: when to look next whether the source still pushes to us
    (None: it was never asked to). Paused stops processing, never receipt.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        ATTENTION = "attention"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="connections"
    )
    slug = models.SlugField(max_length=40)
    title = models.CharField(max_length=120)
    connector = models.CharField(max_length=40)
    config = models.JSONField(default=dict)
    lookups = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    paused_reason = models.TextField(default="", blank=True)
    paused_code = models.CharField(max_length=60, default="", blank=True)
    paused_owner = models.CharField(max_length=10, default="", blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    webhook_token = models.CharField(max_length=43, unique=True, default=new_webhook_token)
    account = models.CharField(max_length=200, default="", blank=True)
    subscribed_at = models.DateTimeField(null=True, blank=True)
    listen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "slug"], name="one_connection_per_slug"),
            models.CheckConstraint(
                condition=models.Q(state="active", paused_at__isnull=True)
                | (~models.Q(state="active") & models.Q(paused_at__isnull=False)),
                name="connection_paused_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Consent(models.Model):
    """One link by which a person lets us into another system (`hub.connections.consent`).

    ``state_hash``: SHA-256 of what the system gives back, in hexadecimal. ``person_id``: who asked
    (users live in public; no foreign key). ``return_to``: as it was asked with. Times:
    ``answered_at`` the one answer it is good for, ``kept_at`` credentials are in the vault,
    ``returned_at`` the person came back and ``lines`` says how the check went ({what, ok, move}).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="consents")
    state_hash = models.CharField(max_length=64, unique=True)
    person_id = models.UUIDField()
    return_to = models.TextField()
    lines = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    kept_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.connection_id} {self.created_at}"
