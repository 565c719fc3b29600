"""Every change of flows, ownership and availability, audited; each raises the environment's
release. Call it inside the partner's context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from hub.connections.lifecycle import NotPossible, raise_release
from hub.connections.models import Connection
from hub.flows.models import Availability, Flow, Ownership
from hub.flows.settings import read_settings
from hub.mappings.conditions import compile_condition
from kernel.audit.record import record
from tenants.merchants.models import Environment

#: What `save_flow` may set.
FIELDS = ("title", "entity", "sources", "target_id", "resource", "condition", "settings", "active")


def save_flow(
    environment: Environment, slug: str, wanted: Mapping[str, Any], *, actor: str
) -> tuple[Flow, list[str]]:
    """Create the flow, or set what differs; returns it and the names of what changed.

    ``wanted``: values by name, see FIELDS. Raises NotPossible when another active flow owns the
    slot, MappingError and msgspec.ValidationError for a bad condition or bad settings.
    """
    compile_condition(wanted.get("condition"))
    read_settings(wanted.get("settings", {}))
    try:
        with transaction.atomic():
            flow = Flow.objects.select_for_update().filter(environment=environment, slug=slug)
            return _save(flow.first() or Flow(environment=environment, slug=slug), wanted, actor)
    except IntegrityError as error:
        if "one_active_flow_per_slot" not in str(error):
            raise
        raise NotPossible(
            f"Another active flow already writes {wanted.get('resource')} there: deactivate it "
            "first, or give this one another target."
        ) from error


def activate(flow: Flow, *, actor: str) -> None:
    """Route records through it from now on. Raises NotPossible (see `save_flow`)."""
    save_flow(flow.environment, flow.slug, {**_values(flow), "active": True}, actor=actor)
    flow.refresh_from_db()


def deactivate(flow: Flow, *, actor: str) -> None:
    """Route nothing new through it; what was delivered stays."""
    save_flow(flow.environment, flow.slug, {**_values(flow), "active": False}, actor=actor)
    flow.refresh_from_db()


def set_owners(
    environment: Environment,
    entity: str,
    group: str,
    connections: Iterable[Connection],
    *,
    actor: str,
) -> bool:
    """Make exactly these the owners of a field group; False if they were."""
    wanted = {connection.pk: connection for connection in connections}
    with transaction.atomic():
        rows = Ownership.objects.select_for_update().filter(
            environment=environment, entity=entity, group=group
        )
        present = {row.connection_id for row in rows}
        if present == set(wanted):
            return False
        rows.exclude(connection_id__in=wanted).delete()
        for key in wanted.keys() - present:
            Ownership.objects.create(
                environment=environment, entity=entity, group=group, connection_id=key
            )
        names = ", ".join(sorted(connection.title for connection in wanted.values()))
        detail = {"entity": entity, "group": group, "connections": names or "everyone"}
        record(actor, "ownership.set", f"environment:{environment.pk}", detail)
        raise_release(environment.pk)
    return True


def set_availability(
    environment: Environment,
    code: str,
    *,
    source: Connection,
    locations: Sequence[str],
    buffer: Decimal,
    actor: str,
) -> bool:
    """Say how *available to sell* is computed; False if it was said already."""
    with transaction.atomic():
        row = Availability.objects.select_for_update().filter(environment=environment, code=code)
        found = row.first() or Availability(environment=environment, code=code, source=source)
        same = (found.source_id, found.locations, found.buffer) == (
            source.pk,
            list(locations),
            buffer,
        )
        if same and not found._state.adding:
            return False
        found.source, found.locations, found.buffer = source, list(locations), buffer
        found.save()
        detail = {"code": code, "locations": ", ".join(locations), "buffer": str(buffer)}
        record(actor, "availability.set", f"environment:{environment.pk}", detail)
        raise_release(environment.pk)
    return True


def end_availability(row: Availability, *, actor: str) -> None:
    """Compute this level no longer; what was computed and delivered stays."""
    with transaction.atomic():
        subject = f"environment:{row.environment_id}"
        record(actor, "availability.ended", subject, {"code": row.code})
        raise_release(row.environment_id)
        row.delete()


def _save(flow: Flow, wanted: Mapping[str, Any], actor: str) -> tuple[Flow, list[str]]:
    new = flow._state.adding
    changed = [n for n in FIELDS if n in wanted and (new or getattr(flow, n) != wanted[n])]
    if not changed:
        return flow, []
    for name in changed:
        setattr(flow, name, wanted[name])
    flow.save()
    subject, detail = f"flow:{flow.pk}", {"title": flow.title, "fields": ", ".join(changed)}
    if new:
        record(actor, "flow.created", subject, {"title": flow.title, "slug": flow.slug})
    elif "active" in changed:
        record(actor, "flow.activated" if flow.active else "flow.deactivated", subject, detail)
    if not new and changed != ["active"]:
        record(actor, "flow.changed", subject, detail)
    raise_release(flow.environment_id)
    return flow, changed


def _values(flow: Flow) -> dict[str, Any]:
    return {name: getattr(flow, name) for name in FIELDS}
