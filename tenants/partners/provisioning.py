"""Schemas: made by cloning a clean, migrated template; kept at the newest migration.

A clone reads the template's catalogue, so it must not run while the template is being migrated:
both take one advisory lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django_tenants.migration_executors.base import run_migrations

from tenants.context import public_context
from tenants.partners.clone import clone
from tenants.partners.models import SchemaName

LOCK = 0x63726F7373_01
"""Advisory lock "a schema is being made or the template migrated"; any number nobody else uses."""
NAME_BYTES = 8


class TemplateNotClean(RuntimeError):
    """The template holds rows of its own: a clone would hand them to a partner. Empty it first."""


def new_schema() -> str:
    """Hand out a schema nobody ever had: a spare one, or a fresh clone of the template.

    Runs in the caller's transaction; if that fails, nothing was handed out.
    """
    with public_context(), transaction.atomic():
        spare = (
            SchemaName.objects.select_for_update(skip_locked=True)
            .filter(state=SchemaName.State.SPARE)
            .first()
        )
        if spare is None:
            return clone_template(SchemaName.State.USED)
        spare.state = SchemaName.State.USED
        spare.save(update_fields=["state"])
        return spare.name


def clone_template(state: SchemaName.State = SchemaName.State.SPARE) -> str:
    """Clone the template under a new random name, recorded as ``state``; returns the name."""
    name = f"p_{secrets.token_hex(NAME_BYTES)}"
    with public_context(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        _refuse_dirty_template(cursor)
        SchemaName.objects.create(name=name, state=state)
        clone(cursor, settings.TEMPLATE_SCHEMA, name)
    return name


def keep_spares(wanted: int) -> int:
    """Make clones ahead until ``wanted`` are spare; returns how many were made."""
    with public_context():
        missing = wanted - SchemaName.objects.filter(state=SchemaName.State.SPARE).count()
        for _ in range(missing):
            clone_template()
    return max(missing, 0)


def ensure_template() -> None:
    """Create the empty template schema if it isn't there; migrating it fills it."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{settings.TEMPLATE_SCHEMA}"')


def schemas_behind() -> list[str]:
    """Template first, then every existing schema of ours that lacks a migration of TENANT_APPS."""
    wanted = _tenant_migrations()
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.name FROM partners_schemaname s JOIN pg_namespace n ON n.nspname = s.name"
            " WHERE s.state <> 'dropped' ORDER BY s.name"
        )
        names = [settings.TEMPLATE_SCHEMA, *(row[0] for row in cursor.fetchall())]
        return [name for name in names if not wanted <= _applied(cursor, name)]


def migrate_schema(name: str, verbosity: int = 1) -> None:
    """Bring one schema to the newest migration, resumably: each migration is recorded alone."""
    options = {
        "app_label": None,
        "migration_name": None,
        "interactive": False,
        "verbosity": verbosity,
        "database": "default",
        "fake": False,
        "fake_initial": False,
        "plan": False,
        "run_syncdb": False,
        "check_unapplied": False,
        "prune": False,
        "skip_checks": True,
        "traceback": False,
        "no_color": True,
        "force_color": False,
        "settings": None,
        "pythonpath": None,
        "stdout": None,
        "stderr": None,
    }
    run_migrations([], options, "standard", name)


@contextmanager
def template_locked() -> Iterator[None]:
    """No clone is made while the body migrates schemas.

    Holds the lock on a connection of its own: migrating closes the thread's connection.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            yield
    finally:
        other.close()


def _refuse_dirty_template(cursor: CursorWrapper) -> None:
    template = settings.TEMPLATE_SCHEMA
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r' AND c.relname <> 'django_migrations'",
        [template],
    )
    tables = [row[0] for row in cursor.fetchall()]
    if not tables:
        raise ImproperlyConfigured(
            "There is no partner template yet: run `python3 manage.py migrate_schemas` first."
        )
    held = " UNION ALL ".join(
        f'(SELECT \'{table}\' FROM "{template}"."{table}" LIMIT 1)'  # noqa: S608  catalogue names
        for table in tables
    )
    cursor.execute(held)
    dirty = [row[0] for row in cursor.fetchall()]
    if dirty:
        raise TemplateNotClean(
            f"The template schema holds rows in {', '.join(sorted(dirty))}: an operator must empty "
            "them before another partner can be created."
        )


def _tenant_migrations() -> set[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    labels = {app.rsplit(".", 1)[-1] for app in settings.TENANT_APPS}
    return {key for key in loader.disk_migrations if key[0] in labels}


def _applied(cursor: CursorWrapper, schema: str) -> set[tuple[str, str]]:
    cursor.execute("SELECT to_regclass(%s)", [f'"{schema}".django_migrations'])
    if cursor.fetchone()[0] is None:
        return set()
    cursor.execute(f'SELECT app, name FROM "{schema}".django_migrations')  # noqa: S608
    return set(cursor.fetchall())
