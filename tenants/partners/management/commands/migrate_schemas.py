"""`migrate_schemas`, and `migrate`: public, then the template, then every schema that is behind."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django_tenants.management.commands.migrate_schemas import MigrateSchemasCommand

from tenants.partners import provisioning

ROUNDS = 10
"""A partner created while we migrate is caught by the next round; more rounds mean a defect."""


class Command(MigrateSchemasCommand):
    """django-tenants' command, which also keeps the template and spare schemas, skips what is at
    the newest migration already, and repeats until nothing is behind.

    With a schema, app or migration named, it does what django-tenants' own does.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        narrowed = options.get("schema_name") or options.get("app_label") or options.get("plan")
        if narrowed or options.get("check_unapplied"):
            super().handle(*args, **options)
            return
        if not options.get("tenant"):
            super().handle(*args, **{**options, "shared": True, "tenant": False})
        if not options.get("shared"):
            self._migrate_partners(int(options.get("verbosity", 1)))

    def _migrate_partners(self, verbosity: int) -> None:
        provisioning.ensure_template()
        for _ in range(ROUNDS):
            behind = provisioning.schemas_behind()
            if not behind:
                return
            with provisioning.template_locked():
                for name in behind:
                    provisioning.migrate_schema(name, verbosity)
        raise CommandError(
            f"{settings.TEMPLATE_SCHEMA} or a partner's schema is still behind after {ROUNDS} "
            "rounds: look for a migration that doesn't get recorded."
        )
