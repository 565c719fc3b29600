"""What is there and no longer declared: named, and with ``--prune`` ended in the way of each.

Nothing is deleted that holds history: flows and mappings of a connection's own are deactivated,
connections are retired, a merchant's environments are paused, memberships end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hub.connections.models import Connection
from hub.flows.declaration import tables
from hub.flows.declaration.outcome import Outcome
from hub.flows.declaration.partners import ACTOR
from hub.flows.declaration.retired import is_retired, retire
from hub.flows.lifecycle import deactivate, end_availability, set_owners
from hub.flows.models import Availability, Flow, Ownership
from hub.mappings.lifecycle import restore_mapping
from hub.mappings.models import MappingOverride
from tenants.merchants.lifecycle import pause
from tenants.merchants.models import Environment, Merchant
from tenants.partners.models import Domain, Partner
from tenants.people.lifecycle import remove_member
from tenants.people.models import Membership, Role


@dataclass(frozen=True, slots=True)
class Pruning:
    """``on``: end what is left over; otherwise only name it."""

    on: bool
    outcome: Outcome

    def leftover(self, what: str, how: str, end: Callable[[], object]) -> None:
        """One thing that is no longer declared. ``how``: what ending it means."""
        if self.on:
            end()
            self.outcome.add("-", what, how)
        else:
            self.outcome.add("?", what, f"not in the file; --prune: {how}")


def prune_merchants(table: tables.PartnerTable, pruning: Pruning) -> None:
    """Merchants the file doesn't name: their environments are paused. In the partner's context."""
    declared = [merchant.slug for merchant in table.merchants]
    rows = Environment.objects.select_related("merchant").exclude(merchant__slug__in=declared)
    for environment in rows.filter(paused=False).order_by("merchant__slug", "kind"):
        _prune_environment(environment, pruning)


def prune_merchant(table: tables.MerchantTable, merchant: Merchant, pruning: Pruning) -> None:
    """What a declared merchant has beyond its declaration. In the partner's context.

    Call it before flows are settled: what ends here may free a slot.
    """
    for environment in merchant.environments.order_by("kind"):
        if environment.kind not in table.environments:
            if not environment.paused:
                _prune_environment(environment, pruning)
            continue
        place = _Place(table, environment, pruning)
        place.flows()
        place.mappings()
        place.ownership()
        place.availability()
        place.connections()


def prune_people(table: tables.PartnerTable, partner: Partner, pruning: Pruning) -> None:
    """Memberships the file doesn't name; the last owner stays. In the public schema."""
    declared = {person.email.strip().lower() for person in table.people}
    members = Membership.objects.filter(partner=partner).select_related("user")
    owners = {m.pk for m in members if m.role == Role.OWNER}
    for member in members.order_by("user__email"):
        if member.user.email in declared:
            continue
        what = f"person {member.user.email} at {table.slug}"
        if owners == {member.pk}:
            pruning.outcome.add("?", what, "not in the file; stays, as the last owner")
            continue
        owners.discard(member.pk)
        pruning.leftover(what, "the membership ends", partial(remove_member, member, actor=ACTOR))


def name_hosts(table: tables.PartnerTable, partner: Partner, pruning: Pruning) -> None:
    """Hosts stay: one that was given up could be claimed by a stranger."""
    declared = {table.domain or f"{table.slug}.localhost", *table.more_domains}
    rows = Domain.objects.filter(tenant=partner).exclude(domain__in=declared)
    for host in rows.order_by("domain").values_list("domain", flat=True):
        pruning.outcome.add("?", f"host {host} of {table.slug}", "not in the file; stays")


def _prune_environment(environment: Environment, pruning: Pruning) -> None:
    pruning.leftover(
        f"environment {environment.merchant.slug}/{environment.kind}",
        "paused; everything in it stays",
        partial(pause, environment, actor=ACTOR),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """One declared environment, against its declaration."""

    table: tables.MerchantTable
    environment: Environment
    pruning: Pruning

    def _what(self, kind: str, name: str) -> str:
        return f"{kind} {self.table.slug}/{name}"

    def flows(self) -> None:
        declared = [f.slug for f in self.table.flows if f.environment == self.environment.kind]
        rows = Flow.objects.filter(environment=self.environment, active=True)
        for flow in rows.exclude(slug__in=declared):
            self.pruning.leftover(
                self._what("flow", flow.slug),
                "deactivated",
                partial(deactivate, flow, actor=ACTOR),
            )

    def mappings(self) -> None:
        declared = {
            (m.connection, m.name)
            for m in self.table.mappings
            if m.environment == self.environment.kind
        }
        rows = MappingOverride.objects.filter(
            connection__environment=self.environment, active=True
        ).select_related("connection")
        for own in rows.order_by("connection__slug", "name"):
            if (own.connection.slug, own.name) not in declared:
                self.pruning.leftover(
                    f"mapping {own.name} of {self.table.slug}/{own.connection.slug}",
                    "the connector's own is in force again",
                    partial(restore_mapping, own.connection, own.name, actor=ACTOR),
                )

    def ownership(self) -> None:
        declared = {
            (o.entity, o.group)
            for o in self.table.ownership
            if o.environment == self.environment.kind
        }
        rows = Ownership.objects.filter(environment=self.environment).order_by("entity", "group")
        for entity, group in dict.fromkeys(rows.values_list("entity", "group")):
            if (entity, group) not in declared:
                self.pruning.leftover(
                    f"ownership {self.table.slug}: {entity}.{group}",
                    "every connection may speak",
                    partial(set_owners, self.environment, entity, group, [], actor=ACTOR),
                )

    def availability(self) -> None:
        declared = [a.code for a in self.table.availability
                    if a.environment == self.environment.kind]  # fmt: skip
        rows = Availability.objects.filter(environment=self.environment)
        for row in rows.exclude(code__in=declared):
            self.pruning.leftover(
                f"availability {self.table.slug}: {row.code}",
                "no longer computed",
                partial(end_availability, row, actor=ACTOR),
            )

    def connections(self) -> None:
        declared = [c.slug for c in self.table.connections
                    if c.environment == self.environment.kind]  # fmt: skip
        rows = Connection.objects.filter(environment=self.environment)
        for connection in rows.exclude(slug__in=declared):
            if not is_retired(connection):
                self.pruning.leftover(
                    self._what("connection", connection.slug),
                    "paused for good; what it told stays",
                    partial(retire, connection, actor=ACTOR),
                )
