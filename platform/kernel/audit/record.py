"""Write one act to the audit of the active schema, sealed onto the one before it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from kernel.audit import acts
from kernel.audit.models import AuditEntry
from kernel.schema import active_schema

LOCK_CLASS = 0x61756474
"""First half of the advisory lock; the second is a hash of the schema's name."""
GENESIS = bytes(32)


def record(actor: str, act: str, subject: str, detail: dict[str, Any] | None = None) -> AuditEntry:
    """Append the act, in the caller's transaction: it is kept exactly if what it tells of is.

    ``actor``: "user:<id>", "command:<name>" or "system:<part>". ``act``: a code of
    `kernel.audit.acts`. ``subject``: "kind:id". ``detail``: JSON of text, whole numbers, booleans,
    lists and objects; no secrets and no personal data.

    Writers of one schema wait for each other until they commit: keep such transactions short.
    Raises UnknownAct, and ValueError for a detail that would not survive storage unchanged.
    """
    acts.required(act)
    facts = _storable(detail or {})
    with transaction.atomic():
        schema = active_schema()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_CLASS, schema])
        last = AuditEntry.objects.order_by("-seq").first()
        entry = AuditEntry(
            seq=last.seq + 1 if last else 1,
            at=timezone.now(),
            actor=actor,
            act=act,
            subject=subject,
            detail=facts,
            previous=bytes(last.seal) if last else GENESIS,
        )
        entry.seal = seal(schema, entry)
        entry.save(force_insert=True)
    return entry


def seal(schema: str, entry: AuditEntry) -> bytes:
    """SHA-256 of the schema, every column and the seal before, as canonical JSON."""
    content = [
        schema,
        entry.seq,
        _instant(entry.at),
        entry.actor,
        entry.act,
        entry.subject,
        entry.detail,
        bytes(entry.previous).hex(),
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()


def _instant(at: datetime) -> int:
    """Microseconds since 1970: the same however the database session shows time."""
    return round(at.timestamp() * 1_000_000)


def _storable(detail: dict[str, Any]) -> dict[str, Any]:
    _refuse_inexact(detail)
    return detail


def _refuse_inexact(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_inexact(key)
            _refuse_inexact(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_inexact(item)
    elif isinstance(value, str):
        if "\x00" in value:
            raise ValueError("An audit detail can't hold a NUL character: leave it out.")
    elif value is not None and not isinstance(value, (bool, int)):
        raise ValueError(
            f"An audit detail can't hold a {type(value).__name__}: write it as text or a whole "
            "number, so that it reads back unchanged."
        )
