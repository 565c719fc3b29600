"""Signing in on a partner's host: only its members can, and strangers learn nothing."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest

from tenants.people import selectors
from tenants.people.membership import SESSION_PARTNER
from tenants.people.models import User


class PartnerBackend(AuthenticationBackend):
    """E-mail and password, of a member of the partner whose host was asked.

    Someone who isn't a member gets the same answer as someone who mistyped the password.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        user = super().authenticate(request, **credentials)
        partner = getattr(request, "tenant", None)
        if user is None or partner is None or selectors.membership(user, partner) is None:
            return None
        return user


class PartnerAccountAdapter(DefaultAccountAdapter):
    """allauth's hooks: no open sign-up, sessions bound to the partner, mail only to members."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People join by invitation."""
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        request.session[SESSION_PARTNER] = str(request.tenant.pk)  # type: ignore[attr-defined]

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Nothing is sent, and nothing said, to someone who isn't a member here."""
        if selectors.membership(user, self.request.tenant) is not None:
            super().send_password_reset_mail(user, email, context)
