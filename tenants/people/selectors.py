"""Reads about people and their memberships. All rows are in `public`."""

from __future__ import annotations

from django.db.models import QuerySet

from tenants.partners.models import Partner
from tenants.people.models import Membership, User


def membership(user: User, partner: Partner) -> Membership | None:
    """What the user may do at the partner, or None."""
    return Membership.objects.filter(user=user, partner=partner).first()


def members(partner: Partner) -> QuerySet[Membership]:
    """The partner's members with their users, by e-mail."""
    return partner.memberships.select_related("user").order_by("user__email")
