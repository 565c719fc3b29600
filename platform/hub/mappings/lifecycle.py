"""Every change of a connection's own mappings, audited. Call it inside the partner's context."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max

from hub.connections.lifecycle import touch
from hub.connections.models import Connection
from hub.mappings.models import MappingOverride
from hub.mappings.problems import MappingError
from hub.mappings.rules import validate_rules
from kernel.audit.record import record


def replace_mapping(
    connection: Connection, name: str, rules: dict[str, Any], *, actor: str
) -> MappingOverride:
    """Put a new version in force. Raises MappingError for rules that don't compile."""
    problems = validate_rules(rules)
    if problems:
        raise MappingError(problems)
    with transaction.atomic():
        touch(connection)
        versions = MappingOverride.objects.filter(connection=connection, name=name)
        last = versions.aggregate(last=Max("version"))["last"] or 0
        versions.filter(active=True).update(active=False)
        made = MappingOverride.objects.create(
            connection=connection, name=name, version=last + 1, rules=rules
        )
        detail = {"name": name, "version": made.version, "connection": connection.title}
        record(actor, "mapping.replaced", f"connection:{connection.pk}", detail)
    return made


def restore_mapping(connection: Connection, name: str, *, actor: str) -> None:
    """Go back to the connector's own mapping; the versions stay to be looked at."""
    with transaction.atomic():
        touch(connection)
        active = MappingOverride.objects.filter(connection=connection, name=name, active=True)
        if active.update(active=False):
            detail = {"name": name, "connection": connection.title}
            record(actor, "mapping.restored", f"connection:{connection.pk}", detail)
