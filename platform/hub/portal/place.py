"""Where a person is in the portal: who they are, whose merchant, which environment.

Every page of a merchant is entered through `placed`, so nothing outside a person's scope can be
reached: a stranger gets 404 and doesn't learn that the thing is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone

from tenants.merchants.models import Environment, Merchant
from tenants.merchants.scope import Scope, request_scope
from tenants.people.models import Role, User

SESSION_ZONE = "time_zone"
"""Session key: IANA name of the zone the person chose for times on screen."""

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Place:
    """``siblings``: every environment of the merchant that the person may see, this one too."""

    user: User
    scope: Scope
    zone: ZoneInfo
    environment: Environment
    siblings: tuple[Environment, ...]

    @property
    def merchant(self) -> Merchant:
        return self.environment.merchant

    @property
    def sandbox(self) -> bool:
        return self.environment.kind == Environment.Kind.SANDBOX

    @property
    def sees_people(self) -> bool:
        """Whether names, e-mails, phones and addresses are shown or masked."""
        return sees_people(self.scope)

    def url(self, name: str, /, *, query: dict[str, Any] | None = None, **parts: Any) -> str:
        """Path of a page of this merchant and environment."""
        where = {"merchant": self.merchant.slug, "kind": self.environment.kind}
        path = reverse(name, kwargs={**where, **parts})
        return f"{path}?{urlencode(query, doseq=True)}" if query else path


def sees_people(scope: Scope) -> bool:
    """Those who mend things, and a merchant's own staff, see their customers' names."""
    return scope.may_operate or scope.role == Role.MERCHANT


def person_of(request: HttpRequest) -> User:
    """The signed-in person. Raises Http404 when nobody is."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def zone_of(request: HttpRequest, fallback: str = "") -> ZoneInfo:
    """The person's chosen zone, else their account's, else ``fallback``, else UTC."""
    account = request.user.time_zone if isinstance(request.user, User) else ""
    for name in (request.session.get(SESSION_ZONE, ""), account, fallback):
        if name and name in available_timezones():
            return ZoneInfo(name)
    return ZoneInfo("UTC")


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send them to sign in and back here; a page part asked for by htmx moves the whole page."""
    if request.headers.get("HX-Request"):
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = resolve_url(settings.LOGIN_URL)
        return answer
    return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))


def scope_here(request: HttpRequest) -> Scope:
    """The member's scope. The host's partner is known already, so it isn't read again."""
    request.membership.partner = request.tenant  # type: ignore[attr-defined]
    return request_scope(request)


def signed_in(view: View) -> View:
    """``view(request, scope, …)`` for a member of this partner; others go to sign-in."""

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if getattr(request, "membership", None) is None:
            return to_sign_in(request)
        with timezone.override(zone_of(request)):
            return view(request, scope_here(request), *args, **kwargs)

    return enter


def placed(view: View) -> View:
    """``view(request, place, …)`` for a URL that names merchant and environment; else 404."""

    @wraps(view)
    def enter(request: HttpRequest, merchant: str, kind: str, **kwargs: Any) -> HttpResponseBase:
        if getattr(request, "membership", None) is None:
            return to_sign_in(request)
        place = _find(request, merchant, kind)
        with timezone.override(place.zone):
            return view(request, place, **kwargs)

    return enter


def acting(view: View) -> View:
    """As `placed`, for people who may change things; a reader gets 403 with whom to ask."""

    @wraps(view)
    def act(request: HttpRequest, place: Place, **kwargs: Any) -> HttpResponseBase:
        if not place.scope.may_operate:
            raise PermissionDenied(
                "Your role can read this but not change it: ask an owner or operator to do it."
            )
        return view(request, place, **kwargs)

    return placed(act)


def _find(request: HttpRequest, merchant: str, kind: str) -> Place:
    scope = scope_here(request)
    rows = tuple(scope.environments().filter(merchant__slug=merchant).order_by("kind"))
    environment = next((row for row in rows if row.kind == kind), None)
    if environment is None:
        raise Http404
    zone = zone_of(request, environment.merchant.time_zone)
    return Place(person_of(request), scope, zone, environment, rows)


def id_or_none(text: str) -> UUID | None:
    """The UUID a filter in a URL names, or None if it isn't one."""
    try:
        return UUID(text)
    except ValueError:
        return None
