"""Is this signed-in person one of this partner's? If not, they are nobody here."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from tenants.people import selectors

SESSION_PARTNER = "partner"
"""Session key: id of the partner on whose host the person signed in."""


class MembershipMiddleware:
    """Sets ``request.membership`` (None for anonymous).

    A session counts only on the host it began on, and only while the membership exists: a cookie
    carried to another partner's host, or kept after the membership ended, is anonymous.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.membership = None  # type: ignore[attr-defined]
        partner = getattr(request, "tenant", None)
        if request.user.is_authenticated:
            if partner and request.session.get(SESSION_PARTNER) == str(partner.pk):
                request.membership = selectors.membership(request.user, partner)  # type: ignore[attr-defined]
            if request.membership is None:  # type: ignore[attr-defined]
                request.user = AnonymousUser()
        return self.get_response(request)
