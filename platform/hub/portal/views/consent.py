"""Connecting a system by agreeing there: the page with the button, the way back, the keys' door."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from hub.connections import consent
from hub.connections.consent import NotTaken, Why
from hub.connections.models import Connection
from hub.portal.page import show
from hub.portal.place import Place, acting, person_of, signed_in
from hub.portal.selectors.connections import cards
from hub.portal.systems import system
from tenants.merchants.models import Environment
from tenants.merchants.scope import Scope
from tenants.partners.selectors import brand_of

#: More than any key or token takes.
LONGEST = 64 * 1024
STATE = "state"
HEADS = {
    Why.UNKNOWN: "Nothing here belongs to you",
    Why.EXPIRED: "This link has run out",
    Why.USED: "This link was used already",
    Why.DECLINED: "It was not connected",
}


@require_http_methods(["GET", "HEAD", "POST"])
@acting
def connect(request: HttpRequest, place: Place, connection: str) -> HttpResponseBase:
    """GET: what will happen, and how it went last time. POST: off to the other system."""
    if not place.scope.may_administer:
        raise PermissionDenied("Your role can't connect systems: ask an owner or an admin.")
    row = cards(place.environment, connection)[0].system.row
    if not consent.offered(row):
        raise Http404
    host = urlsplit(str(row.config.get("url", ""))).netloc
    context: dict[str, Any] = {"row": row, "system": system(row), "host": host}
    if request.method != "POST":
        last = consent.latest(row)
        context |= {"last": last, "lines": [consent.line_of(x) for x in last.lines] if last else []}
        return show(request, place, "portal/connect.html", context, current="connections")
    address = consent.begin(
        row,
        person=place.user.pk,
        return_to=request.build_absolute_uri(reverse("connect_back")),
        callback=request.build_absolute_uri(reverse("connect_keys")),
        product=brand_of(place.scope.partner).product_name,
    )
    context["address"] = address
    answer = show(request, place, "portal/connect_leaving.html", context, current="connections")
    # A redirect would be a form that ends at a foreign origin, which our own policy forbids.
    answer["Refresh"] = f"0; url={address}"
    return answer


@require_GET
@signed_in
def back(request: HttpRequest, scope: Scope) -> HttpResponseBase:
    """The person is back with ``state``: to the connection's page, which says how it went."""
    try:
        found = consent.returned(
            request.GET.get(STATE, ""), request.GET.dict(), person=person_of(request).pk
        )
    except NotTaken as problem:
        return _not_taken(request, scope, problem)
    place = _place(scope, found.connection)
    if place is None:
        return _not_taken(request, scope, NotTaken(Why.UNKNOWN, "Ask an owner who sees it."))
    return redirect(place)


@csrf_exempt
@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    """The other system posts credentials; the unguessable ``state`` is all that says whose."""
    body = request.body
    if len(body) > LONGEST:
        return _plain("That is too long to be a key.", 413)
    try:
        consent.posted(request.GET.get(STATE, ""), body)
    except NotTaken as problem:
        status = {Why.UNKNOWN: 404, Why.DECLINED: 400}.get(problem.why, 410)
        return _plain(str(problem), status)
    return _plain("Kept.", 200)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _not_taken(request: HttpRequest, scope: Scope, problem: NotTaken) -> HttpResponse:
    """The row is shown only to the person who asked: for anybody else there is none."""
    begin = None
    if problem.consent and problem.consent.person_id == person_of(request).pk:
        begin = _place(scope, problem.consent.connection)
    context = {"head": HEADS[problem.why], "why": str(problem), "begin": begin}
    status = {Why.UNKNOWN: 404, Why.DECLINED: 200}.get(problem.why, 410)
    return show(request, scope, "portal/connect_not_taken.html", context, status=status)


def _place(scope: Scope, connection: Connection) -> str | None:
    """Path of the connection's page, if the person may see its merchant."""
    found: Environment | None = scope.environments().filter(pk=connection.environment_id).first()
    if found is None:
        return None
    where = {"merchant": found.merchant.slug, "kind": found.kind, "connection": connection.slug}
    return reverse("connect", kwargs=where)
