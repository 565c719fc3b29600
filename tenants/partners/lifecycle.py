"""Every change of a partner's state, host and look, audited in the platform's audit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from kernel.audit.record import record
from tenants.context import public_context
from tenants.partners import colours, provisioning
from tenants.partners.colours import DARK_SURFACE, LIGHT_SURFACE, Corrected
from tenants.partners.logo import Logo, encoded
from tenants.partners.models import Brand, Domain, Partner

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")


class NotPossible(ValueError):
    """The request can't be carried out as asked; the message says what to ask instead."""


def create_partner(
    slug: str, name: str, host: str, *, actor: str, product_name: str = "", verified: bool = True
) -> Partner:
    """Make a partner with its own schema, first host and a plain brand; under a second.

    ``host``: lower case, no port. ``verified``: whether the caller vouches for the host (an
    operator, the demo); otherwise it answers 404 until `verify_domain`. Raises NotPossible.
    """
    if not SLUG.fullmatch(slug):
        raise NotPossible(
            f"{slug!r} can't be a partner's short name: use lower-case letters, digits and "
            "hyphens, at most 40."
        )
    with public_context(), transaction.atomic():
        if Partner.objects.filter(slug=slug).exists():
            raise NotPossible(f"A partner {slug!r} exists already: choose another short name.")
        partner = Partner(slug=slug, name=name, schema_name=provisioning.new_schema())
        partner.save()
        Brand.objects.create(partner=partner, product_name=product_name or name)
        record(actor, "partner.created", _subject(partner), {"name": name, "slug": slug})
        add_domain(partner, host, actor=actor, verified=verified)
    return partner


def add_domain(partner: Partner, host: str, *, actor: str, verified: bool = False) -> Domain:
    """Claim a host for the partner. Raises NotPossible if it isn't one or somebody has it."""
    host = host.strip().lower().rstrip(".")
    if not HOST.fullmatch(host):
        raise NotPossible(f"{host!r} is not a host name: write it like portal.example.com.")
    with public_context(), transaction.atomic():
        if Domain.objects.filter(domain=host).exists():
            raise NotPossible(f"The host {host} is in use already: choose another one.")
        domain = Domain(tenant=partner, domain=host, is_primary=not partner.domains.exists())
        domain.verified_at = timezone.now() if verified else None
        domain.save()
        record(actor, "domain.added", _subject(partner), {"host": host, "verified": verified})
    return domain


def verify_domain(domain: Domain, *, actor: str) -> None:
    """The host was proved to be the partner's; from now on it is served."""
    with public_context(), transaction.atomic():
        domain.verified_at = timezone.now()
        domain.save()
        record(actor, "domain.verified", _subject(domain.tenant), {"host": domain.domain})


def suspend(partner: Partner, *, actor: str, reason: str) -> None:
    """Close the portal (503 in its brand); receipt of webhooks goes on, nothing is lost."""
    _move(partner, Partner.State.SUSPENDED, actor, "partner.suspended", {"reason": reason})


def resume(partner: Partner, *, actor: str) -> None:
    """Lift a suspension."""
    _move(partner, Partner.State.ACTIVE, actor, "partner.resumed", {})


def _move(
    partner: Partner, state: Partner.State, actor: str, act: str, detail: dict[str, str]
) -> None:
    with public_context(), transaction.atomic():
        row = Partner.objects.select_for_update().get(pk=partner.pk)
        if row.state == Partner.State.CLOSING:
            raise NotPossible(f"{row.name} is being closed; its state can't change any more.")
        if row.state != state:
            row.state = state
            row.save(update_fields=["state"])
            record(actor, act, _subject(partner), {"name": row.name, **detail})
    partner.state = state


@dataclass(frozen=True, slots=True)
class Look:
    """What a partner wants to look like. Colours "#rrggbb"; ``logo``: raster bytes or None."""

    product_name: str
    primary: str = colours.DEFAULT_PRIMARY
    accent: str = colours.DEFAULT_ACCENT
    logo: bytes | None = None
    support_email: str = ""
    support_phone: str = ""
    support_url: str = ""


def dress(partner: Partner, look: Look, *, actor: str) -> dict[str, Corrected]:
    """Set the brand; returns each colour as asked and as used, with its contrast.

    Keys: primary, accent, primary_dark, accent_dark. Without a new logo the old one stays.
    Raises NotAColour and `tenants.partners.logo.NotAPicture`.
    """
    shown = corrected_colours(look.primary, look.accent)
    logo: Logo | None = encoded(look.logo) if look.logo is not None else None
    with public_context(), transaction.atomic():
        brand = Brand.objects.select_for_update().filter(partner=partner).first()
        brand = brand or Brand(partner=partner)
        wanted = {
            "product_name": look.product_name,
            "support_email": look.support_email,
            "support_phone": look.support_phone,
            "support_url": look.support_url,
            **{name: colour.used for name, colour in shown.items()},
            **({"logo": logo.body, "logo_type": logo.content_type} if logo else {}),
        }
        changed = sorted(name for name, value in wanted.items() if getattr(brand, name) != value)
        for name in changed:
            setattr(brand, name, wanted[name])
        brand.save()
        record(actor, "brand.changed", _subject(partner), {"fields": ", ".join(changed)})
    partner.brand = brand
    return shown


def corrected_colours(primary: str, accent: str) -> dict[str, Corrected]:
    """Both colours, for light and dark surfaces, readable. Raises NotAColour."""
    return {
        "primary": colours.corrected(primary, LIGHT_SURFACE),
        "accent": colours.corrected(accent, LIGHT_SURFACE),
        "primary_dark": colours.corrected(primary, DARK_SURFACE),
        "accent_dark": colours.corrected(accent, DARK_SURFACE),
    }


def _subject(partner: Partner) -> str:
    return f"partner:{partner.pk}"
