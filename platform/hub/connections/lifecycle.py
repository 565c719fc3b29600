"""Every change of a connection, audited. Call it inside the partner's context.

Each change moves ``changed_at`` (sessions, compiled mappings and the front door's cache are kept
until it moves) and raises the environment's release (plans are kept until it rises).
"""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from connectors.registry import connectors
from hub.connections.config import secret_problems, settings_problems
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from kernel.audit.record import record
from kernel.security import vault
from tenants.merchants.models import Environment

#: Vault field of the secret that signs pushes, where the connector doesn't declare its own.
WEBHOOK_SECRET = "webhook_secret"  # noqa: S105  the name of a field
#: Added to a vault field's name for the value before the last rotation.
PREVIOUS = ".previous"


class NotPossible(ValueError):
    """The request can't be carried out as asked; the message says what to ask instead."""


def connect(
    environment: Environment,
    *,
    slug: str,
    title: str,
    connector: str,
    actor: str,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    lookups: Mapping[str, Any] | None = None,
) -> Connection:
    """Make a connection with its secrets in the vault. Nothing is called yet.

    Raises NotPossible naming everything that doesn't fit the connector's manifest.
    """
    kind = connectors().get(connector)
    if kind is None:
        known = ", ".join(sorted(connectors()))
        raise NotPossible(f"There is no connector {connector!r}: choose one of {known}.")
    config, secrets = dict(config or {}), dict(secrets or {})
    _refuse([*settings_problems(kind, config),
             *secret_problems(kind.manifest, set(secrets))])  # fmt: skip
    with transaction.atomic():
        connection = Connection.objects.create(
            environment=environment,
            slug=slug,
            title=title,
            connector=connector,
            config=config,
            lookups=dict(lookups or {}),
        )
        for field, value in secrets.items():
            vault.put(connection.id, field, value)
        if WEBHOOK_SECRET not in secrets and any(s.push for s in manifest_of(connection).streams):
            # Letters and digits only: some systems spoil other characters in their settings.
            vault.put(connection.id, WEBHOOK_SECRET, random.token_hex(32))
        _raise_release(connection)
        detail = {"title": title, "connector": connector, "slug": slug}
        record(actor, "connection.made", _subject(connection), detail)
    return connection


def change(
    connection: Connection,
    *,
    actor: str,
    title: str | None = None,
    config: Mapping[str, Any] | None = None,
    lookups: Mapping[str, Any] | None = None,
) -> list[str]:
    """Set what is given; returns the names of what really changed. Raises NotPossible."""
    wanted: dict[str, Any] = {"title": title}
    if config is not None:
        _refuse(settings_problems(connectors()[connection.connector], dict(config)))
        wanted["config"] = dict(config)
    if lookups is not None:
        wanted["lookups"] = dict(lookups)
    with transaction.atomic():
        row = _locked(connection)
        changed = [n for n, v in wanted.items() if v is not None and getattr(row, n) != v]
        if changed:
            for name in changed:
                setattr(row, name, wanted[name])
            _save(row)
            detail = {"title": row.title, "fields": ", ".join(changed)}
            record(actor, "connection.changed", _subject(row), detail)
    connection.refresh_from_db()
    return changed


def store_secret(connection: Connection, field: str, value: str, *, actor: str) -> None:
    """Set or rotate one secret. The value before counts for incoming pushes until
    `end_rotation`, so that none is refused while the other side changes over."""
    manifest = connectors()[connection.connector].manifest
    if field not in manifest.secret_fields | {WEBHOOK_SECRET}:
        raise NotPossible(f"{manifest.title} has no secret {field!r}.")
    with transaction.atomic():
        row = _locked(connection)
        before = vault.get_all(row.id).get(field)
        if before is not None:
            vault.put(row.id, field + PREVIOUS, before)
        vault.put(row.id, field, value)
        _save(row)
        detail = {"title": row.title, "field": field}
        record(actor, "connection.secret-stored", _subject(row), detail)
    connection.refresh_from_db()


def end_rotation(connection: Connection, *, actor: str) -> None:
    """Forget the secrets before the last rotation."""
    with transaction.atomic():
        row = _locked(connection)
        old = [field for field in vault.get_all(row.id) if field.endswith(PREVIOUS)]
        for field in old:
            vault.delete(row.id, field)
        if old:
            _save(row)
            detail = {"title": row.title}
            record(actor, "connection.rotation-ended", _subject(row), detail)
    connection.refresh_from_db()


def pause(
    connection: Connection, *, reason: str, actor: str, code: str = "", owner: str = ""
) -> None:
    """Process nothing from it and send nothing to it; what it pushes is still kept."""
    with transaction.atomic():
        row = _locked(connection)
        if row.state != Connection.State.PAUSED:
            row.state = Connection.State.PAUSED
            row.paused_reason, row.paused_code, row.paused_owner = reason, code, owner
            row.paused_at = timezone.now()
            _save(row)
            detail = {"title": row.title, "reason": reason}
            record(actor, "connection.paused", _subject(row), detail)
    connection.refresh_from_db()


def resume(connection: Connection, *, actor: str) -> None:
    """Go on, also after the path has stopped at refused credentials."""
    with transaction.atomic():
        row = _locked(connection)
        if row.state != Connection.State.ACTIVE:
            row.state = Connection.State.ACTIVE
            row.paused_reason = row.paused_code = row.paused_owner = ""
            row.paused_at = None
            _save(row)
            record(actor, "connection.resumed", _subject(row), {"title": row.title})
    connection.refresh_from_db()


def mark_account(connection: Connection, account: str) -> None:
    """Remember whose account answered; not an act of a person."""
    Connection.objects.filter(pk=connection.pk).update(account=account[:200])
    connection.account = account[:200]


def mark_subscribed(connection: Connection, *, actor: str) -> None:
    """The source pushes to us from now on."""
    now = timezone.now()
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(subscribed_at=now)
        detail = {"title": connection.title}
        record(actor, "connection.subscribed", _subject(connection), detail)
    connection.subscribed_at = now


def touch(connection: Connection) -> None:
    """Something that belongs to the connection (a mapping) changed in this transaction."""
    _save(_locked(connection))
    connection.refresh_from_db()


def raise_release(environment_id: Any) -> None:
    """What the environment does has changed; plans read before are stale."""
    Environment.objects.filter(pk=environment_id).update(release=F("release") + 1)


def _raise_release(connection: Connection) -> None:
    raise_release(connection.environment_id)


def _locked(connection: Connection) -> Connection:
    return Connection.objects.select_for_update().get(pk=connection.pk)


def _save(row: Connection) -> None:
    row.save()
    _raise_release(row)


def _subject(connection: Connection) -> str:
    return f"connection:{connection.pk}"


def _refuse(problems: list[tuple[str, str]]) -> None:
    if problems:
        raise NotPossible(" ".join(f"{name}: {problem}" for name, problem in problems))
