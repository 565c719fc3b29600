"""Every change of a merchant or environment, audited. Call it inside the partner's context."""

from __future__ import annotations

from django.db import transaction

from kernel.audit.record import record
from tenants.merchants.models import Environment, Merchant


def create_merchant(
    slug: str, name: str, *, actor: str, currency: str = "EUR", time_zone: str = "UTC"
) -> Merchant:
    """A merchant with its production environment. Raises IntegrityError if the slug is taken."""
    with transaction.atomic():
        merchant = Merchant.objects.create(
            slug=slug, name=name, currency=currency, time_zone=time_zone
        )
        record(actor, "merchant.created", f"merchant:{merchant.pk}", {"name": name, "slug": slug})
        create_environment(merchant, Environment.Kind.PRODUCTION, actor=actor)
    return merchant


def create_environment(merchant: Merchant, kind: str, *, actor: str) -> Environment:
    """Raises IntegrityError if the merchant has an environment of that kind."""
    with transaction.atomic():
        environment = Environment.objects.create(merchant=merchant, kind=kind)
        detail = {"kind": str(kind), "merchant": merchant.name}
        record(actor, "environment.created", f"environment:{environment.pk}", detail)
    return environment


def pause(environment: Environment, *, actor: str) -> None:
    """Send nothing more from this environment; what arrives is still kept."""
    _set_paused(environment, True, actor)


def resume(environment: Environment, *, actor: str) -> None:
    """Go on sending."""
    _set_paused(environment, False, actor)


def _set_paused(environment: Environment, paused: bool, actor: str) -> None:
    with transaction.atomic():
        row = Environment.objects.select_for_update().get(pk=environment.pk)
        if row.paused != paused:
            row.paused = paused
            row.save(update_fields=["paused"])
            act = "environment.paused" if paused else "environment.resumed"
            detail = {"kind": row.kind, "merchant": row.merchant.name}
            record(actor, act, f"environment:{row.pk}", detail)
    environment.paused = paused
