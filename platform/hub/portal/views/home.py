"""The partner's home."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from hub.portal.page import show
from hub.portal.place import signed_in
from hub.portal.selectors.home import merchants_health
from tenants.merchants.scope import Scope


@require_safe
@signed_in
def home(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Every merchant the person may see, those in trouble first within the page."""
    text = request.GET.get("q", "").strip()
    rows, after = merchants_health(scope, text, request.GET.get("after", ""))
    order = {"bad": 0, "warn": 1, "quiet": 2, "good": 3}
    rows.sort(key=lambda row: order[row.tone])
    context = {
        "rows": rows,
        "after": after,
        "text": text,
        "troubled": sum(bool(row.exceptions or row.dead) for row in rows),
        "exceptions": sum(row.exceptions for row in rows),
        "dead": sum(row.dead for row in rows),
    }
    return show(request, scope, "portal/home.html", context, current="home")
