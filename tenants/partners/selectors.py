"""Reads about partners, their hosts and brands. All rows are in `public`."""

from __future__ import annotations

from django.db.models import QuerySet

from tenants.partners.models import Brand, Domain, Partner


def partner_by_host(host: str) -> Partner | None:
    """The partner whose *verified* domain is ``host`` (lower case, no port), with its brand."""
    domain = (
        Domain.objects.select_related("tenant__brand")
        .filter(domain=host, verified_at__isnull=False)
        .first()
    )
    return domain.tenant if domain else None


def partner_by_slug(slug: str) -> Partner:
    """Raises Partner.DoesNotExist."""
    return Partner.objects.select_related("brand").get(slug=slug)


def partner_by_schema(schema: str) -> Partner:
    """Raises Partner.DoesNotExist."""
    return Partner.objects.select_related("brand").get(schema_name=schema)


def open_partners() -> QuerySet[Partner]:
    """Partners whose work goes on: active and suspended ones, not those closing."""
    return Partner.objects.exclude(state=Partner.State.CLOSING)


def primary_host(partner: Partner) -> str | None:
    """The verified host to show in links, or None while none is verified."""
    rows = Domain.objects.filter(tenant=partner, verified_at__isnull=False)
    return rows.order_by("-is_primary", "id").values_list("domain", flat=True).first()


def brand_of(partner: Partner) -> Brand:
    """The partner's brand; a plain one with its name until it has set one."""
    try:
        return partner.brand
    except Brand.DoesNotExist:
        return Brand(partner=partner, product_name=partner.name)
