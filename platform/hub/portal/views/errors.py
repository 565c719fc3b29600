"""Error pages under the partner's brand, for what Django's own handlers would show plainly."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tenants.partners import selectors


def server_error(request: HttpRequest) -> HttpResponse:
    """500: asks nothing of the database but the brand, which the host look-up has read already."""
    partner = getattr(request, "tenant", None)
    brand = selectors.brand_of(partner) if partner else None
    return render(request, "500.html", {"brand": brand}, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose page was open for too long, or that came from elsewhere."""
    message = "This page was open for too long: go back, reload it, and send it again."
    return render(request, "403.html", {"exception": message}, status=403)
