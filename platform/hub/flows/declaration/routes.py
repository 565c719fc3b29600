"""The declared ownership, availability and flows. Inside the partner's context."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from hub.flows.declaration import tables
from hub.flows.declaration.merchants import Connected, Environments
from hub.flows.declaration.outcome import Outcome, differences
from hub.flows.declaration.partners import ACTOR
from hub.flows.lifecycle import save_flow, set_availability, set_owners
from hub.flows.models import Availability, Flow, Ownership


def settle_ownership(
    merchant: tables.MerchantTable,
    environments: Environments,
    connected: Connected,
    outcome: Outcome,
) -> None:
    for table in merchant.ownership:
        environment = environments[table.environment]
        rows = Ownership.objects.filter(
            environment=environment, entity=table.entity, group=table.group
        )
        old = sorted(rows.values_list("connection__slug", flat=True))
        owners = [connected[table.environment, slug] for slug in table.connections]
        set_owners(environment, table.entity, table.group, owners, actor=ACTOR)
        new = sorted(set(table.connections))
        details = differences({"owners": old}, {"owners": new}) if old else []
        what = f"ownership {merchant.slug}: {table.entity}.{table.group}"
        outcome.settled(what, bool(new and not old), details)


def settle_availability(
    merchant: tables.MerchantTable,
    environments: Environments,
    connected: Connected,
    outcome: Outcome,
) -> None:
    for table in merchant.availability:
        environment = environments[table.environment]
        row = Availability.objects.filter(environment=environment, code=table.code).first()
        old = {
            "source": row and row.source.slug,
            "locations": row and row.locations,
            "buffer": row and row.buffer,
        }
        buffer = Decimal(table.buffer)
        new = {"source": table.source, "locations": table.locations, "buffer": buffer}
        set_availability(
            environment,
            table.code,
            source=connected[table.environment, table.source],
            locations=table.locations,
            buffer=buffer,
            actor=ACTOR,
        )
        details = differences(old, new) if row else []
        outcome.settled(f"availability {merchant.slug}: {table.code}", row is None, details)


def settle_flows(
    merchant: tables.MerchantTable,
    environments: Environments,
    connected: Connected,
    outcome: Outcome,
) -> None:
    """Those to be deactivated go first: they may free a slot for another."""
    for table in sorted(merchant.flows, key=lambda flow: flow.active):
        environment = environments[table.environment]
        wanted = _wanted(table, connected)
        found = Flow.objects.filter(environment=environment, slug=table.slug).first()
        old = {name: getattr(found, name) for name in wanted} if found else {}
        save_flow(environment, table.slug, wanted, actor=ACTOR)
        details = differences(old, wanted) if found else []
        outcome.settled(f"flow {merchant.slug}/{table.slug}", found is None, details)


def _wanted(table: tables.FlowTable, connected: Connected) -> dict[str, Any]:
    return {
        "title": table.title or table.slug.replace("-", " ").capitalize(),
        "entity": table.entity,
        "sources": [str(connected[table.environment, slug].pk) for slug in table.sources],
        "target_id": connected[table.environment, table.target].pk,
        "resource": table.resource,
        "condition": table.condition,
        "settings": msgspec.to_builtins(table.settings),
        "active": table.active,
    }
