"""Bring an installation to what a file declares: all of it is right, or nothing is changed."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from hub.connections.lifecycle import NotPossible as ConnectionNotPossible
from hub.flows.declaration.document import DeclarationError, Document, read
from hub.flows.declaration.examine import examine
from hub.flows.declaration.merchants import settle_connections, settle_merchant
from hub.flows.declaration.outcome import Outcome
from hub.flows.declaration.partners import settle_partner, settle_people
from hub.flows.declaration.prune import (
    Pruning,
    name_hosts,
    prune_merchant,
    prune_merchants,
    prune_people,
)
from hub.flows.declaration.routes import settle_availability, settle_flows, settle_ownership
from hub.flows.declaration.tables import PartnerTable
from tenants.context import partner_context, public_context
from tenants.partners.lifecycle import NotPossible as PartnerNotPossible
from tenants.partners.logo import NotAPicture
from tenants.people.lifecycle import NotPossible as PersonNotPossible

_REFUSALS = (ConnectionNotPossible, PartnerNotPossible, PersonNotPossible, NotAPicture)


class _Rehearsed(Exception):
    """Ends a rehearsal: everything was done, now undo it."""


def apply(
    path: Path, *, dry_run: bool = False, prune: bool = False, keep_secrets: bool = False
) -> Outcome:
    """Apply the file; each partner is one transaction. Things it doesn't name are left, and named.

    ``dry_run``: do the same and roll it back, so the plan can't differ from the act.
    ``prune``: what a named partner has beyond the file is ended (`hub.flows.declaration.prune`).
    ``keep_secrets``: existing connections keep the secrets that are not given outside.
    Raises DeclarationError naming every problem of the file, or the one that only the database
    could know; the partner it is in, and those after it, are then unchanged.
    """
    document = read(path, keep_secrets=keep_secrets)
    problems = examine(document)
    if problems:
        raise DeclarationError(problems)
    outcome = Outcome()
    for table in document.declared.partners:
        try:
            with public_context(), transaction.atomic():
                _settle(document, table, outcome, Pruning(prune, outcome))
                if dry_run:
                    raise _Rehearsed
        except _Rehearsed:
            continue
        except _REFUSALS as error:
            raise DeclarationError([f'{path}: [partners "{table.slug}"] {error}']) from error
    return outcome


def _settle(document: Document, table: PartnerTable, outcome: Outcome, pruning: Pruning) -> None:
    partner = settle_partner(document, table, outcome)
    ids = {}
    with partner_context(partner):
        for declared in table.merchants:
            merchant, environments = settle_merchant(declared, outcome)
            ids[declared.slug] = merchant.pk
            connected = settle_connections(document, declared, environments, outcome)
            prune_merchant(declared, merchant, pruning)
            settle_ownership(declared, environments, connected, outcome)
            settle_availability(declared, environments, connected, outcome)
            settle_flows(declared, environments, connected, outcome)
        prune_merchants(table, pruning)
    settle_people(document, table, partner, ids, outcome)
    prune_people(table, partner, pruning)
    name_hosts(table, partner, pruning)
