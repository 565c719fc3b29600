"""What belongs to the person: the palette of places to go, the zone times are shown in."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from hub.portal.place import SESSION_ZONE, signed_in
from tenants.merchants.models import Environment
from tenants.merchants.scope import Scope

MERCHANTS = 200


@require_safe
@signed_in
def palette(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Merchants to go to, as a page part; the pages themselves are in the frame already."""
    rows = scope.environments().filter(kind=Environment.Kind.PRODUCTION)
    context = {
        "environments": list(rows.order_by("merchant__name")[:MERCHANTS]),
        "zones": sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
    }
    return render(request, "portal/palette.html", context)


@require_POST
@signed_in
def zone(request: HttpRequest, scope: Scope) -> HttpResponseBase:
    """POST ``zone`` (an IANA name, or empty for the account's own) and ``next`` (a path here)."""
    name = request.POST.get("zone", "")
    if name in available_timezones():
        request.session[SESSION_ZONE] = name
    elif not name:
        request.session.pop(SESSION_ZONE, None)
    onward = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(onward, {request.get_host()}, request.is_secure())
    return redirect(onward if safe else settings.LOGIN_REDIRECT_URL)
