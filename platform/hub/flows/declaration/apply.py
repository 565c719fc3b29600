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
from hub.flows.declaration.routes import settle_availability, settle_flows, settle_ownership
from hub.flows.declaration.tables import PartnerTable
from tenants.context import partner_context, public_context
from tenants.partners.lifecycle import NotPossible as PartnerNotPossible
from tenants.partners.logo import NotAPicture
from tenants.people.lifecycle import NotPossible as PersonNotPossible

_REFUSALS = (ConnectionNotPossible, PartnerNotPossible, PersonNotPossible, NotAPicture)


class _Rehearsed(Exception):
    """Ends a rehearsal: everything was done, now undo it."""


def apply(path: Path, *, dry_run: bool = False) -> Outcome:
    """Apply the file; each partner is one transaction. Things it doesn't name stay as they are.

    ``dry_run``: do the same and roll it back, so the plan can't differ from the act.
    Raises DeclarationError naming every problem of the file, or the one that only the database
    could know; the partner it is in, and those after it, are then unchanged.
    """
    document = read(path)
    problems = examine(document)
    if problems:
        raise DeclarationError(problems)
    outcome = Outcome()
    for table in document.declared.partners:
        try:
            with public_context(), transaction.atomic():
                _settle(document, table, outcome)
                if dry_run:
                    raise _Rehearsed
        except _Rehearsed:
            continue
        except _REFUSALS as error:
            raise DeclarationError([f'{path}: [partners "{table.slug}"] {error}']) from error
    return outcome


def _settle(document: Document, table: PartnerTable, outcome: Outcome) -> None:
    partner = settle_partner(document, table, outcome)
    ids = {}
    with partner_context(partner):
        for declared in table.merchants:
            merchant, environments = settle_merchant(declared, outcome)
            ids[declared.slug] = merchant.pk
            connected = settle_connections(document, declared, environments, outcome)
            settle_ownership(declared, environments, connected, outcome)
            settle_availability(declared, environments, connected, outcome)
            settle_flows(declared, environments, connected, outcome)
    settle_people(document, table, partner, ids, outcome)
