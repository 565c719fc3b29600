"""What an environment wants done: its flows, who owns what, how availability is computed.

Read inside the transaction that uses it, under a share lock on the environment, so that two
workers never act on two releases of the same record (engine.md section 9, mixed releases).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from connectors.sdk.manifest import Resource
from hub.connections.models import Connection
from hub.connections.selectors import manifest_of
from hub.flows.models import Availability, Flow, Ownership
from hub.flows.settings import FlowSettings
from hub.mappings.conditions import compile_condition
from hub.sync.sql import rows
from tenants.context import current_schema


@dataclass(frozen=True, slots=True)
class Route:
    """An active flow, ready to be asked. ``sources``: empty = records of any origin."""

    flow_id: uuid.UUID
    slug: str
    entity: str
    sources: frozenset[uuid.UUID]
    target: uuid.UUID
    resource: Resource
    matches: Callable[[dict[str, Any]], bool]
    settings: FlowSettings


@dataclass(frozen=True, slots=True)
class Rule:
    """How one *available to sell* figure is computed. The first location ships web orders."""

    code: str
    locations: tuple[str, ...]
    buffer: Decimal
    source: uuid.UUID


@dataclass(frozen=True, slots=True)
class Plan:
    environment: uuid.UUID
    merchant: str
    release: int
    paused: bool
    routes: dict[str, list[Route]] = field(default_factory=dict)
    owners: dict[tuple[str, str], frozenset[uuid.UUID]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def route(self, target: uuid.UUID, resource: str, entity: str) -> Route | None:
        """The active flow that owns a slot for an entity."""
        for route in self.routes.get(entity, ()):
            if route.target == target and route.resource.name == resource:
                return route
        return None


_cache: dict[tuple[str, uuid.UUID], tuple[int, Plan]] = {}


def plan_of(environment: uuid.UUID) -> Plan:
    """The plan in force. Inside a transaction it stays in force until the transaction ends.

    Whoever changes a flow, an ownership, a mapping or an availability raises the environment's
    release in the same transaction (`hub.flows.lifecycle`), so the number tells what is stale.
    """
    lock = "FOR SHARE OF e" if connection.in_atomic_block else ""
    release, paused, merchant = rows(
        "SELECT e.release, e.paused, m.slug FROM merchants_environment e"  # noqa: S608
        f" JOIN merchants_merchant m ON m.id = e.merchant_id WHERE e.id = %s {lock}",
        [environment],
    )[0]
    place = (current_schema(), environment)
    known = _cache.get(place)
    if known is not None and known[0] == release and known[1].paused == paused:
        return known[1]
    plan = _load(environment, merchant, release, paused)
    _cache[place] = (release, plan)
    return plan


def _load(environment: uuid.UUID, merchant: str, release: int, paused: bool) -> Plan:
    routes: dict[str, list[Route]] = {}
    flows = Flow.objects.filter(environment_id=environment, active=True).select_related("target")
    for flow in flows.order_by("slug"):
        routes.setdefault(flow.entity, []).append(_route(flow))
    owners: dict[tuple[str, str], frozenset[uuid.UUID]] = {}
    for entity, group, owner in Ownership.objects.filter(environment_id=environment).values_list(
        "entity", "group", "connection_id"
    ):
        owners[entity, group] = owners.get((entity, group), frozenset()) | {owner}
    rules = tuple(
        Rule(a.code, tuple(a.locations), a.buffer, a.source_id)
        for a in Availability.objects.filter(environment_id=environment).order_by("code")
    )
    return Plan(environment, merchant, release, paused, routes, owners, rules)


def _route(flow: Flow) -> Route:
    target: Connection = flow.target
    return Route(
        flow_id=flow.id,
        slug=flow.slug,
        entity=flow.entity,
        sources=frozenset(uuid.UUID(s) for s in flow.sources),
        target=target.id,
        resource=manifest_of(target).resource(flow.resource),
        matches=compile_condition(flow.condition),
        settings=flow.behaviour,
    )
