"""Ciphertexts and the wrapped keys that open them. Rows in a partner's schema."""

from __future__ import annotations

import uuid

from django.db import models


class DataKey(models.Model):
    """The schema's own AES-256 key, wrapped by the installation's key.

    ``kek``: fingerprint of the key that wrapped it. ``generation``: first byte of everything it
    sealed. One is ``current``; a former one is there only while its secrets are sealed anew.
    Deleting the rows makes every secret of the schema unreadable for good.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kek = models.CharField(max_length=16)
    wrapped = models.BinaryField(max_length=80)
    generation = models.PositiveSmallIntegerField(default=1, unique=True)
    current = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["current"],
                condition=models.Q(current=True),
                name="one_current_data_key",
            )
        ]


class Secret(models.Model):
    """One encrypted value: ``field`` of the thing ``owner_kind``:``owner_id``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_kind = models.CharField(max_length=40)
    owner_id = models.UUIDField()
    field = models.CharField(max_length=80)
    ciphertext = models.BinaryField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner_kind", "owner_id", "field"], name="one_secret_per_field"
            )
        ]
