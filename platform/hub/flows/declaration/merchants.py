"""The declared merchants, their environments and connections. Inside the partner's context."""

from __future__ import annotations

from typing import Any

from connectors.registry import connectors
from hub.connections import lifecycle
from hub.connections.models import Connection
from hub.connections.selectors import connection_by_slug, takes_pushes
from hub.flows.declaration import tables
from hub.flows.declaration.document import Document
from hub.flows.declaration.examine import rules_of
from hub.flows.declaration.outcome import Outcome, differences
from hub.flows.declaration.partners import ACTOR
from hub.flows.declaration.retired import bring_back
from hub.flows.declaration.values import NotThere, is_given, resolved, text_of
from hub.mappings.lifecycle import replace_mapping
from hub.mappings.selectors import active_override
from kernel.security import vault
from tenants.context import current_schema
from tenants.merchants.lifecycle import create_environment, create_merchant
from tenants.merchants.models import Environment, Merchant

#: Environments of a merchant by kind, and their connections by (kind, slug).
Environments = dict[str, Environment]
Connected = dict[tuple[str, str], Connection]


def settle_merchant(table: tables.MerchantTable, outcome: Outcome) -> tuple[Merchant, Environments]:
    """Currency and time zone of an existing merchant are told apart, but never changed here:
    documents were made under them."""
    merchant = Merchant.objects.filter(slug=table.slug).first()
    new = merchant is None
    if merchant is None:
        merchant = create_merchant(
            table.slug, table.name, actor=ACTOR, currency=table.currency, time_zone=table.time_zone
        )
    wanted = {"name": table.name, "currency": table.currency, "time_zone": table.time_zone}
    clash = differences({name: getattr(merchant, name) for name in wanted}, wanted)
    if clash:
        raise lifecycle.NotPossible(
            f"The merchant {table.slug} is there already and differs ({'; '.join(clash)}): write "
            "what it is, or change it in the portal."
        )
    outcome.settled(f"merchant {table.slug}", new, [])
    environments = {e.kind: e for e in merchant.environments.all()}
    for kind in table.environments:
        if kind not in environments:
            environments[kind] = create_environment(merchant, kind, actor=ACTOR)
            outcome.add("+", f"environment {table.slug}/{kind}")
    return merchant, environments


def settle_connections(
    document: Document,
    merchant: tables.MerchantTable,
    environments: Environments,
    outcome: Outcome,
) -> Connected:
    """The merchant's connections with settings, secrets, lookups and mappings of their own."""
    connected: Connected = {}
    for table in merchant.connections:
        environment = environments[table.environment]
        connection = connection_by_slug(environment, table.slug)
        what = f"connection {merchant.slug}/{table.slug}"
        if connection is None:
            connection = _connect(document, table, environment)
            secrets = [f"{name}: set" for name in sorted(table.secrets)]
            outcome.add("+", what, f"connector: {table.connector}", *secrets)
        else:
            back = bring_back(connection, actor=ACTOR)
            details = ["state: retired → active"] if back else []
            details += _update(document, table, connection)
            outcome.settled(what, False, details)
        connected[table.environment, table.slug] = connection
        if takes_pushes(connection):
            outcome.subscribable.append((current_schema(), connection.pk))
    for mapping in merchant.mappings:
        connection = connected[mapping.environment, mapping.connection]
        _mapping(document, merchant, mapping, connection, outcome)
    return connected


def _title(table: tables.ConnectionTable) -> str:
    return table.title or connectors()[table.connector].manifest.title


def _connect(
    document: Document, table: tables.ConnectionTable, environment: Environment
) -> Connection:
    try:
        secrets = {name: text_of(document, value) for name, value in table.secrets.items()}
    except NotThere as error:
        raise lifecycle.NotPossible(f"The connection {table.slug} is new: {error}") from error
    return lifecycle.connect(
        environment,
        slug=table.slug,
        title=_title(table),
        connector=table.connector,
        config=resolved(document, table.config),
        secrets=secrets,
        lookups=table.lookups,
        actor=ACTOR,
    )


def _update(document: Document, table: tables.ConnectionTable, connection: Connection) -> list[str]:
    if connection.connector != table.connector:
        raise lifecycle.NotPossible(
            f"The connection {table.slug} is a {connection.connector} and can't become a "
            f"{table.connector}: give the new one another slug."
        )
    wanted: dict[str, Any] = {
        "title": _title(table),
        "config": resolved(document, table.config),
        "lookups": table.lookups,
    }
    details = differences({"title": connection.title}, {"title": wanted["title"]})
    details += _nested("config", connection.config, wanted["config"])
    details += _nested("lookups", connection.lookups, wanted["lookups"])
    if details:
        lifecycle.change(connection, actor=ACTOR, **wanted)
    stored = vault.get_all(connection.pk)
    for name, value in sorted(table.secrets.items()):
        if document.keep_secrets and name in stored and not is_given(document, value):
            continue
        secret = text_of(document, value)
        if stored.get(name) != secret:
            lifecycle.store_secret(connection, name, secret, actor=ACTOR)
            details.append(f"{name}: {'changed' if name in stored else 'set'}")
    return details


def _nested(what: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    gone = {name: None for name in old if name not in new}
    return [f"{what}.{line}" for line in differences(old, {**new, **gone})]


def _mapping(
    document: Document,
    merchant: tables.MerchantTable,
    table: tables.Mapping,
    connection: Connection,
    outcome: Outcome,
) -> None:
    rules = rules_of(document, table)
    what = f"mapping {table.name} of {merchant.slug}/{table.connection}"
    present = active_override(connection, table.name)
    if present is not None and present.rules == rules:
        outcome.add("=", what)
        return
    made = replace_mapping(connection, table.name, rules, actor=ACTOR)
    details = [f"version: {present.version} → {made.version}"] if present else []
    outcome.settled(what, present is None, details)
