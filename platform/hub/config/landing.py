"""The bare host's page: says where to go, names no partner."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """A page without data: partners' portals live on their own hosts."""
    return render(request, "config/landing.html")
