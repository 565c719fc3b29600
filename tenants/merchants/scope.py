"""What one signed-in person may see inside one partner: the only way screens reach merchants.

Anything outside the scope is answered with 404, never 403: a stranger doesn't learn that it is
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from tenants.merchants.models import Environment, Merchant
from tenants.partners.models import Partner
from tenants.people.models import Membership, Role

WRITERS = frozenset({Role.OWNER, Role.ADMIN, Role.OPERATOR})
ADMINS = frozenset({Role.OWNER, Role.ADMIN})
MONEY = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE})


@dataclass(frozen=True, slots=True)
class Scope:
    """``merchant_ids``: None means every merchant of the partner."""

    partner: Partner
    role: Role
    merchant_ids: frozenset[UUID] | None

    @property
    def may_operate(self) -> bool:
        """Resend, assign, resolve, pause."""
        return self.role in WRITERS

    @property
    def may_administer(self) -> bool:
        """Connections, mappings, members, brand."""
        return self.role in ADMINS

    @property
    def may_see_money(self) -> bool:
        """Invoices, rates, usage in money."""
        return self.role in MONEY

    def merchants(self) -> QuerySet[Merchant]:
        """The merchants this person may see."""
        rows = Merchant.objects.all()
        return rows if self.merchant_ids is None else rows.filter(pk__in=self.merchant_ids)

    def get_merchant(self, slug: str) -> Merchant:
        """Raises Http404 for one that isn't there or isn't theirs."""
        merchant = self.merchants().filter(slug=slug).first()
        if merchant is None:
            raise Http404
        return merchant

    def environments(self) -> QuerySet[Environment]:
        """The environments of those merchants; filter every other table by these."""
        rows = Environment.objects.select_related("merchant")
        if self.merchant_ids is not None:
            rows = rows.filter(merchant_id__in=self.merchant_ids)
        return rows

    def get_environment(self, slug: str, kind: str = Environment.Kind.PRODUCTION) -> Environment:
        """Raises Http404 for one that isn't there or isn't theirs."""
        environment = self.environments().filter(merchant__slug=slug, kind=kind).first()
        if environment is None:
            raise Http404
        return environment


def scope_of(membership: Membership) -> Scope:
    """The scope a membership gives."""
    ids = membership.merchant_ids
    return Scope(membership.partner, Role(membership.role), None if ids is None else frozenset(ids))


def request_scope(request: HttpRequest) -> Scope:
    """The scope of the signed-in person. Raises Http404 when nobody of this partner is."""
    membership = getattr(request, "membership", None)
    if membership is None:
        raise Http404
    return scope_of(membership)
