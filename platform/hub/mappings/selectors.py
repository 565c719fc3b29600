"""The mapping in force for a connection, compiled once."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.registry import connectors
from connectors.sdk.manifest import Manifest
from hub.connections.models import Connection
from hub.mappings.from_canonical import FromCanonical
from hub.mappings.models import MappingOverride
from hub.mappings.rules import compile_rules
from hub.mappings.to_canonical import ToCanonical

#: More than this many compiled mappings are not kept; then all are forgotten and made again.
MOST_KEPT = 5_000

_kept: dict[tuple[UUID, str], tuple[datetime, ToCanonical | FromCanonical]] = {}


class NoMapping(LookupError):
    """Neither the connection nor its connector has a mapping of that name."""


def mapping_for(connection: Connection, name: str) -> Any:
    """The compiled mapping ``<stream>.<entity>`` (ToCanonical) or ``<entity>.<resource>``
    (FromCanonical): the connection's own, else the connector's.

    No query while the connection is unchanged: whatever changes it, its lookups or its mappings
    moves ``changed_at`` (`hub.connections.lifecycle`, `hub.mappings.lifecycle`).
    Raises NoMapping, and MappingError for rules that don't compile.
    """
    key = (connection.id, name)
    kept = _kept.get(key)
    if kept is not None and kept[0] == connection.changed_at:
        return kept[1]
    compiled = compile_rules(rules_for(connection, name), connection.lookups)
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[key] = (connection.changed_at, compiled)
    return compiled


def rules_for(connection: Connection, name: str) -> dict[str, Any]:
    """The rules in force, as data. Raises NoMapping."""
    own = active_override(connection, name)
    if own is not None:
        rules: dict[str, Any] = own.rules
        return rules
    return shipped_rules(connection.connector, name)


def active_override(connection: Connection, name: str) -> MappingOverride | None:
    """The connection's own mapping of that name, if it has one."""
    return MappingOverride.objects.filter(connection=connection, name=name, active=True).first()


def shipped_rules(connector: str, name: str) -> dict[str, Any]:
    """The connector's own file. Raises NoMapping."""
    try:
        text = shipped_path(connector, name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NoMapping(
            f"The connector {connector} has no mapping {name}: add one to the connection."
        ) from None
    rules: dict[str, Any] = json.loads(text)
    return rules


def shipped_path(connector: str, name: str) -> Path:
    """Where the connector keeps that mapping."""
    return connectors()[connector].manifest.folder / "mappings" / f"{name}.json"


def mapping_names(manifest: Manifest) -> list[str]:
    """Every mapping a connection needs: one per stream and entity, one per resource."""
    inward = [f"{s.name}.{entity}" for s in manifest.streams for entity in s.produces]
    return inward + [f"{r.entity}.{r.name}" for r in manifest.resources]
