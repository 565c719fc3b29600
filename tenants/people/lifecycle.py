"""Every change of a membership, audited in the partner's own audit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kernel.audit.record import record
from tenants.context import partner_context
from tenants.partners.models import Partner
from tenants.people.models import Invitation, Membership, Role, User

INVITATION_LIFE = timedelta(days=7)


class NotPossible(ValueError):
    """The request can't be carried out as asked; the message says what to ask instead."""


def add_member(
    partner: Partner,
    email: str,
    role: str,
    *,
    actor: str,
    password: str | None = None,
    merchant_ids: Sequence[UUID] | None = None,
) -> Membership:
    """Make someone a member, with a new account if the address has none; idempotent.

    ``password`` is set only on a new account: an existing person keeps theirs. A member with
    another role or restriction gets the new one. Raises NotPossible for a merchant's role
    without merchants.
    """
    if role == Role.MERCHANT and not merchant_ids:
        raise NotPossible("A merchant's user needs at least one merchant: name it.")
    with partner_context(partner), transaction.atomic():
        user = User.objects.filter(email=email.strip().lower()).first()
        user = user or User.objects.create_user(email, password)
        ids = list(merchant_ids) if merchant_ids is not None else None
        membership = Membership.objects.filter(user=user, partner=partner).first()
        if membership is None:
            membership = Membership.objects.create(
                user=user, partner=partner, role=role, merchant_ids=ids
            )
            record(actor, "member.added", f"user:{user.pk}", {"role": str(role)})
        elif (membership.role, membership.merchant_ids) != (role, ids):
            old = membership.role
            membership.role, membership.merchant_ids = role, ids
            membership.save()
            record(actor, "member.role-changed", f"user:{user.pk}", {"old": old, "new": str(role)})
    return membership


def remove_member(membership: Membership, *, actor: str) -> None:
    """End a membership at once: open sessions are anonymous from the next request on."""
    with partner_context(membership.partner), transaction.atomic():
        record(actor, "member.removed", f"user:{membership.user_id}", {})
        membership.delete()


def invite(
    partner: Partner,
    email: str,
    role: str,
    *,
    actor: str,
    merchant_ids: Sequence[UUID] | None = None,
) -> tuple[Invitation, str]:
    """(the invitation, its token). The token is in no table: put it into the mail and forget it."""
    if role == Role.MERCHANT and not merchant_ids:
        raise NotPossible("A merchant's user needs at least one merchant: name it.")
    token = secrets.token_urlsafe(32)
    with partner_context(partner), transaction.atomic():
        invitation = Invitation.objects.create(
            partner=partner,
            email=email.strip().lower(),
            role=role,
            merchant_ids=list(merchant_ids) if merchant_ids is not None else None,
            token_hash=_hash(token),
            expires_at=timezone.now() + INVITATION_LIFE,
        )
        record(actor, "member.invited", f"invitation:{invitation.pk}", {"role": str(role)})
    return invitation, token


def accept(partner: Partner, token: str, password: str) -> Membership:
    """Answer an invitation on its partner's host. Raises NotPossible if it can't be used."""
    with partner_context(partner), transaction.atomic():
        invitation = (
            Invitation.objects.select_for_update()
            .filter(partner=partner, token_hash=_hash(token), accepted_at=None)
            .first()
        )
        if invitation is None or invitation.expires_at <= timezone.now():
            raise NotPossible(
                "This invitation was used or has expired: ask the person who invited you for a "
                "new one."
            )
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        membership = add_member(
            partner,
            invitation.email,
            invitation.role,
            actor="system:invitation",
            password=password,
            merchant_ids=invitation.merchant_ids,
        )
        user = f"user:{membership.user_id}"
        record(user, "member.joined", f"invitation:{invitation.pk}", {"role": invitation.role})
    return membership


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
