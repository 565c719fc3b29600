"""The declared partner: its host, look and people."""

from __future__ import annotations

from uuid import UUID

from hub.flows.declaration import tables
from hub.flows.declaration.document import Document
from hub.flows.declaration.outcome import Outcome, differences
from hub.flows.declaration.values import bytes_of, text_of
from tenants.partners import lifecycle
from tenants.partners.logo import encoded
from tenants.partners.models import Brand, Domain, Partner
from tenants.people import lifecycle as people
from tenants.people.models import Membership

ACTOR = "command:apply"


def settle_partner(document: Document, table: tables.PartnerTable, outcome: Outcome) -> Partner:
    """Call it in the public schema. Raises NotPossible of `tenants.partners.lifecycle`."""
    host = table.domain or f"{table.slug}.localhost"
    partner = Partner.objects.filter(slug=table.slug).first()
    if partner is None:
        partner = lifecycle.create_partner(table.slug, table.name, host, actor=ACTOR)
        outcome.add("+", f"partner {table.slug}", f"host: {host}")
    elif partner.state == Partner.State.CLOSING:
        raise lifecycle.NotPossible(
            "It is being deleted: wait until that is done, or take it out of the file."
        )
    else:
        details = _host(partner, host)
        outcome.settled(f"partner {table.slug}", False, details)
    for more in table.more_domains:
        if details := _host(partner, more):
            outcome.add("~", f"partner {table.slug}", *details)
    _brand(document, table, partner, outcome)
    return partner


def _host(partner: Partner, host: str) -> list[str]:
    domain = Domain.objects.filter(domain=host, tenant=partner).first()
    if domain is None:
        lifecycle.add_domain(partner, host, actor=ACTOR, verified=True)
        return [f"host: {host} added"]
    if domain.verified_at is None:
        lifecycle.verify_domain(domain, actor=ACTOR)
        return [f"host: {host} verified"]
    return []


def _brand(
    document: Document, table: tables.PartnerTable, partner: Partner, outcome: Outcome
) -> None:
    wanted = table.brand
    look = lifecycle.Look(
        product_name=wanted.product_name or table.name,
        logo=bytes_of(document, wanted.logo) if wanted.logo else None,
        support_email=wanted.support_email,
        support_phone=wanted.support_phone,
        support_url=wanted.support_url,
        **{n: v for n in ("primary", "accent") if (v := getattr(wanted, n)) is not None},
    )
    brand = Brand.objects.filter(partner=partner).first() or Brand(partner=partner)
    shown = lifecycle.corrected_colours(look.primary, look.accent)
    values = {
        "product_name": look.product_name,
        "support_email": look.support_email,
        "support_phone": look.support_phone,
        "support_url": look.support_url,
        **{name: colour.used for name, colour in shown.items()},
    }
    details = differences({name: getattr(brand, name) for name in values}, values)
    if look.logo is not None and encoded(look.logo).body != bytes(brand.logo or b""):
        details.append("logo: changed")
    if details:
        lifecycle.dress(partner, look, actor=ACTOR)
    outcome.settled(f"brand of {table.slug}", False, details)


def settle_people(
    document: Document,
    table: tables.PartnerTable,
    partner: Partner,
    merchants: dict[str, UUID],
    outcome: Outcome,
) -> None:
    """``merchants``: ids by slug. An existing account keeps its password."""
    for person in table.people:
        email = person.email.strip().lower()
        ids = None if person.merchants is None else [merchants[slug] for slug in person.merchants]
        found = Membership.objects.filter(partner=partner, user__email=email).first()
        old = {"role": found.role, "merchants": found.merchant_ids} if found else {}
        details = differences(old, {"role": person.role, "merchants": ids})
        if found is None or details:
            people.add_member(
                partner,
                email,
                person.role,
                actor=ACTOR,
                password=text_of(document, person.password) if person.password else None,
                merchant_ids=ids,
            )
        if found is None:
            details = [f"role: {person.role}"]
        outcome.settled(f"person {email} at {table.slug}", found is None, details)
