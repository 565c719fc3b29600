"""The steps by which a partner's rows and schema go. Each is one transaction, so a process killed
anywhere leaves the partner between two steps, and the next call goes on from there.

    closing → archived → renamed → dropped

Sources: engine.md section 10 (deletion) and 8 (schema names are never used again).
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from kernel.audit.record import record
from tenants.context import public_context
from tenants.partners.lifecycle import NotPossible
from tenants.partners.models import Departure, Partner, SchemaName

#: Never archived: keys and what they open, and the record of migrations.
NEVER_ARCHIVED = ("security_secret", "security_datakey", "django_migrations")
#: How long the renaming waits for a writer that is still at work in the schema.
PATIENCE = "10s"
Marks = dict[str, list[int]]


class Changed(RuntimeError):
    """Something was written since the archive: it must be written again."""


class StillBusy(RuntimeError):
    """Somebody is at work in the schema; the operator runs the command again in a minute."""


def of(slug: str) -> Departure | None:
    """The newest departure of a partner of that name, finished or not."""
    with public_context():
        return Departure.objects.filter(slug=slug).order_by("-began_at").first()


def begin(partner: Partner, *, actor: str) -> Departure:
    """Close the partner: its portal answers 503, its endpoints 404, nothing new is begun."""
    with public_context(), transaction.atomic():
        row = Partner.objects.select_for_update().get(pk=partner.pk)
        departure = Departure.objects.filter(schema=row.schema_name).first()
        if departure is None:
            row.state = Partner.State.CLOSING
            row.save(update_fields=["state"])
            departure = Departure.objects.create(
                partner_id=row.pk, slug=row.slug, name=row.name, schema=row.schema_name
            )
            record(actor, "partner.closing", f"partner:{row.pk}", {"name": row.name})
    partner.state = Partner.State.CLOSING
    return departure


def archived(
    departure: Departure,
    *,
    path: str,
    sha256: str,
    marks: Marks,
    left: dict[str, int],
    usage: list[dict[str, Any]],
    actor: str,
) -> None:
    """The archive is written and safe."""
    with public_context(), transaction.atomic():
        departure.archive, departure.archive_sha256 = path, sha256
        departure.marks, departure.left, departure.usage = marks, left, usage
        departure.state = Departure.State.ARCHIVED
        departure.save()
        detail = {"name": departure.name, "sha256": sha256, "left": left}
        record(actor, "partner.archived", f"partner:{departure.partner_id}", detail)


def again(departure: Departure) -> None:
    """Something was written since: back to where the archive is made."""
    with public_context():
        departure.state = Departure.State.CLOSING
        departure.save(update_fields=["state"])


def rename(departure: Departure, *, drop_after: timedelta, actor: str) -> None:
    """Take the schema out of reach and forget the partner's hosts, brand and members.

    Raises Changed if a row was written since the archive, StillBusy if somebody writes right now.
    """
    gone = f"gone_{secrets.token_hex(8)}"
    with public_context(), transaction.atomic():
        _hold_still(departure.schema)
        if marks_of(departure.schema) != departure.marks:
            raise Changed(f"{departure.name} was written to since its archive was made.")
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER SCHEMA "{departure.schema}" RENAME TO "{gone}"')
        SchemaName.objects.filter(name=departure.schema).update(state=SchemaName.State.DROPPED)
        Partner.objects.get(pk=departure.partner_id).delete()
        departure.state, departure.gone_schema = Departure.State.RENAMED, gone
        departure.drop_at = timezone.now() + drop_after
        departure.save()
        detail = {"name": departure.name, "drop_on": departure.drop_at.date().isoformat()}
        record(actor, "partner.renamed", f"partner:{departure.partner_id}", detail)


def drop_due(*, actor: str) -> list[Departure]:
    """Drop every schema whose time has come, keys and all; returns those departures."""
    dropped = []
    with public_context():
        due = Departure.objects.filter(
            state=Departure.State.RENAMED, drop_at__lte=timezone.now()
        ).order_by("drop_at")
        for key in list(due.values_list("pk", flat=True)):
            if departure := _drop(key, actor):
                dropped.append(departure)
    return dropped


def _drop(key: UUID, actor: str) -> Departure | None:
    """None if somebody else is at it or has done it."""
    with transaction.atomic(), connection.cursor() as cursor:
        departure = (
            Departure.objects.select_for_update(skip_locked=True)
            .filter(pk=key, state=Departure.State.RENAMED)
            .first()
        )
        if departure is None:
            return None
        cursor.execute(f'DROP SCHEMA IF EXISTS "{departure.gone_schema}" CASCADE')
        departure.state, departure.dropped_at = Departure.State.DROPPED, timezone.now()
        departure.save()
        detail = {"name": departure.name}
        record(actor, "partner.dropped", f"partner:{departure.partner_id}", detail)
    return departure


def tables_of(schema: str) -> list[str]:
    """Tables of the schema that belong into an archive, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> ALL(%s)"
            " ORDER BY tablename",
            [schema, list(NEVER_ARCHIVED)],
        )
        return [row[0] for row in cursor.fetchall()]


def marks_of(schema: str) -> Marks:
    """{table: [rows, newest transaction that wrote one]}: differs after any write."""
    found: Marks = {}
    with connection.cursor() as cursor:
        for table in tables_of(schema):
            cursor.execute(
                "SELECT count(*), coalesce(max(xmin::text::bigint), 0)"  # noqa: S608 - our names
                f' FROM "{schema}"."{table}"'
            )
            found[table] = list(cursor.fetchone() or (0, 0))
    return found


def _hold_still(schema: str) -> None:
    """Let nobody write to the schema until the transaction ends. Raises StillBusy, NotPossible."""
    names = ", ".join(f'"{schema}"."{table}"' for table in tables_of(schema))
    if not names:
        raise NotPossible(f"The schema {schema} is not there: look for it in a backup.")
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            cursor.execute(f"LOCK TABLE {names} IN SHARE MODE")
            cursor.execute("SET LOCAL lock_timeout = 0")
    except OperationalError as error:
        raise StillBusy(
            "Somebody is still writing to the partner's schema: run the command again in a minute."
        ) from error
